"""From the start of the `winnow` process to the first command in a sandbox, and what the process weighs by then.

    .venv/bin/python bench/start.py [--runs 7] [--sandbox KIND]

Each run is a whole `winnow fix` on a small repository whose environment is ready (the first, unmeasured run makes it). The time is
taken from the journal of the process: its start to the moment at which the sandbox answered its first command.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WINNOW = Path(sys.executable).with_name("winnow")
SOURCE = "def clamp(value, low, high):\n    return min(max(value, low), low)\n"
TEST = """from clamps import clamp


def test_inside():
    assert clamp(3, 0, 5) == 3


def test_low():
    assert clamp(-1, 0, 5) == 0
"""
WEIGHED = """import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
sys.stdout.buffer.write(done.stdout)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
"""Runs a command and prints the peak memory of its largest process, in KiB."""


def repository(folder: Path) -> Path:
    """A small package with one bug."""
    folder.mkdir()
    (folder / "clamps.py").write_text(SOURCE)
    (folder / "test_clamps.py").write_text(TEST)
    for argv in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-qm", "b"],
    ):
        subprocess.run(["git", *argv], cwd=folder, check=True)
    return folder


def once(repo: Path, state: Path, sandbox: str) -> tuple[float, float, float]:
    """Seconds to the first command, seconds of the whole run, peak resident MiB of the winnow process."""
    began = time.time()
    argv = [WINNOW, "fix", "-C", repo, "--sandbox", sandbox, "--state-dir", state, "--json"]
    done = subprocess.run([sys.executable, "-c", WEIGHED, *map(str, argv)], capture_output=True, text=True, check=True)
    ended = time.time()
    result = json.loads(done.stdout)
    assert result["status"] == "plausible", result["reason"]
    lines = [json.loads(line) for line in (Path(result["run_dir"]) / "timeline.jsonl").read_text().splitlines()]
    first = next(line["t"] for line in lines if line["kind"] == "first command")
    return first - began, ended - began, int(done.stderr.split()[-1]) / 1024


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sandbox", default="auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        repo, state = repository(Path(scratch) / "clamps"), Path(scratch) / "state"
        once(repo, state, args.sandbox)
        rows = [once(repo, state, args.sandbox) for _ in range(args.runs)]
    print(f"| {args.sandbox} sandbox, {args.runs} runs | min | median | max |\n|---|---|---|---|")
    for name, column in zip(
        ("start to first command, s", "whole fix, s", "peak resident memory, MiB"), zip(*rows, strict=True), strict=True
    ):
        print(f"| {name} | {min(column):.2f} | {statistics.median(column):.2f} | {max(column):.2f} |")


if __name__ == "__main__":
    main()
