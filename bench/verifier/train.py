"""Train the learned verifier and write the file that ships.

    PYTHONPATH=. .venv/bin/python bench/verifier/train.py --candidates CANDIDATES.jsonl.gz --tasks TASKS.jsonl.gz \
        [--out selection/verifier/weights.json] [--date YYYY-MM-DD]

CANDIDATES holds one JSON object on a line: instance_id, source (the run that it comes from), source_repo, family, tier, patch,
claimed_resolved (true, false, or null where nothing was published). TASKS holds SWE-bench's records; `repo` and `problem_statement` are
read, nothing else. Only sources whose licence permits it are trained on (`SOURCES` in pools.py). Needs the extra `train`.
"""

import argparse
import datetime
import json
from pathlib import Path

from measures import auc, calibration_error, estimate, gap_closed
from pools import SOURCES, digest_of, read_pools
from protocol import families, score_all, single, train_all, whole
from recipe import learn_from, model_of, regressions

from selection.verifier.model import Manifest

PARTS = 2
"""Parts of each pool that are learned from besides the whole, so that small pools are not strange."""


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("selection/verifier/weights.json"))
    parser.add_argument(
        "--date", default=datetime.datetime.now(datetime.UTC).date().isoformat(), help="for the manifest"
    )
    args = parser.parse_args()
    pools = read_pools(args.candidates, args.tasks)
    learned = learn_from(pools, lambda row: row.source in SOURCES, parts=PARTS)
    unseen = train_all(pools, lambda row: row.source in SOURCES, parts=PARTS)
    full, one_family, alone = (score_all(pools, unseen, make) for make in (whole, families, single))
    figures = {
        "gap_closed": estimate(full, gap_closed),
        "auc": estimate(full, auc),
        "calibration_error": estimate(full, calibration_error),
        "auc_one_family": estimate(one_family, auc),
        "auc_alone": estimate(alone, auc),
    }
    metrics: dict[str, float | tuple[float, float]] = {}
    for name, figure in figures.items():
        metrics[name] = round(figure.value, 4)
        metrics[f"{name}_interval"] = (round(figure.low, 4), round(figure.high, 4))
    manifest = Manifest(
        command="PYTHONPATH=. python bench/verifier/train.py --candidates CANDIDATES.jsonl.gz --tasks TASKS.jsonl.gz",
        data={"candidates": digest_of(args.candidates), "tasks": digest_of(args.tasks)},
        date=args.date,
        sources=tuple(f"{name} ({licence})" for name, licence in sorted(SOURCES.items())),
        patches=len(learned.alone.right),
        tasks=len(set(learned.alone.tasks)),
        metrics=metrics,
    )
    model = model_of(regressions(learned), manifest)
    args.out.write_text(json.dumps(model.model_dump(mode="json"), indent=1, sort_keys=True) + "\n", "utf-8")
    print(f"wrote {args.out}: " + ", ".join(f"{name} {figure}" for name, figure in figures.items()))


if __name__ == "__main__":
    main()
