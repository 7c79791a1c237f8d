"""A model reads the best ranked files, one call each, and says which matter. Optional: the ranking stands without it."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files as resources
from typing import NamedTuple

from agent.context.values import Context, RankedFile
from agent.models.errors import BudgetExhausted, ModelError, ScriptEnded
from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Message, Sampling
from agent.values import Usage
from envs.patches import BaseTree
from sandbox.values import Value

_MAX_CONTENT = 60_000  # characters of a file that are shown
_MAX_SUMMARY = 300  # characters
_VERDICT = re.compile(r"^\W*verdict\W+(not[ _-]relevant|irrelevant|relevant)\b", re.IGNORECASE | re.MULTILINE)
_SUMMARY = re.compile(r"^\W*summary[\s*:-]+(\S.*)$", re.IGNORECASE | re.MULTILINE)


class Reading(Value):
    """What came of it."""

    context: Context
    """The same context with the files in a new order: those that matter before those that do not, else as they were."""
    failures: tuple[str, ...] = ()
    """Files whose reading gave no verdict, and why, for people; they count as relevant."""
    usage: Usage = Usage()


class _Verdict(NamedTuple):
    relevant: bool | None
    """None: there was no answer, or none that could be read."""
    summary: str = ""
    failure: str = ""
    usage: Usage = Usage()


def read_files(
    model: ChatModel,
    context: Context,
    *,
    issue: str,
    base: BaseTree,
    most: int = 12,
    threads: int = 4,
    sampling: Sampling | None = None,
) -> Reading:
    """Ask a model about each of the best ranked files.

    A call that fails, and an answer without a verdict, count as relevant and are reported.

    Args:
        model: asked once for each file.
        context: whose files are read.
        issue: as the user wrote it.
        base: the base, open.
        most: how many files, from the best on.
        threads: calls at once.
        sampling: None for short, cool answers.

    Raises:
        ScriptEnded: a scripted or replayed model holds no answer; that is a defect, not an opinion.
    """
    sampling = sampling or Sampling(temperature=0.0, max_output_tokens=2048)
    chosen = context.files[: max(0, most)]
    requests = [_request(issue, file, base.read(file.path) or b"", sampling) for file in chosen]
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        verdicts = list(pool.map(lambda request: _ask(model, request), requests))
    read = [
        file.model_copy(update={"relevant": verdict.relevant, "summary": verdict.summary})
        for file, verdict in zip(chosen, verdicts, strict=True)
    ]
    files = _reordered([*read, *context.files[len(read) :]])
    return Reading(
        context=context.model_copy(update={"files": files}),
        failures=tuple(f"{f.path}: {v.failure}" for f, v in zip(chosen, verdicts, strict=True) if v.failure),
        usage=sum((verdict.usage for verdict in verdicts), Usage()),
    )


def _ask(model: ChatModel, request: ChatRequest) -> _Verdict:
    try:
        reply = model.complete(request)
    except ScriptEnded:
        raise
    except (ModelError, BudgetExhausted) as error:
        return _Verdict(None, failure=str(error))
    verdict = parse_verdict(reply.message.content)
    return verdict._replace(usage=reply.usage)


def parse_verdict(answer: str) -> _Verdict:
    """Read an answer, whatever is bold or spaced in it; the last verdict and the last summary count."""
    verdicts, summaries = _VERDICT.findall(answer), _SUMMARY.findall(answer)
    summary = summaries[-1].strip().strip("*").strip()[:_MAX_SUMMARY] if summaries else ""
    if not verdicts:
        return _Verdict(None, summary, "the answer holds no verdict")
    return _Verdict(verdicts[-1].lower() == "relevant", summary)


def _reordered(files: Sequence[RankedFile]) -> tuple[RankedFile, ...]:
    """Said to matter or not understood first; then those that nobody read; then those said not to matter."""
    kept = [file for file in files if file.relevant is not False]
    return (*kept, *(file for file in files if file.relevant is False))


def _request(issue: str, file: RankedFile, content: bytes, sampling: Sampling) -> ChatRequest:
    """The instructions and the issue come first and are the same for all files, so that providers' caches hit."""
    prompt = resources("agent.context").joinpath("read_file.md").read_text("utf-8")
    shown = f"The file {file.path}, each line after its number:\n\n{_numbered(file, content)}"
    return ChatRequest(
        messages=(
            Message(role="system", content=prompt),
            Message(role="user", content=f"The issue:\n\n{_marked(issue)}"),
            Message(role="user", content=shown),
        ),
        sampling=sampling,
    )


def _marked(text: str) -> str:
    return "\n".join(f"| {line}".rstrip() for line in text.splitlines())


def _numbered(file: RankedFile, content: bytes) -> str:
    """The whole file, or of a large one its beginning and the symbols that matter."""
    lines = content.decode("utf-8", "replace").split("\n")
    wanted = list(range(1, len(lines) + 1))
    if len(content) > _MAX_CONTENT:
        wanted = [at for symbol in file.symbols for at in range(symbol.line, min(symbol.end_line, len(lines)) + 1)]
        wanted = list(dict.fromkeys([*wanted, *range(1, len(lines) + 1)]))
    chosen: list[int] = []
    left = _MAX_CONTENT
    for at in wanted:
        left -= len(lines[at - 1]) + 8
        if left < 0:
            break
        chosen.append(at)
    shown: list[str] = []
    last = 0
    for at in sorted(chosen):
        if at != last + 1:
            shown.append(f"[lines {last + 1} to {at - 1} are left out]")
        shown.append(f"{at:>6} {lines[at - 1]}".rstrip())
        last = at
    if last < len(lines):
        shown.append(f"[lines {last + 1} to {len(lines)} are left out]")
    return "\n".join(shown)
