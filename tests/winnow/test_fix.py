"""The main job, end to end: the real command on a real repository in a real sandbox."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import winnow as front

Git = Callable[..., str]
Winnow = Callable[..., subprocess.CompletedProcess[str]]
FAILING = "tests/test_prices.py::test_total"


def result_of(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, object]:
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_bug_that_a_test_shows_is_repaired(winnow: Winnow, shop: Path, digest: Callable[[Path], str]) -> None:
    before = digest(shop)
    result = result_of(winnow("fix", "--repo", shop, "--failing-test", FAILING, "--json"))
    assert result["status"] == "plausible"
    assert "+        result += discount(price, percent)" in str(result["patch"])
    assert result["files"] == ["shop/prices.py"]
    assert result["targets"] == [FAILING]
    assert (result["before"]["failed"], result["after"]["failed"], result["after"]["passed"]) == (2, 0, 5)  # type: ignore[index]
    assert result["contest"]["tried"] > 0  # type: ignore[index]
    assert result["usage"]["cpu_seconds"] > 0  # type: ignore[index]
    assert digest(shop) == before
    kept = Path(str(result["run_dir"]))
    assert {"selection.md", "selection.svg"} <= {path.name for path in kept.iterdir()}
    explained = result_of(winnow("select", "explain", kept / "selection-log.json", "--out", shop.parent, "--json"))
    assert explained == json.loads((kept / "selection.json").read_text())


def test_without_a_name_the_targets_are_what_fails(winnow: Winnow, shop: Path) -> None:
    (shop / "bug.md").write_text("# total is wrong\n\n`total([1, 2])` gives -3.\n")
    result = result_of(winnow("fix", "--issue", "bug.md", "--json", cwd=shop))
    assert sorted(result["targets"]) == [
        "tests/test_prices.py::test_total",
        "tests/test_prices.py::test_total_with_discount",
    ]  # type: ignore[call-overload]
    assert "+=" in str(result["patch"])


def test_people_see_the_patch_the_tests_the_rivals_and_the_price(winnow: Winnow, shop: Path) -> None:
    done = winnow("fix", "-C", shop, "-t", FAILING)
    assert done.returncode == 0, done.stderr
    for word in (
        "plausible patch",
        "+        result += discount",
        "target tests",
        "suite before",
        "suite after",
        "rivals",
        "why",
        "CPU-s",
        "explained in",
    ):
        assert word in done.stdout
    assert "fixed" not in done.stdout.lower()
    assert "\x1b" not in done.stdout + done.stderr  # not a terminal
    assert "tests on base: 3 pass, 2 fail" in done.stderr


def test_the_python_call_returns_what_json_prints(
    winnow: Winnow, shop: Path, user: Path, environments: Path, confined: str
) -> None:
    printed = result_of(winnow("fix", "-C", shop, "-t", FAILING, "--json"))
    returned = front.fix(
        shop,
        failing_tests=[FAILING],
        run={"cache_dir": environments, "state_dir": user / "state"},
        sandbox={"kind": confined},
    )
    own = returned.model_dump(mode="json")
    assert own.keys() == printed.keys()
    for key in ("status", "patch", "files", "summary", "targets", "before", "contest", "confidence", "exit_code"):
        assert own[key] == printed[key], key


def test_the_same_seed_gives_the_same_patch_with_several_trajectories(winnow: Winnow, shop: Path) -> None:
    first, second = (result_of(winnow("fix", "-C", shop, "-n", "2", "--seed", "5", "--json")) for _ in range(2))
    assert first["patch"] == second["patch"]
    assert first["contest"] == second["contest"]
    assert first["contest"]["trajectories"] == 2  # type: ignore[index]


def test_uncommitted_work_is_part_of_the_base_and_is_kept(winnow: Winnow, shop: Path, git: Git) -> None:
    prices = shop / "shop/prices.py"
    prices.write_text(prices.read_text() + "\n\ndef dearest(prices):\n    return max(prices)\n")
    (shop / "tests/test_dearest.py").write_text(
        "from shop.prices import dearest\n\n\ndef test_dearest():\n    assert dearest([1, 3]) == 3\n"
    )
    result = result_of(winnow("fix", "-C", shop, "-t", FAILING, "--apply", "--json"))
    assert result["after"]["passed"] == 6  # type: ignore[index]
    text = prices.read_text()
    assert "def dearest" in text
    assert "result += discount" in text
    assert "test_dearest" not in str(result["patch"])
    assert git(shop, "status", "--porcelain").split() == ["M", "shop/prices.py", "??", "tests/test_dearest.py"]


def test_a_branch_gets_the_patch_and_the_tree_stays(winnow: Winnow, shop: Path, git: Git) -> None:
    result = result_of(winnow("fix", "-C", shop, "-t", FAILING, "--branch", "winnow/total", "--json"))
    assert result["delivered"]["branch"] == "winnow/total"  # type: ignore[index]
    assert "result -= discount" in (shop / "shop/prices.py").read_text()
    assert git(shop, "status", "--porcelain") == ""
    assert "+        result += discount" in git(shop, "diff", "main", "winnow/total")
    assert "Plausible patch by Winnow" in git(shop, "log", "-1", "--format=%b", "winnow/total")


def test_a_branch_that_exists_loses_nothing(winnow: Winnow, shop: Path) -> None:
    result = result_of(winnow("fix", "-C", shop, "-t", FAILING, "--branch", "main", "--json"), code=24)
    assert "patch.diff" in result["error"]["hint"]  # type: ignore[index]
    shown = result_of(winnow("show", "last", "--json"))
    assert "result += discount" in str(shown["patch"])


def test_a_patch_file_applies(winnow: Winnow, shop: Path, tmp_path: Path, git: Git) -> None:
    result_of(winnow("fix", "-C", shop, "-t", FAILING, "--patch-out", tmp_path / "out.diff", "--json"))
    git(shop, "apply", str(tmp_path / "out.diff"))
    assert "result += discount" in (shop / "shop/prices.py").read_text()


def test_nothing_plausible_says_why_and_has_its_own_code(winnow: Winnow, shop: Path) -> None:
    (shop / "tests/test_tax.py").write_text(
        "from shop.prices import total\n\n\ndef test_tax():\n    assert total([7, 8, 9]) == 'about 31 and a half with tax'\n"
    )
    done = winnow("fix", "-C", shop, "-t", "tests/test_tax.py::test_tax", "--max-candidates", "200")
    assert done.returncode == 10
    assert "nothing plausible" in done.stdout
    assert "200" in done.stdout


def test_a_failing_test_that_has_nothing_to_do_with_it_blocks_nothing(winnow: Winnow, shop: Path, git: Git) -> None:
    """As when a new Python breaks one test of a release."""
    (shop / "tests/test_platform.py").write_text(
        "import sys\n\nfrom shop.prices import cheapest\n\n\n"
        "def test_platform():\n    assert (cheapest([1]), sys.version_info) < (1, (3,))\n"
    )
    (shop / "tests/test_old.py").write_text("import a_module_that_was_taken_out_of_python\n")
    done = winnow("fix", "-C", shop, "--branch", "winnow/total")
    assert done.returncode == 0, done.stderr
    assert "still failing" in done.stdout
    result = result_of(winnow("show", "last", "--json"))
    assert "+        result += discount(price, percent)" in str(result["patch"])
    assert sorted(result["targets"]) == [  # type: ignore[call-overload]
        "tests/test_prices.py::test_total",
        "tests/test_prices.py::test_total_with_discount",
    ]
    assert sorted(result["still_failing"]) == ["tests/test_old.py", "tests/test_platform.py::test_platform"]  # type: ignore[call-overload]
    message = git(shop, "log", "-1", "--format=%b", "winnow/total")
    assert "still do:\n  tests/test_" in message
    named = ["-t", FAILING, "-t", "tests/test_platform.py::test_platform"]
    assert winnow("fix", "-C", shop, *named, "--max-candidates", "200").returncode == 10


def test_no_failing_test_is_said_and_nothing_is_searched(winnow: Winnow, shop: Path) -> None:
    result_of(winnow("fix", "-C", shop, "--apply", "--json"))
    result = result_of(winnow("fix", "-C", shop, "--issue", "The shop should sell bread.", "--json"), code=10)
    assert "no test fails on the base commit" in str(result["reason"])


def test_runs_are_listed_and_shown(winnow: Winnow, shop: Path) -> None:
    result = result_of(winnow("fix", "-C", shop, "-t", FAILING, "--json"))
    listed = json.loads(winnow("runs", "--json").stdout)
    assert [(row["run_id"], row["state"], row["result"]) for row in listed] == [
        (result["run_id"], "finished", "plausible")
    ]
    assert result["run_id"] in winnow("runs").stdout
    assert result_of(winnow("show", "last", "--json")) == result
    assert result_of(winnow("resume", "last", "--json")) == result


def test_unittest_suites_work(winnow: Winnow, shop: Path) -> None:
    (shop / "tests/test_prices.py").write_text(
        "import unittest\n\nfrom shop.prices import total\n\n\nclass Prices(unittest.TestCase):\n"
        "    def test_total(self):\n        self.assertEqual(total([1, 2, 3]), 6)\n\n"
        "    def test_nothing(self):\n        self.assertEqual(total([]), 0)\n"
    )
    (shop / "tests/__init__.py").write_text("")
    result = result_of(winnow("fix", "-C", shop, "--test-command", "python -m unittest", "--json"))
    assert "result += discount" in str(result["patch"])
    assert result["targets"] == ["tests.test_prices.Prices.test_total"]


@pytest.mark.docker
def test_docker_gives_the_same_patch(winnow: Winnow, shop: Path, docker_base: str) -> None:
    result = result_of(
        winnow("fix", "-C", shop, "-t", FAILING, "--sandbox", "docker", "--base-image", docker_base, "--json")
    )
    assert result["sandbox"] == "docker"
    assert "result += discount" in str(result["patch"])
