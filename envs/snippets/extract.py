"""Find code in an issue: fenced blocks, interactive sessions of Python and IPython, tracebacks, and what is said to be wanted."""

import ast
import doctest
import re
import textwrap
from collections.abc import Iterator, Sequence

from envs.snippets.values import Snippet, Step

_FENCE = re.compile(r"^([ \t]*)(```+|~~~+)[ \t]*([\w.+-]*)[^\n]*\n(.*?)^[ \t]*\2[ \t]*$", re.DOTALL | re.MULTILINE)
_SESSION = re.compile(r"(?:^[ \t]*>>> .*\n?(?:^(?![ \t]*$).*\n?)*)+", re.MULTILINE)
_LANGUAGES = {"", "py", "python", "python2", "python3", "pycon", "ipython", "ipython3", "pytb", "text", "console"}
_IPYTHON_IN = re.compile(r"^\s*In ?\[\d*\]: ?")
_IPYTHON_MORE = re.compile(r"^\s*\.\.\.+: ?")
_IPYTHON_OUT = re.compile(r"^\s*Out ?\[\d*\]: ?")
_TRACEBACK = re.compile(r"^\s*Traceback \(most recent call last\)", re.MULTILINE)
_RAISED = re.compile(
    r"^\s*(?:[\w.]+\.)?([A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Fault|Iteration))\b(?::|\s*$)", re.MULTILINE
)
_NAMED = re.compile(r"\b([A-Z]\w*(?:Error|Exception))\b")
_WANTED = re.compile(
    r"(?i)\b(?:should (?:be|give|return|print|output|produce)|expect(?:ed|s)?(?: (?:output|result|behaviou?r))?|instead of)\b"
)
_MAX_CODE = 20_000
_MAX_SNIPPETS = 12


def find_snippets(text: str, *, packages: Sequence[str] = ()) -> tuple[Snippet, ...]:
    """Return what can be run of an issue's text, in the order of the text and each once; at most twelve.

    Args:
        text: the issue, in Markdown or plain.
        packages: importable top-level packages of the repository; a prelude imports everything from each, as many issues leave
            that out.
    """
    text = text.replace("\r\n", "\n")
    blocks = list(_blocks(text))
    imports = _imports(blocks)
    preludes = tuple(filter(None, [imports, *(f"{imports}\nfrom {package} import *".strip() for package in packages)]))
    raised = _exception(text)
    found: dict[str, Snippet] = {}
    for position, block in blocks:
        steps = _steps(block)
        if not steps:
            continue
        own = _exception(block) or raised
        session = len(steps) > 1 or steps[0].shown is not None
        after = text[position : position + 400]
        snippet = Snippet(
            kind="session" if session else "script",
            steps=steps,
            exception=own,
            wrong=tuple(step.shown for step in steps if step.shown),
            wanted=_wanted(after),
            preludes=preludes,
        )
        found.setdefault(snippet.source, snippet)
    return tuple(found.values())[:_MAX_SNIPPETS]


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield blocks of code with the place behind them: fenced ones, then sessions that stand in no fence."""
    covered: list[tuple[int, int]] = []
    for match in _FENCE.finditer(text):
        covered.append(match.span())
        if match[3].lower() in _LANGUAGES and len(match[4]) <= _MAX_CODE:
            yield match.end(), textwrap.dedent(match[4])
    for match in _SESSION.finditer(text):
        if not any(start <= match.start() < end for start, end in covered) and len(match[0]) <= _MAX_CODE:
            yield match.end(), textwrap.dedent(match[0])


def _steps(block: str) -> tuple[Step, ...]:
    """A block as statements; empty when it is no Python that does something."""
    if re.search(r"^\s*In ?\[\d*\]:", block, re.MULTILINE):
        return _ipython(block)
    if re.search(r"^\s*>>> ", block, re.MULTILINE):
        return _session(block)
    return _script(block)


def _session(block: str) -> tuple[Step, ...]:
    """Read `>>>` as doctest does; text that is neither code nor output ends nothing."""
    try:
        examples = doctest.DocTestParser().get_examples(block)
    except ValueError:
        return ()
    steps: list[Step] = []
    for example in examples:
        if not _parses(example.source):
            return tuple(steps)
        shown = None if example.exc_msg is not None or _TRACEBACK.search(example.want) else example.want.strip() or None
        steps.append(Step(code=example.source.rstrip("\n"), shown=shown))
    return tuple(steps)


def _ipython(block: str) -> tuple[Step, ...]:
    """Read `In [1]:` and `Out[1]:`."""
    steps: list[Step] = []
    code: list[str] = []
    shown: list[str] = []
    target = code

    def close() -> None:
        source = textwrap.dedent("\n".join(code)).strip("\n")
        if source and _parses(source) and not source.startswith(("%", "!")):
            text = "\n".join(shown).strip()
            steps.append(Step(code=source, shown=None if not text or _TRACEBACK.search(text) else text))

    for line in block.splitlines():
        if _IPYTHON_IN.match(line):
            close()
            code[:], shown[:] = [_IPYTHON_IN.sub("", line)], []
            target = code
        elif _IPYTHON_OUT.match(line):
            shown.append(_IPYTHON_OUT.sub("", line))
            target = shown
        elif _IPYTHON_MORE.match(line) and target is code:
            code.append(_IPYTHON_MORE.sub("", line))
        elif code:
            target = shown
            shown.append(line)
    close()
    return tuple(steps)


def _script(block: str) -> tuple[Step, ...]:
    """A block that is Python and calls something."""
    code = _TRACEBACK.split(block)[0].rstrip()
    if not _parses(code):
        return ()
    calls = any(isinstance(node, (ast.Call, ast.Raise, ast.Assert)) for node in ast.walk(ast.parse(code)))
    return (Step(code=code),) if calls else ()


def _parses(code: str) -> bool:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return bool(tree.body)


def _imports(blocks: Sequence[tuple[int, str]]) -> str:
    """All import statements of the issue's code, each once."""
    found: dict[str, None] = {}
    for _, block in blocks:
        for step in _steps(block):
            for node in ast.walk(ast.parse(step.code)):
                if isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "level", 0):
                    found[ast.unparse(node)] = None
    return "\n".join(found)


def _exception(text: str) -> str:
    """The exception that a text reports: the last one that a traceback ends with, else one that is named alone."""
    raised = _RAISED.findall(text) if _TRACEBACK.search(text) else []
    if raised:
        return str(raised[-1])
    named = dict.fromkeys(_NAMED.findall(text))
    return next(iter(named)) if len(named) == 1 else ""


def _wanted(after: str) -> tuple[str, ...]:
    """What the words behind a block ask for, where they give it as code."""
    match = _WANTED.search(after)
    if not match or match[0].lower() == "instead of":
        return ()
    code = re.search(r"`([^`\n]+)`|```[^\n]*\n(.*?)```", after[match.end() :], re.DOTALL)
    return ((code[1] or code[2]).strip(),) if code else ()
