"""Logs of test runs, read line by line: which tests passed, by the rules of the `swebench` package.

Names are those of its functions. Where the package is installed its own functions decide the statuses, so that grades are the
official ones; these here work without it, and also say what a log says twice.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

PASSED, FAILED, ERROR, SKIPPED, XFAIL = "PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL"
_STATUSES = (FAILED, PASSED, SKIPPED, ERROR, XFAIL)
Pairs = Iterator[tuple[str, str]]
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL = dict.fromkeys(range(1, 32))


class Reading(NamedTuple):
    """What a log says."""

    statuses: dict[str, str]
    """By test; what is said last counts."""
    seen: tuple[tuple[str, str], ...]
    """Everything that is said, in order; empty when the log is not of a kind that is known here."""
    otherwise: dict[str, str] = {}  # noqa: RUF012 (never written to)
    """By names that another version of Python would print; the same statuses."""


def read_log(parser: str, log: str) -> Reading:
    """Read a log.

    Args:
        parser: name of a parser; an unknown one is taken for pytest's.
        log: what the tests printed.
    """
    seen = tuple(_OWN.get(parser, _pytest)(log))
    official = _official(parser)
    otherwise = dict(_django_otherwise(log)) if parser == "parse_log_django" else {}
    return Reading(official(log) if official else dict(seen), seen, otherwise)


def read_by_own(parser: str, log: str) -> dict[str, str]:
    """Read a log without the `swebench` package."""
    return dict(_OWN.get(parser, _pytest)(log))


def known(parser: str) -> bool:
    """Say whether anybody here knows this parser."""
    return parser in _OWN or _official(parser) is not None


def _official(parser: str) -> Callable[[str], dict[str, str]] | None:
    try:
        from swebench.harness.log_parsers import PARSER_REGISTRY  # noqa: PLC0415 (an optional extra)
    except Exception:  # noqa: BLE001 - older releases have no registry, and the package reads settings when it is imported
        return None
    found: Any = PARSER_REGISTRY.get(parser)
    return (lambda log: dict(found(log, None))) if found else None


def _words(line: str) -> list[str]:
    """The words of a line of pytest's summary; empty for other lines."""
    if not line.startswith(_STATUSES):
        return []
    words = (line.replace(" - ", " ") if line.startswith(FAILED) else line).split()
    counted = len(words) > 1 and words[0] == SKIPPED and re.fullmatch(r"\[\d+\]", words[1])
    return [] if len(words) < 2 or counted else words


def _pytest(log: str) -> Pairs:
    for line in log.split("\n"):
        if words := _words(line):
            yield words[1], words[0]


def _pytest_options(log: str) -> Pairs:
    """Parameters that are paths are cut down to their last part, since they differ from machine to machine."""
    for name, status in _pytest(log):
        match = re.search(r"(.*?)\[(.*)\]", name)
        if match and match[2].startswith("/") and not match[2].startswith("//") and "*" not in match[2]:
            yield f"{match[1]}[/{match[2].rpartition('/')[2]}]", status
        else:
            yield (f"{match[1]}[{match[2]}]" if match else name), status


def _pytest_v2(log: str) -> Pairs:
    """Names may hold spaces; in older releases the status comes last."""
    for raw in log.split("\n"):
        line = re.sub(r"\[(\d+)m", "", raw).translate(_CONTROL)
        if line.startswith(_STATUSES):
            words = (line.split(" - ", 1)[0] if line.startswith(FAILED) else line).split()
            if len(words) > 1 and not (words[0] == SKIPPED and re.fullmatch(r"\[\d+\]", words[1])):
                yield " ".join(words[1:]), words[0]
        elif line.endswith(_STATUSES):
            words = line.split()
            if len(words) > 1:
                yield " ".join(words[:-1]), words[-1]


def _matplotlib(log: str) -> Pairs:
    return _pytest(log.replace("MouseButton.LEFT", "1").replace("MouseButton.RIGHT", "3"))


def _seaborn(log: str) -> Pairs:
    for line in log.split("\n"):
        words = line.split()
        if len(words) < 2:
            continue
        if line.startswith(FAILED):
            yield words[1], FAILED
        elif f" {PASSED} " in line:
            if words[1] == PASSED:
                yield words[0], PASSED
        elif line.startswith(PASSED):
            yield words[1], PASSED


