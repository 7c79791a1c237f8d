"""Measure the learned verifier on repositories and systems that it never saw.

    PYTHONPATH=. .venv/bin/python bench/verifier/evaluate.py --candidates CANDIDATES.jsonl.gz --tasks TASKS.jsonl.gz [--all-sources]

A candidate is scored by a model that was trained without its family and without its repository: their labels, and their patches as rivals.
The strength of the penalty is chosen inside the training part. The pool at scoring holds everything, without labels. Fields of the files:
see `bench/verifier/train.py`.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from measures import (
    Scored,
    auc,
    brier,
    calibration_error,
    estimate,
    gap_closed,
    pairs_in_order,
    reliability,
    shape_error,
    shares,
)
from pools import SOURCES, Pool, read_pools
from protocol import baseline, families, score_all, single, some, train_all, whole
from train import PARTS

from selection.verifier.likeness import LEVELS


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument(
        "--all-sources", action="store_true", help="train on sources of every licence; never for a model that ships"
    )
    parser.add_argument("--parts", type=int, default=PARTS, help="parts of each pool to learn from besides the whole")
    args = parser.parse_args()
    pools = read_pools(args.candidates, args.tasks)
    print_order("Rules of thumb", [(name, baseline(pools, rule)) for name, rule in rules()])
    models = train_all(pools, lambda row: args.all_sources or row.source in SOURCES, parts=args.parts)
    full = score_all(pools, models, whole)
    rows = [("whole pools", full)]
    largest = max({pool.repository for pool in pools}, key=lambda name: sum(pool.repository == name for pool in pools))
    inside = {pool.task for pool in pools if pool.repository == largest}
    rows.append((f"… of {largest}", [one for one in full if one.task in inside]))
    rows.append(("… of the others", [one for one in full if one.task not in inside]))
    rows += [(f"{count} candidates", score_all(pools, models, some(count))) for count in (2, 4, 8)]
    rows += [(f"one family, trust {trust}", score_all(pools, models, families, trust)) for trust in (0.0, 0.5, 1.0)]
    print_order("The verifier", rows)
    alone = score_all(pools, models, single)
    by_task = [("whole pools", full), ("one family", score_all(pools, models, families)), ("one candidate", alone)]
    print("\n| pools | AUC | Brier score | calibration error | … at the true rate |\n|---|---|---|---|---|")
    for name, found in by_task:
        print(
            f"| {name} | {estimate(found, auc)} | {estimate(found, brier)} | {estimate(found, calibration_error)} "
            f"| {estimate(found, shape_error)} |"
        )
    for name, found in by_task:
        print(f"\n{name}: probability, share right, candidates")
        print("; ".join(f"{mean:.2f} {share:.2f} {count}" for mean, share, count in reliability(found)))


def rules() -> list[tuple[str, Callable[[Pool, int], float]]]:
    """Baselines."""

    def agreement(level: str) -> Callable[[Pool, int], float]:
        def rule(pool: Pool, at: int) -> float:
            _, shown, _ = pool.features(range(len(pool.rows))).get(at, ({}, None, False))
            return shown[f"agree_{level}"] if shown else 0.0

        return rule

    def votes(pool: Pool, at: int) -> float:
        return sum(row[LEVELS.index("equal")] for row in pool.table[at])

    return [
        ("majority of equal patches", votes),
        ("shortest patch", lambda pool, at: -float(pool.rows[at].changed_lines)),
        ("agreement of inserted tokens", agreement("inserted")),
        ("agreement of changed lines", agreement("lines")),
    ]


def print_order(title: str, rows: Sequence[tuple[str, Sequence[Scored]]]) -> None:
    """A table of how well candidates are ordered."""
    print(
        f"\n| {title} | tasks | random | oracle | delivered | gap closed | AUC | AUC inside pools |\n|---|--:|--:|--:|--:|---|---|---|"
    )
    for name, found in rows:
        delivered, chance, oracle = shares(found)
        print(
            f"| {name} | {len({one.task for one in found})} | {chance:.3f} | {oracle:.3f} | {delivered:.3f} "
            f"| {estimate(found, gap_closed)} | {estimate(found, auc)} | {estimate(found, pairs_in_order)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
