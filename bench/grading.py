"""Grading side by side with the `swebench` package's own harness: the same patches, images, workers and machine, in one run.

    python bench/grading.py DATASET -p PREDICTIONS --swebench VENV/bin/python -j 4 [--config FILE] [--slice 0:12]

DATASET is a local file with rows of SWE-bench 5 (eval_script, log_parser, eval_type). The images are Winnow's, made ready before the
clock starts; the harness gets them through the rows' field `image`. Prints one JSON object: seconds of each, their ratio, and the
tasks that both call resolved, or only one of them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envs.datasets.pick import Pick
from envs.datasets.rows import read_rows
from envs.grading.predictions import official_form, read_predictions

WINNOW = str(Path(sys.executable).with_name("winnow"))


def run(argv: Sequence[str], folder: Path) -> tuple[float, str]:
    """Run a command in a folder; return its wall time and what it printed."""
    began = time.monotonic()
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    (folder / "said.txt").write_text(done.stdout + done.stderr)
    return seconds, done.stdout


def resolved(folder: Path) -> set[str]:
    """The tasks that a summary in the folder calls resolved."""
    found: set[str] = set()
    for path in folder.glob("*.bench.json"):
        found |= set(json.loads(path.read_text())["resolved_ids"])
    return found


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("-p", "--predictions", type=Path, required=True)
    parser.add_argument("--swebench", required=True, help="Python of an environment that has swebench 5")
    parser.add_argument("-j", "--workers", type=int, default=4)
    parser.add_argument("--slice", default="")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the logs of both")
    args = parser.parse_args()
    rows = {row.values["instance_id"]: dict(row.values) for row in read_rows(str(args.dataset))}
    given = {one.task_id: one for one in read_predictions(args.predictions) if one.task_id in rows and one.patch.diff}
    names = Pick(slice=args.slice).of(tuple(given))
    settings = ["--config", str(args.config.absolute())] if args.config else []
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as scratch:
        top = (args.keep or Path(scratch)).absolute()
        for name in ("winnow", "swebench"):
            (top / name).mkdir(parents=True, exist_ok=True)
        ours, theirs, predictions = top / "rows.jsonl", top / "images.jsonl", top / "predictions.jsonl"
        ours.write_text("".join(f"{json.dumps(rows[name])}\n" for name in names))
        predictions.write_text("".join(f"{json.dumps(official_form(given[name]))}\n" for name in names))
        _, said = run([WINNOW, "eval", "images", "build", str(ours), *settings, "--json"], top)
        images: dict[str, Any] = {one["task_id"]: one["place"]["image"] for one in json.loads(said) if one["place"]}
        theirs.write_text("".join(f"{json.dumps({**rows[name], 'image': images[name]})}\n" for name in names))
        harness = [args.swebench, "-m", "swebench.harness.run_evaluation", "-d", str(theirs), "-p", str(predictions)]
        harness += ["--max_workers", str(args.workers), "-id", "bench"]
        grade = [
            WINNOW,
            "eval",
            "grade",
            str(ours),
            "-p",
            str(predictions),
            "-j",
            str(args.workers),
            "--run-id",
            "bench",
        ]
        seconds = {
            "winnow": run([*grade, "--fresh", "--quiet", *settings], top / "winnow")[0],
            "swebench": run(harness, top / "swebench")[0],
        }
        found = {name: resolved(top / name) for name in seconds}
        print(
            json.dumps(
                {
                    "patches": len(names),
                    "workers": args.workers,
                    "seconds": {name: round(value, 1) for name, value in seconds.items()},
                    "times_faster": round(seconds["swebench"] / seconds["winnow"], 2),
                    "resolved_by_both": sorted(found["winnow"] & found["swebench"]),
                    "by_winnow_alone": sorted(found["winnow"] - found["swebench"]),
                    "by_swebench_alone": sorted(found["swebench"] - found["winnow"]),
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