def _r2e(log: str) -> Pairs:
    """R2E-Gym names a test by what follows its file, with dots."""
    for name, status in _pytest(_COLOUR.sub("", log)):
        if "::" in name:
            yield ".".join(name.split("::")[1:]), status


def _sympy(log: str) -> Pairs:
    for match in re.findall(r"(_*) (.*)\.py:(.*) (_*)", log):
        yield f"{match[1]}.py:{match[2]}", FAILED
    ends = {" E": ERROR, " F": FAILED, " ok": PASSED}
    for raw in log.split("\n"):
        line = raw.strip()
        if line.startswith("test_"):
            for end, status in ends.items():
                if line.endswith(end):
                    yield line.split()[0], status


_DJANGO_ENDS = (
    (" ... ok", PASSED),
    (" ... OK", PASSED),
    (" ...  OK", PASSED),
    (" ... FAIL", FAILED),
    (" ... ERROR", ERROR),
)
_DJANGO_CUT = (
    r"^(.*?)\s\.\.\.\sTesting\ against\ Django\ installed\ in\ ((?s:.*?))\ silenced\)\.\nok$",
    r"^(.*?)\s\.\.\.\sInternal\ Server\ Error:\ \/(.*)\/\nok$",
    r"^(.*?)\s\.\.\.\sSystem check identified no issues \(0 silenced\)\nok$",
)
"""What the tests print may come between a test's name and its `ok`."""


def _django(log: str) -> Pairs:
    before = None
    for raw in log.split("\n"):
        line = raw.strip()
        if "--version is equivalent to version" in line:
            yield "--version is equivalent to version", PASSED
        if " ... " in line:
            before = line.split(" ... ")[0]
        yield from _django_line(line)
        if line.startswith("ok") and before is not None:
            yield before, PASSED
    for pattern in _DJANGO_CUT:
        for match in re.finditer(pattern, log, re.MULTILINE):
            yield match[1], PASSED


def _django_line(line: str) -> Pairs:
    for end, status in _DJANGO_ENDS:
        if line.endswith(end):
            whole = line
            if status == PASSED and line.startswith("Applying sites.0002_alter_domain_unique...test_no_migrations"):
                whole = line.split("...", 1)[-1].strip()
            yield whole.split(end)[0] if status != PASSED else whole.rsplit(end, 1)[0], status
            break
    if " ... skipped" in line:
        yield line.split(" ... skipped", maxsplit=1)[0], SKIPPED
    for start, status in (("FAIL:", FAILED), ("ERROR:", ERROR)):
        words = line.split()
        if line.startswith(start) and len(words) > 1:
            yield words[1], status


def _django_otherwise(log: str) -> Pairs:
    """Names of unittest's tests as other versions of Python write them.

    A docstring that begins with a line end is not printed before 3.9; and since 3.11 a test's own name stands also behind its class.
    """
    test = None
    for raw in log.split("\n"):
        line = raw.strip()
        name = re.match(r"(\w+) \(([\w.]+)\)", line)
        said = [
            status
            for end, status in (*_DJANGO_ENDS, (" ... skipped", SKIPPED))
            if line.endswith(end) or (status == SKIPPED and end in line)
        ]
        if name:
            test = (name[1], name[2])
        if test and said:
            place = test[1].removesuffix(f".{test[0]}")
            yield f"{test[0]} ({place})", said[0]
            yield f"{test[0]} ({place}.{test[0]})", said[0]
        if said or not name:
            test = None


_OWN: dict[str, Callable[[str], Pairs]] = {
    "r2e": _r2e,
    "parse_log_django": _django,
    "parse_log_seaborn": _seaborn,
    "parse_log_sympy": _sympy,
    "parse_log_matplotlib": _matplotlib,
    **dict.fromkeys(
        ("parse_log_pytest", "parse_log_flask", "parse_log_xarray", "parse_log_marshmallow", "parse_log_pvlib",
         "parse_log_pyvista", "parse_log_sqlfluff", "parse_log_astroid", "parse_log_dbt_core"), _pytest,
    ),
    **dict.fromkeys(
        ("parse_log_pytest_options", "parse_log_requests", "parse_log_pylint", "parse_log_pydicom"), _pytest_options
    ),
    **dict.fromkeys(
        ("parse_log_pytest_v2", "parse_log_astropy", "parse_log_scikit", "parse_log_sphinx"), _pytest_v2
    ),
}  # fmt: skip
