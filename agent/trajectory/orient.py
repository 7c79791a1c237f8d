"""The start of a conversation: how to work, the task, what is known of the repository, and what makes this try its own.

The first two messages are the same for all tries of a run that share a strategy, so that providers' prompt caches hit.
"""

from agent.context.values import Context, RankedFile, Symbol
from agent.related import required_tests
from agent.trajectory.prompts import render
from agent.trajectory.values import Assignment, LoopLimits
from agent.values import Brief

_TARGETS = 20
_UNNAMED = 5
"""Shown of failing tests that nobody named."""
_RELATED = (
    "These tests fail on the base commit already, and by their names or errors they seem to belong to the issue, so they have to "
    "pass; if they do not belong to it, say so in `waiver` when you submit"
)
_UNRELATED = "These tests fail on the base commit already; they may have nothing to do with the issue"
_REASONS = 2
_MESSAGE_CHARS = 3_000
_ISSUE_CHARS = 30_000


def system_text(brief: Brief, limits: LoopLimits, name: str = "system") -> str:
    """How to work."""
    return render(
        name,
        workdir=brief.image.workdir,
        command_s=f"{limits.tools.command_s:g}",
        tests_s=f"{limits.tools.tests_s:g}",
        observation_bytes=str(limits.tools.observation_bytes),
        refusals=str(limits.refusals),
        python=f"`{brief.image.python}`",
    )


def task_text(brief: Brief, context: Context) -> str:
    """What is to be done, and where to look."""
    return render("task", issue=_issue(brief), tests=_tests(brief), context=_context(context))


def _issue(brief: Brief) -> str:
    issue = brief.task.issue
    if issue is None:
        return "There is no issue text: the failing tests below say what is wrong."
    text = issue.text
    if len(text) > _ISSUE_CHARS:
        text = f"{text[:_ISSUE_CHARS]}\n[... {len(text) - _ISSUE_CHARS} characters left out ...]"
    return f"The issue:\n\n<issue>\n{text.replace('</issue', '< /issue')}\n</issue>"


def _tests(brief: Brief) -> str:
    """How tests run here, and which have to pass."""
    base = brief.base_report
    how = f"The tests run with `{' '.join(brief.suite.argv)}`; on the base commit {len(base.outcomes)} ran in {base.seconds:.0f} s."
    if base.status != "ran":
        how = f"The tests cannot all be run here: on the base commit they end as {base.status.replace('_', ' ')}."
    if not brief.targets:
        return how
    required = required_tests(brief)
    others = tuple(test for test in brief.targets if test not in required)
    parts = [how]
    if required:
        named = brief.task.failing_tests or brief.task.issue is None
        which = "These tests fail now and have to pass" if named else _RELATED
        message = base.messages.get(required[0], "")[-_MESSAGE_CHARS:].strip()
        parts.append(f"{which}:\n{_listed(required, _TARGETS)}")
        parts += [f"\nThe first of them says:\n```\n{message}\n```"] if message else []
    if others:
        parts.append(f"{_UNRELATED}:\n{_listed(others, _UNNAMED)}")
    return "\n".join(parts)


def _listed(tests: tuple[str, ...], most: int) -> str:
    more = (f"- and {len(tests) - most} more",) if len(tests) > most else ()
    return "\n".join((*(f"- {test}" for test in tests[:most]), *more))


def _context(context: Context) -> str:
    """What was found in advance."""
    parts = [f"The repository:\n```\n{context.outline.strip()}\n```"] if context.outline.strip() else []
    if context.files:
        parts.append(
            "Files that seem to matter, most likely first; others may:\n"
            + "\n".join(_file(file) for file in context.files)
        )
    if context.tests:
        parts.append("Tests near them: " + ", ".join(context.tests))
    if context.conventions:
        parts.append(context.conventions)
    parts += [note.quoted for note in context.instructions]
    return "\n\n".join(parts)


def _file(file: RankedFile) -> str:
    """A file in one line: why it seems to matter, what a model said that read it, and its symbols."""
    said = f" {file.summary}" if file.summary else ""
    return f"- {file.path} ({'; '.join(file.reasons[:_REASONS])}){_symbols(file.symbols)}{said}"


def _symbols(symbols: tuple[Symbol, ...]) -> str:
    names = [f"{symbol.name}:{symbol.line}" for symbol in symbols[:8]]
    return f": {', '.join(names)}" if names else ""


def variation_text(assignment: Assignment) -> str:
    """What makes this try its own; empty for one that is left to itself."""
    parts: list[str] = []
    if assignment.hypothesis:
        parts.append(
            f"Look at this explanation first, and leave it when the code speaks against it: {assignment.hypothesis}"
        )
    if assignment.focus:
        parts.append(f"Read these first: {', '.join(assignment.focus)}.")
    if assignment.earlier:
        parts.append(
            "Others have tried these changes already; look for a different approach:\n"
            + "\n".join(f"- {line}" for line in assignment.earlier)
        )
    if assignment.parents:
        parts.append(
            "Here are earlier tries, right or wrong. Judge each critically, look at the issue anew, and make a change that is "
            "better than all of them.\n\n"
            + "\n\n".join(
                f"```diff\n{parent.diff.strip()}\n```\nWith it: {parent.evidence}" for parent in assignment.parents
            )
        )
    return "\n\n".join(parts)
