"""`winnow select` over a repository, end to end: the real command on a real repository in a real sandbox."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import winnow as front

Git = Callable[..., str]
Winnow = Callable[..., subprocess.CompletedProcess[str]]

ISSUE = """# total of several prices is negative

```python
>>> from shop.prices import total
>>> total([1, 2, 3])
-6.0
```

It should be `6.0`.
"""
RIGHT = ("result -= discount(price, percent)", "result += discount(price, percent)")
CHANGES = {
    "one/right": RIGHT,
    "one/spelled": (RIGHT[0], "result = result + discount(price, percent)"),
    "two/breaks": ("return max(reduced, 0)", "return reduced"),
    "two/empty": ("", ""),
    "three/nothing": ("return min(prices) if prices else None", "return min(prices) if len(prices) else None"),
}


@pytest.fixture
def candidates(shop: Path, git: Git) -> Path:
    """Diffs of three systems: right ones, one that breaks a test, one that is beside the point, and an empty one."""
    folder = shop.parent / "candidates"
    source = shop / "shop/prices.py"
    text = source.read_text()
    for name, (old, new) in CHANGES.items():
        if old:
            source.write_text(text.replace(old, new))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.diff").write_text(git(shop, "diff"))
        source.write_text(text)
    (shop.parent / "issue.md").write_text(ISSUE)
    return folder


def result_of(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, object]:
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_right_change_is_chosen_by_what_runs_and_nothing_runs_twice(
    winnow: Winnow, shop: Path, candidates: Path, digest: Callable[[Path], str]
) -> None:
    before, out = digest(shop), shop.parent / "out"
    asked = [
        "select",
        "-C",
        shop,
        "-i",
        shop.parent / "issue.md",
        candidates,
        "--evidence-out",
        out / "pool.jsonl",
        "--json",
    ]
    result = result_of(winnow(*asked, "--out", out, "--patch-out", out / "fix.diff"))
    assert (result["status"], result["chosen"]) == (
        "chosen",
        "one/right",
    )  # by the issue's code; then the smaller spelling
    assert (result["candidates"], result["distinct"], result["fell"], result["probes"]) == (5, 4, 1, 1)
    assert result["files"] == ["shop/prices.py"]
    assert digest(shop) == before
    assert "+        result += discount" in (out / "fix.diff").read_text()
    page = (out / "selection.md").read_text()
    assert "breaks tests/test_prices.py::test_discount_stays_positive" in page
    assert "empty patch" in page
    ElementTree.parse(out / "selection.svg")
    again = result_of(winnow(*asked, "--policy", "fusion"))
    assert (again["chosen"], again["ran"]) == (result["chosen"], 0)
    bench = result_of(winnow("select", "bench", out / "pool.jsonl", "--policy", "default,shortest", "--json"))
    assert (bench["pools"], bench["with_execution"]) == (1, 1)
    explained = result_of(winnow("select", "explain", out / "selection-log.json", "--out", out / "why", "--json"))
    assert explained["selection"] == json.loads((out / "selection.json").read_text())["selection"]


def test_people_see_the_patch_and_why(winnow: Winnow, shop: Path, candidates: Path) -> None:
    done = winnow("select", "-C", shop, "-i", shop.parent / "issue.md", candidates)
    assert done.returncode == 0, done.stderr
    for words in (
        "chosen: one/right",
        "+        result += discount",
        "5 candidates, 4 distinct",
        "3 came through, 1 fell",
    ):
        assert words in done.stdout


def test_without_execution_texts_decide_and_no_sandbox_is_opened(winnow: Winnow, shop: Path, candidates: Path) -> None:
    result = result_of(winnow("select", "-C", shop, candidates, "--no-execution", "--json"))
    assert (result["status"], result["sandbox"], result["ran"], result["distinct"]) == ("chosen", "", 0, 4)


def test_a_failing_test_that_a_change_repairs_speaks_for_it(winnow: Winnow, shop: Path, candidates: Path) -> None:
    log = shop.parent / "out"
    result = result_of(winnow("select", "-C", shop, candidates, "--json", "--out", log))
    assert (result["chosen"], result["rule"]) == ("one/right", "size")
    gates = {gate["leader"]: gate for gate in json.loads((log / "selection-log.json").read_text())["evidence"]["gates"]}
    assert {name: gate.get("repairs", 0) for name, gate in gates.items()} == {
        "one/right": 2,
        "one/spelled": 2,
        "two/breaks": 0,
        "three/nothing": 0,
    }
    assert "repaired: tests/test_prices.py::test_total" in gates["one/right"]["reason"]


def test_named_tests_must_pass(winnow: Winnow, shop: Path, candidates: Path) -> None:
    asked = ["select", "-C", shop, candidates, "--json", "-t"]
    result = result_of(winnow(*asked, "tests/test_prices.py::test_total"))
    assert (result["chosen"], result["got_through"], result["fell"]) == ("one/right", 2, 2)
    error = result_of(winnow(*asked, "tests/test_prices.py::test_totall"), code=22)["error"]
    assert "Did you mean" in error["hint"] or "test id" in error["hint"]  # type: ignore[index]
    error = result_of(winnow(*asked, "tests/test_prices.py::test_cheapest"), code=22)["error"]
    assert "does not fail on the base commit" in error["message"]  # type: ignore[index]
    error = result_of(winnow(*asked, "tests/test_prices.py::test_total", "--no-execution"), code=2)["error"]
    assert "--failing-test" in error["hint"]  # type: ignore[index]


def test_a_base_is_a_commit_and_the_checkout_may_be_elsewhere(
    winnow: Winnow, shop: Path, candidates: Path, git: Git
) -> None:
    base = git(shop, "rev-parse", "HEAD").strip()
    (shop / "shop/prices.py").write_text("")
    git(shop, "commit", "-qam", "later")
    asked = ["select", "-C", shop, "-i", shop.parent / "issue.md", candidates, "--json"]
    assert result_of(winnow(*asked, "--base", base[:10]))["chosen"] == "one/right"
    assert result_of(winnow(*asked), code=10)["reason"] == "none of 5 candidates could enter the pool"
    error = result_of(winnow(*asked, "--base", "nowhere"), code=20)["error"]
    assert "no commit nowhere" in error["message"]  # type: ignore[index]


def test_a_price_makes_it_abstain(winnow: Winnow, shop: Path, candidates: Path) -> None:
    result = result_of(
        winnow("select", "-C", shop, candidates, "--no-execution", "--price-of-wrong", "99", "--json"), code=10
    )
    assert (result["status"], result["patch"], result["rule"]) == ("abstained", "", "price of wrong")


def test_a_repository_without_tests_and_a_probe_from_outside(
    winnow: Winnow, shop: Path, candidates: Path, git: Git
) -> None:
    git(shop, "rm", "-rq", "tests")
    git(shop, "commit", "-qm", "no tests")
    probe = shop.parent / "probe.py"
    probe.write_text("from shop.prices import total\nraise SystemExit(0 if total([1, 2]) == 3 else 2)\n")
    result = result_of(winnow("select", "-C", shop, candidates, "--probe", probe, "--json"))
    assert (result["chosen"], result["got_through"], result["fell"], result["probes"]) == ("one/right", 0, 0, 1)


@pytest.mark.parametrize(
    "argv, code, message",
    [
        (("nowhere",), 25, "nowhere does not exist"),
        (("candidates", "--policy", "oracle"), 2, "There is no policy 'oracle'"),
        (("candidates", "--probe", "none.py"), 25, "none.py cannot be read"),
        (("candidates", "--issue", "./none.md"), 21, "none.md"),
        (("candidates", "--task", "t", "-C", "/"), 20, "is not in a git repository"),
    ],
)
def test_bad_input_is_one_sentence_and_a_code(
    winnow: Winnow, shop: Path, candidates: Path, argv: tuple[str, ...], code: int, message: str
) -> None:
    where = () if "-C" in argv else ("-C", shop)
    error = result_of(winnow("select", *where, *argv, "--json", cwd=candidates.parent), code)["error"]
    assert message in error["message"]  # type: ignore[index]


def test_the_python_call_returns_what_json_prints(
    winnow: Winnow, shop: Path, candidates: Path, user: Path, environments: Path
) -> None:
    printed = result_of(winnow("select", "-C", shop, candidates, "--no-execution", "--json"))
    returned = front.select(shop, candidates, execution=False, run={"cache_dir": environments})
    assert {**returned.model_dump(mode="json"), "seconds": 0} == {**printed, "seconds": 0}
