def test_try(any_bench):
    b = any_bench
    import json

    s = json.dumps([x.model_dump() for x in b.tools.specs])
    print(len(s), len(s) / 4)
    for c in [
        ("shell", dict(command="echo hi; echo err >&2; git status --short; pwd; false")),
        ("view", dict(path=".")),
        ("view", dict(path="pkg/core.py")),
        ("search", dict(pattern="size")),
        ("search", dict(symbol="size")),
        ("search", dict(symbol="Box.size")),
        ("search", dict(pattern="def size(")),
        ("edit", dict(path="pkg/core.py", old="return 1", new="return 2")),
        (
            "edit",
            dict(
                path="pkg/core.py", old="def size(self):\n    return 2", new="def size(self):\n    x = 3\n    return x"
            ),
        ),
        ("edit", dict(path="pkg/core.py", old="return 0", new="return (")),
        ("edit", dict(path="pkg/core.py", old="retrn box.size()", new="x")),
        ("view", dict(path="core.py")),
        ("submit", {}),
        ("bash", {}),
        ("write_probe", dict(content="import sys; sys.exit(2)")),
        ("run_tests", dict(tests=["tests/test_core.py"])),
    ]:
        o = b.call(c[0], **c[1])
        print("=====", c, o.ok, dict(o.data))
        print(o.text)
    import time

    for name, args in [
        ("shell", dict(command="true")),
        ("view", dict(path="pkg/core.py")),
        ("search", dict(pattern="size")),
        ("edit", dict(path="docs/guide.md", old="Guide", new="Guide x")),
    ]:
        t = time.perf_counter()
        b.call(name, **args)
        print(name, time.perf_counter() - t)
    t = time.perf_counter()
    b.workspace.box.exec(("true",), timeout=9)
    print("exec", time.perf_counter() - t)
    t = time.perf_counter()
    b.workspace.box.exec(("bash", "-c", "true"), timeout=9)
    print("exec", time.perf_counter() - t)
