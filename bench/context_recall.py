"""How many of the files that a reference patch edits are among the first that the context ranks. No model is asked.

    PYTHONPATH=. .venv/bin/python bench/context_recall.py --tasks TASKS.jsonl.gz --mirrors FOLDER [--layout '{owner}/{name}.git'] \
        [--repositories OWNER/NAME,...] [--most 12]

The tasks are records with the fields of SWE-bench: `repo`, `instance_id`, `base_commit`, `problem_statement`, `patch`. The search is
given the issue's text, the base and the history before it, and nothing else: neither names of failing tests nor hints. The reference
patch is read here, after the search. Counted are source files that exist on base; tests, documentation and changelogs are not.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent.context.find import find_context
from agent.context.kinds import Kind, kind_of
from agent.context.values import Bounds
from envs.patches import BaseTree, paths
from envs.snapshot import take_snapshot
from envs.values import Patch

PLACES = (1, 5, 10, 20)


class Row(NamedTuple):
    """One task."""

    repository: str
    task: str
    places: tuple[int | None, ...]
    """Of each gold file, from 1; None where it is not ranked."""
    seconds: float


def tasks(file: Path, repositories: list[str], most: int) -> Iterator[dict[str, str]]:
    """Evenly chosen tasks of each repository, by id."""
    with gzip.open(file, "rt") as lines:
        records = sorted(map(json.loads, lines), key=lambda record: str(record["instance_id"]))
    for repository in repositories or sorted({record["repo"] for record in records}):
        own = [record for record in records if record["repo"] == repository]
        count = min(most, len(own))
        yield from (own[at * len(own) // count] for at in range(count))


def measure(record: dict[str, str], git_dir: Path, scratch: Path) -> Row:
    """Search one base for one issue, and look where the gold files are."""
    work = scratch / "work"
    if not work.exists():
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", git_dir, work], check=True)
    subprocess.run(["git", "checkout", "-qf", record["base_commit"]], cwd=work, check=True)
    subprocess.run(["git", "clean", "-qfdx"], cwd=work, check=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        snapshot = take_snapshot(work, Path(folder))
        with BaseTree(snapshot, folder=Path(folder)) as base:
            began = time.perf_counter()
            context = find_context(
                base,
                issue=record["problem_statement"],
                repository=work,
                head=snapshot.head_commit,
                bounds=Bounds(files=max(PLACES)),
            )
            seconds = time.perf_counter() - began
            present = {file.path for file in base.tree.files()}
    ranked = [file.path for file in context.files]
    gold = [p for p in paths(Patch(diff=record["patch"])) if kind_of(p) is Kind.SOURCE and p in present]
    places = tuple(ranked.index(path) + 1 if path in ranked else None for path in gold)
    return Row(record["repo"], record["instance_id"], places, seconds)


def table(rows: list[Row]) -> str:
    """Recall of gold files by repository, as Markdown."""
    lines = [
        f"| repository | tasks | gold files | {' | '.join(f'recall@{at}' for at in PLACES)} | all gold in 10 | s, median (largest) |",
        f"|---|--:|--:|{'--:|' * len(PLACES)}--:|--:|",
    ]
    for name in [*sorted({row.repository for row in rows}), "all"]:
        own = [row for row in rows if name in (row.repository, "all") and row.places]
        if not own:
            continue
        places = [place for row in own for place in row.places]
        hits = [f"{sum(p is not None and p <= at for p in places) / len(places):.0%}" for at in PLACES]
        whole = sum(all(p is not None and p <= 10 for p in row.places) for row in own)
        took = [row.seconds for row in own]
        lines.append(
            f"| {name} | {len(own)} | {len(places)} | {' | '.join(hits)} | {whole} ({whole / len(own):.0%}) "
            f"| {statistics.median(took):.1f} ({max(took):.1f}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--mirrors", type=Path, required=True, help="folder of git repositories with their history")
    parser.add_argument("--layout", default="{owner}/{name}.git", help="where in it a repository's git directory is")
    parser.add_argument("--repositories", default="", help="comma-separated; all of the tasks' when left out")
    parser.add_argument("--most", type=int, default=12, help="tasks of each repository")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for record in tasks(args.tasks, [name for name in args.repositories.split(",") if name], args.most):
            owner, _, name = record["repo"].partition("/")
            git_dir = args.mirrors / args.layout.format(owner=owner, name=name)
            if not git_dir.exists():
                continue
            folder = Path(scratch) / f"{owner}+{name}"
            folder.mkdir(exist_ok=True)
            row = measure(record, git_dir.absolute(), folder)
            rows.append(row)
            print(f"{row.task}: {', '.join(str(p or 'not ranked') for p in row.places)}", flush=True)
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
