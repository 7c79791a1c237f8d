"""What a test showed, in words for the model."""

from collections.abc import Mapping
from difflib import unified_diff

from agent.probe import ProbeResult
from selection.distinguish.trials import Trial
from selection.judge.quoting import quote

_OUTPUT = 4_000  # bytes of one run
_VERDICTS = {
    "present": "exit code 2, the problem is there",
    "fixed": "exit code 0, the problem is not there",
    "timed_out": "did not end in time",
}


def describe_trial(trial: Trial, labels: Mapping[str, str], *, left: int) -> str:
    """Both sides of a test: base, and every change under its label; equal outputs are shown once."""
    shown: dict[str, str] = {}
    parts = [_describe("On the base commit", trial.base, shown)]
    for identifier, label in sorted(labels.items(), key=lambda pair: pair[1]):
        parts.append(_describe(f"With change {label}", trial.results[identifier], shown))
    parts.append(f"{_advice(trial)} {left} more tests may be tried.".strip())
    return "\n\n".join(parts)


def _describe(where: str, result: ProbeResult, shown: dict[str, str]) -> str:
    """One run; `shown` remembers where an output stood first, so that only what differs is shown again."""
    ended = _VERDICTS.get(result.verdict, f"exit code {result.exit_code}, the script itself is broken")
    if not result.output.strip():
        return f"{where}: {ended}. It printed nothing."
    if result.output in shown:
        return f"{where}: {ended}. It printed the same as {_small(shown[result.output])}."
    changes = {other: _differences(output, result.output) for output, other in shown.items()}
    shown[result.output] = where
    other = min(changes, key=lambda name: len(changes[name]), default="")
    if other and len(changes[other]) * 2 < len(result.output):
        told = quote(changes[other], _OUTPUT)
        return f"{where}: {ended}. It printed the same as {_small(other)}, but for these lines (`-` there, `+` here):\n{told}"
    return f"{where}: {ended}. It printed:\n{quote(result.output, _OUTPUT)}"


def _differences(there: str, here: str) -> str:
    """Lines that differ, each behind its sign; places are left out."""
    lines = list(unified_diff(there.split("\n"), here.split("\n"), n=0, lineterm=""))[2:]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _small(where: str) -> str:
    return f"{where[0].lower()}{where[1:]}"


def _advice(trial: Trial) -> str:
    """What a test is worth, as far as its outcomes show it."""
    verdicts = {result.verdict for result in trial.results.values()}
    if verdicts <= {"broken", "timed_out"}:
        return "The script says nothing of any change: mend it."
    if trial.splits:
        base = "" if trial.base.verdict == "present" else " It does not show the problem on the base commit, though."
        return f"This test tells changes apart: make sure that its expectation follows from the issue.{base}"
    outputs = {result.output for result in trial.results.values()}
    if len(outputs) > 1:
        return "All changes exit alike, but they do not print the same."
    return "This test treats all changes alike."
