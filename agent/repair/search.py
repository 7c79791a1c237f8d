"""Run the engine in a sandbox and read what it says."""

import json
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from agent.repair.archive import engine_archive
from agent.repair.values import RepairEdit, RepairRequest, SearchResult
from sandbox.port import Sandbox

_ENV = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
_LINE_MAX = 1 << 20
_REASONS = ("enough", "exhausted", "budget", "cpu", "hopeless", "unusable", "error", "died")

Listener = Callable[[Mapping[str, object]], None]


def run_search(box: Sandbox, request: RepairRequest, *, on_event: Listener) -> SearchResult:
    """Search for edits in the sandbox's work tree, which is left as it was.

    Args:
        box: holds the base tree and the project's environment.
        request: what to search, and for how long.
        on_event: gets every event as it comes, in this thread: `started`, `baseline`, `located`, `progress`, `plausible`, `scores`, `done`.

    Raises:
        SandboxError: the machine failed. Whatever the engine or the project does is a result.
    """
    interpreter = _interpreter(request)
    if interpreter is None:
        return SearchResult(reason="unusable", detail="only pytest and unittest suites can be searched")
    folder = box.exec(("mktemp", "-d"), timeout=60).out.strip()
    archive, asked = f"{folder}/engine.pyz", f"{folder}/request.json"
    box.write(archive, engine_archive())
    box.write(asked, _as_json(request, interpreter[1]))
    reader = _Reader(on_event)
    outcome = box.exec(
        [*interpreter[0], archive, asked],
        timeout=request.timeout_s,
        cwd=request.workdir,
        env=_ENV,
        max_bytes=4096,
        on_output=reader.feed,
    )
    how = "timed_out" if outcome.timed_out else "died"
    tail = outcome.err.strip().splitlines()[-1:] or [f"exit code {outcome.exit_code}"]
    return reader.result(how, f"the engine ended without a word: {tail[0]}"[:500], outcome.cpu_seconds)


def _interpreter(request: RepairRequest) -> tuple[list[str], list[str]] | None:
    """The suite's command up to `-m`, and the runner's own arguments behind it; None for what is no pytest or unittest."""
    argv = list(request.suite.argv)
    if request.suite.kind == "command" or not argv:
        return None
    for place, word in enumerate(argv[:-1]):
        if word == "-m" and argv[place + 1] in ("pytest", "unittest"):
            return argv[:place], argv[place + 2 :]
    return None


def _as_json(request: RepairRequest, arguments: list[str]) -> bytes:
    return json.dumps(
        {
            "workdir": request.workdir,
            "kind": request.suite.kind,
            "arguments": arguments,
            "failing": list(request.failing),
            "tests": list(request.tests),
            "together": request.together,
            "issue": request.issue[:200_000],
            "hint": request.hint[:200_000],
            "seed": request.seed,
            "variant": request.variant,
            "max_candidates": request.max_candidates,
            "max_plausible": request.max_plausible,
            "skip": request.skip,
            "passed": list(request.passed),
            "known": list(request.known),
            "cpu_s": request.cpu_s,
        }
    ).encode()


class _Reader:
    """Turns the engine's output, as it comes, into events and a result. What is not an event is left out."""

    def __init__(self, on_event: Listener) -> None:
        self._on_event = on_event
        self._rest = b""
        self._edits: list[RepairEdit] = []
        self._last: dict[str, dict[str, object]] = {}

    def feed(self, data: bytes) -> None:
        """Take the next piece of output."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:_LINE_MAX]
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            return
        if event["event"] == "plausible":
            try:
                self._edits.append(read_edit(event))
            except ValidationError:
                return
        if event["event"] == "scores":
            self._edits = [rescored(edit, event) for edit in self._edits]
        self._last[event["event"]] = event
        self._on_event(event)

    def result(self, how: str, detail: str, cpu_seconds: float) -> SearchResult:
        """What it all came to; `how` and `detail` are for an engine that never said `done`."""
        done = self._last.get("done", {})
        baseline = self._last.get("baseline", {})
        progress = self._last.get("progress", {})
        reason = done.get("reason")
        failing = baseline.get("failing")
        return SearchResult.model_validate(
            {
                "reason": reason if reason in _REASONS else how,
                "detail": str(done.get("detail", "")) if reason in _REASONS else detail,
                "edits": tuple(self._edits),
                "tried": _count(done.get("tried", progress.get("tried"))),
                "tests": _count(baseline.get("tests")),
                "failing": tuple(map(str, failing)) if isinstance(failing, list) else (),
                "cpu_seconds": max(cpu_seconds, 0.0),
            }
        )


def read_edit(event: Mapping[str, object]) -> RepairEdit:
    """The edit of a `plausible` event. Raises ValidationError when it is none."""
    return RepairEdit.model_validate({name: event[name] for name in RepairEdit.model_fields if name in event})


def rescored(edit: RepairEdit, event: Mapping[str, object]) -> RepairEdit:
    """The edit with the score that a `scores` event gives it, if any."""
    scores = event.get("scores")
    score = scores.get(str(edit.index)) if isinstance(scores, dict) else None
    return edit.model_copy(update={"score": float(score)}) if isinstance(score, (int, float)) else edit


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
