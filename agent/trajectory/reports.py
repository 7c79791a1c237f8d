"""What a check showed, in words for the model."""

from agent.probe import ProbeResult
from agent.trajectory.checks import Check

_NAMES = 20
_MESSAGES = 3
_MESSAGE_CHARS = 1_500
_OUTPUT_CHARS = 6_000
_DIFF_CHARS = 8_000
_TRACEBACK = "Traceback (most recent call last)"
_VERDICTS = {
    "present": "the problem is present",
    "fixed": "the problem is gone",
    "broken": "the probe itself is broken",
    "timed_out": "the probe did not end in time",
}


def describe_base(result: ProbeResult) -> str:
    """A run of the probe on the base commit, where passing means that it shows nothing."""
    text = describe_probe("The probe on the base commit", result)
    if result.verdict == "broken" and result.exit_code == 1 and _TRACEBACK in result.output:
        return f"{text}\nIf this exception is the problem itself, catch it in the script and exit with 2."
    if result.verdict != "fixed":
        return text
    return f"{text}\nSo it does not show the problem. A script has to run its own check: functions in it are not called by anybody."


def describe_check(check: Check) -> str:
    """The change, both sides of the probe, and the tests."""
    parts = [
        f"Your change so far:\n{_fenced(check.patch.diff, _DIFF_CHARS)}"
        if check.patch.diff
        else "Nothing is changed so far."
    ]
    if check.before:
        parts.append(describe_base(check.before))
    if check.after:
        parts.append(describe_probe("The probe with your change", check.after))
    parts.append(_tests(check))
    if check.evidence.proven:
        parts.append("The evidence is complete: call `submit` unless you see something that it does not.")
    return "\n\n".join(parts)


def describe_probe(where: str, result: ProbeResult) -> str:
    """One run of the probe."""
    ended = f"{where}: exit code {result.exit_code}, {_VERDICTS[result.verdict]}."
    return (
        f"{ended} It printed:\n{_fenced(result.output, _OUTPUT_CHARS)}"
        if result.output.strip()
        else f"{ended} It printed nothing."
    )


def missing_evidence(check: Check) -> str:
    """What keeps a change from being accepted, with what was seen."""
    evidence = check.evidence
    lacks: list[str] = []
    if not check.before and not evidence.reproduced:
        lacks.append("Nothing shows the problem: write a probe with `write_probe` that fails on the base commit.")
    if check.before and evidence.probe_before != "present":
        lacks.append("The probe does not show the problem on the base commit: correct it with `write_probe`.")
    if check.after and evidence.probe_after != "fixed":
        lacks.append("The probe does not pass with your change.")
    if check.before and check.after and lacks:
        lacks += [
            describe_base(check.before),
            describe_probe("The probe with your change", check.after),
        ]
    if evidence.unmet or evidence.regressions or evidence.problem:
        lacks.append(_tests(check))
    return "\n\n".join(lacks)


def _tests(check: Check) -> str:
    """What the tests show."""
    evidence, report = check.evidence, check.report
    if report is None:
        return "No test could be run."
    lines = [f"Tests: {evidence.checked} ran with your change."]
    if evidence.problem:
        lines.append(f"{evidence.problem}:\n{_fenced(report.log_tail, _OUTPUT_CHARS)}")
    if evidence.fixed:
        lines.append(f"Failed before and pass now: {_names(evidence.fixed)}")
    if evidence.unmet:
        lines.append(f"Have to pass and do not: {_names(evidence.unmet)}")
    if evidence.regressions:
        lines.append(f"Passed before and do not now: {_names(evidence.regressions)}")
    elif not evidence.problem:
        lines.append("No test that passed before fails.")
    for test in (*evidence.unmet, *evidence.regressions)[:_MESSAGES]:
        if report.messages.get(test):
            lines.append(f"{test}:\n{_fenced(report.messages[test], _MESSAGE_CHARS)}")
    return "\n".join(lines)


def _names(tests: tuple[str, ...]) -> str:
    more = f" and {len(tests) - _NAMES} more" if len(tests) > _NAMES else ""
    return ", ".join(tests[:_NAMES]) + more


def _fenced(text: str, limit: int) -> str:
    """A text between fences that it does not hold itself, cut in the middle where it is longer than the limit."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}\n[... {len(text) - limit} characters left out ...]\n{text[-limit // 2 :]}"
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"
