"""The modules of `sandbox.inside` as one command line, for a Python that knows nothing of Winnow."""

import json
from functools import cache
from importlib import resources

LOADER = """\
import json, sys, types
for name, source in json.loads(sys.argv.pop(1)):
    module = types.ModuleType(name)
    sys.modules[name] = module
    module.__path__ = []
    parent, _, leaf = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], leaf, module)
    exec(compile(source, name, "exec"), module.__dict__)
module.main()
"""

SUPERVISOR = ("wire", "processes", "command", "files", "lockdown", "supervisor")
"""Modules in the order in which they import each other; the last one's `main` is called."""


@cache
def program(*modules: str) -> tuple[str, str]:
    """Return the arguments that follow `python3 -I -S -c`: a loader, and the modules that it loads."""
    folder = resources.files("sandbox.inside")
    sources = [(f"sandbox.inside.{name}", (folder / f"{name}.py").read_text("utf-8")) for name in modules]
    return LOADER, json.dumps([("sandbox", ""), ("sandbox.inside", ""), *sources])
