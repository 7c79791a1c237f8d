"""How often the repairer's engine mends one-edit bugs in real packages, and how fast.

    python bench/repair/bench.py --set development --bugs 3 --seed 1 --home /tmp/bench --out results

Bugs are made first (and kept under --home, so that a changed engine meets the same ones), then searched. Tests are split in halves:
the engine sees one, the other says whether a patch restores the original behaviour. With --one it sees a single failing test and a
quarter of the passing ones, so that more wrong edits pass and the choice between them is harder.
"""

import argparse
import ast
import dataclasses
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from inject import Bug, propose  # noqa: E402
from packages import DEVELOPMENT, HELD_BACK, Project, prepare  # noqa: E402

from agent.repair.archive import engine_archive  # noqa: E402
from envs.normal_form import normalise  # noqa: E402
from envs.trees import FileChange  # noqa: E402
from winnow.settings import Repair  # noqa: E402

JUDGED = 20
"""Edits of one search that are judged by the hidden tests: the best by score, and the one found first."""
LIMITS = Repair()
"""Those of `winnow fix`."""
MAX_SHARE = 0.5
"""A bug that breaks more of the suite than this is none that anybody would ship."""


def main() -> None:
    """Make bugs, search them, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=["development", "held-back"], default="development")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--bugs", type=int, default=2, help="per package")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, default=Path("/tmp/winnow-repair-bench"))
    parser.add_argument("--out", type=Path, default=Path("repair-bench"))
    parser.add_argument("--make-only", action="store_true")
    parser.add_argument("--one", action="store_true")
    options = parser.parse_args()
    packages = DEVELOPMENT if options.set == "development" else HELD_BACK
    rows = []
    for package in packages:
        if (options.only and package.name not in options.only) or package.name in options.without:
            continue
        try:
            project = prepare(package, options.home / "packages")
        except subprocess.CalledProcessError as error:
            print(f"{package.name}: left out, {error}", flush=True)
            continue
        for case in cases(project, options.home / "bugs", options.bugs, options.seed):
            if options.make_only:
                continue
            row = search(project, with_one(case) if options.one else case)
            rows.append(row)
            print(line(row), flush=True)
            report(rows, options.out)
    if rows:
        print(summary(rows))


def cases(project: Project, home: Path, count: int, seed: int) -> list[dict]:
    """Bugs of one package with their tests, split; made once and kept."""
    kept = home / f"{project.package.name}-{seed}-{count}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    found: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        base = stable_outcomes(project, scratch)
        passing = sorted(test for test, outcome in base.items() if outcome == "passed")
        code = project.tree / project.package.code
        files = (
            [code]
            if code.is_file()
            else sorted(
                path for path in code.rglob("*.py") if not {"tests", "test"} & set(path.parts[len(code.parts) :])
            )
        )
        files = [path for path in files if path.name not in ("__main__.py", "setup.py", "conftest.py")]
        for bug in propose(files, project.tree, f"{project.package.name}/{seed}"):
            if len(found) == count or len(passing) < 4:
                break
            case = make(project, bug, passing, scratch, f"{seed}/{len(found)}")
            if case is not None:
                found.append(case)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found, indent=1))
    print(f"{project.package.name}: {len(passing)} passing tests, {len(found)} bugs", flush=True)
    return found


def with_one(case: dict) -> dict:
    """The case with one visible failing test, and half of the visible passing ones hidden too."""
    failing, passing = sorted(case["visible_failing"]), sorted(case["visible_passing"])
    dice = random.Random(json.dumps(case["bug"], sort_keys=True))
    kept = dice.choice(failing)
    dice.shuffle(passing)
    return {
        **case,
        "visible_failing": [kept],
        "hidden_failing": [*case["hidden_failing"], *(test for test in failing if test != kept)],
        "visible_passing": passing[: len(passing) // 2],
        "hidden_passing": [*case["hidden_passing"], *passing[len(passing) // 2 :]],
    }


def stable_outcomes(project: Project, scratch: Path) -> dict[str, str]:
    """Outcomes that two runs agree on."""
    first, second = (project.outcomes(project.tree, project.package.tests, scratch) for _ in range(2))
    return {test: outcome for test, outcome in first.items() if second.get(test) == outcome}


def make(project: Project, bug: Bug, passing: list[str], scratch: Path, seed: str) -> dict | None:
    """The bug with a split of the tests; None when no test catches it, or when it breaks too much."""
    tree = copy(project, bug, scratch)
    if tree is None:
        return None
    outcomes = project.outcomes(tree, project.package.tests, scratch, timeout=120)
    failing = [test for test in passing if outcomes.get(test) == "failed"]
    still = [test for test in passing if outcomes.get(test) == "passed"]
    if not failing or not still or len(failing) > MAX_SHARE * len(passing):
        return None
    dice = random.Random(seed)
    dice.shuffle(failing)
    dice.shuffle(still)
    half = (len(failing) + 1) // 2
    return {
        "bug": dataclasses.asdict(bug),
        "visible_failing": sorted(failing[:half]),
        "hidden_failing": sorted(failing[half:]),
        "visible_passing": sorted(still[: len(still) // 2]),
        "hidden_passing": sorted(still[len(still) // 2 :]),
    }


def copy(project: Project, bug: Bug, scratch: Path) -> Path | None:
    """A copy of the tree with the bug in it; None when that is not Python."""
    tree = scratch / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(project.tree, tree)
    path = tree / bug.path
    text = path.read_bytes()
    text = text[: bug.start] + bug.text.encode() + text[bug.end :]
    try:
        compile(text, bug.path, "exec", dont_inherit=True)
    except SyntaxError:
        return None
    path.write_bytes(text)
    return tree


def search(project: Project, case: dict) -> dict:
    """Run the engine on one bug and judge its edits by the hidden tests."""
    bug = Bug(**case["bug"])
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        tree = copy(project, bug, scratch)
        assert tree is not None
        hidden = case["hidden_failing"] + case["hidden_passing"]
        events, cpu, wall = run_engine(project, tree, scratch, case, hidden)
        last = {event["event"]: event for event in events}
        edits = [event for event in events if event["event"] == "plausible"]
        scores = last.get("scores", {}).get("scores", {})
        for edit in edits:
            edit["score"] = scores.get(str(edit["index"]), edit["score"])
        ranked = sorted(edits, key=lambda event: (-event["score"], event["index"]))
        wanted = case["visible_failing"] + case["visible_passing"] + hidden
        for place, edit in enumerate(ranked):
            edit["same"] = same(project, bug, tree, edit)
            edit["size"] = size(tree, edit)
            judged = place < JUDGED or edit is edits[0]
            edit["right"] = edit["same"] or (judged and restores(project, tree, edit, wanted, scratch))
        progress = last.get("progress", {})
        done = last.get("done", {"reason": "dead", "detail": ""})
        return {
            "package": project.package.name,
            "bug": case["bug"],
            "failing": len(case["visible_failing"]),
            "hidden_failing": len(case["hidden_failing"]),
            "reason": done["reason"],
            "detail": done["detail"][-600:],
            "plausible": len(edits),
            "first_right": bool(edits) and edits[0]["right"],
            "chosen_right": bool(ranked) and ranked[0]["right"],
            "smallest_right": bool(ranked) and min(ranked, key=lambda edit: edit["size"])["right"],
            "pool_right": any(edit["right"] for edit in edits),
            "same": any(edit["same"] for edit in edits),
            "first_index": edits[0]["index"] if edits else None,
            "tried": done.get("tried", 0),
            "total": progress.get("total"),
            "rate": round((done["tried"] - done["reloads"]) / done["search_cpu_s"])
            if done.get("search_cpu_s")
            else None,
            "baseline_cpu_s": last.get("located", {}).get("cpu_s"),
            "cpu_s": round(cpu, 2),
            "wall_s": round(wall, 2),
            "located": [item["function"] for item in last.get("located", {}).get("functions", [])],
            "edits": ranked,
        }


def run_engine(
    project: Project, tree: Path, scratch: Path, case: dict, hidden: list[str]
) -> tuple[list[dict], float, float]:
    """The engine on one tree: its events, CPU seconds, wall seconds."""
    archive, request, hide = scratch / "engine.pyz", scratch / "request.json", scratch / "hide.json"
    archive.write_bytes(engine_archive())
    hide.write_text(json.dumps(hidden))
    pytest = project.package.kind == "pytest"
    arguments = ["-p", "winnow_bench", "-p", "no:cacheprovider"] if pytest else []
    places = project.package.tests if pytest else []
    arguments += [] if pytest else project.package.tests
    request.write_text(
        json.dumps(
            {
                "workdir": str(tree),
                "kind": project.package.kind,
                "arguments": arguments,
                "tests": places,
                "failing": case["visible_failing"],
                "max_candidates": LIMITS.max_candidates,
                "max_plausible": LIMITS.max_plausible,
            }
        )
    )
    environment = project.environment(tree, BENCH_HIDE=str(hide))
    started, before = time.monotonic(), os.times()
    answer = subprocess.run(
        [str(project.python), str(archive), str(request)],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return [json.loads(text) for text in answer.stdout.splitlines()], cpu, time.monotonic() - started


def restores(project: Project, tree: Path, edit: dict, wanted: list[str], scratch: Path) -> bool:
    """True when every test that passed on the original passes with the edit."""
    path = tree / edit["path"]
    text = path.read_bytes()
    path.write_bytes(text[: edit["start"]] + edit["replacement"].encode() + text[edit["end"] :])
    try:
        outcomes = project.outcomes(tree, project.package.tests, scratch, timeout=120)
    finally:
        path.write_bytes(text)
    return all(outcomes.get(test) == "passed" for test in wanted)


def same(project: Project, bug: Bug, tree: Path, edit: dict) -> bool:
    """True when the edit gives back the original file, but for its layout."""
    text = (tree / edit["path"]).read_bytes()
    text = text[: edit["start"]] + edit["replacement"].encode() + text[edit["end"] :]
    return edit["path"] == bug.path and ast.dump(ast.parse(text)) == ast.dump(
        ast.parse((project.tree / bug.path).read_bytes())
    )


def size(tree: Path, edit: dict) -> int:
    """Changed tokens of the normalised change."""
    before = (tree / edit["path"]).read_bytes()
    after = before[: edit["start"]] + edit["replacement"].encode() + before[edit["end"] :]
    return normalise([FileChange(path=edit["path"], before=before, after=after)]).size


def line(row: dict) -> str:
    """One bug in one line."""
    bug = row["bug"]
    marks = "".join(
        mark if row[name] else "-"
        for mark, name in (("P", "plausible"), ("C", "chosen_right"), ("A", "pool_right"), ("=", "same"))
    )
    change = f"{bug['before']!r} -> {bug['text']!r}"
    return (
        f"{row['package']:<20}{marks} n={row['plausible']:<3}first={row['first_index']!s:<6}rate={row['rate']!s:<6}cpu={row['cpu_s']:<7}"
        f"{row['reason']:<10}{bug['kind']} {bug['path']}:{bug['line']} {bug['function']} {change[:90]}"
    )


def summary(rows: list[dict]) -> str:
    """The figures that matter, as Markdown."""
    count = len(rows)
    kinds = sorted({row["bug"]["kind"] for row in rows})
    cpu = sorted(row["cpu_s"] for row in rows)
    rates = [row["rate"] for row in rows if row["rate"]]
    table = [
        "| | bugs | passes visible tests | chosen passes hidden tests | one of all | equal to the original | first found | smallest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = ("plausible", "chosen_right", "pool_right", "same", "first_right", "smallest_right")
    for label, part in [("all", rows), ("with a hidden failing test", [row for row in rows if row["hidden_failing"]])]:
        cells = [
            f"{sum(bool(row[name]) for row in part)} ({sum(bool(row[name]) for row in part) / max(1, len(part)):.0%})"
            for name in names
        ]
        table.append(f"| {label} | {len(part)} | " + " | ".join(cells) + " |")
    for kind in kinds:
        part = [row for row in rows if row["bug"]["kind"] == kind]
        table.append(
            f"| {kind} | {len(part)} | "
            + " | ".join(str(sum(bool(row[name]) for row in part)) for name in names)
            + " |"
        )
    over = sum(value > 60 for value in cpu)
    return (
        "\n".join(table)
        + f"\n\nCPU seconds of a whole search: median {statistics.median(cpu):.1f}, largest {cpu[-1]:.1f}, over 60: {over} of {count}. "
        + (
            f"Candidates per CPU second while searching: median {statistics.median(rates):.0f}, lowest {min(rates)}.\n"
            if rates
            else "\n"
        )
    )


def report(rows: list[dict], out: Path) -> None:
    """Write JSON and Markdown next to each other."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(rows, indent=1))
    bugs = "\n".join("    " + line(row) for row in rows)
    out.with_suffix(".md").write_text(f"{summary(rows)}\n{bugs}\n")


if __name__ == "__main__":
    main()
