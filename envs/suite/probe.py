"""Find pytest options that work: what is asked for, less what the environment lacks."""

import re
import shlex
from collections.abc import Callable, Sequence

from envs.errors import SuiteUnusable
from envs.suite.options import name_of
from envs.suite.report import log_tail
from envs.suite.run import DETERMINISM
from sandbox.port import Sandbox

PROBE_SECONDS = 300.0
MAX_STEPS = 12
Options = list[tuple[str, ...]]


def settle(box: Sandbox, prefix: Sequence[str], options: Options, addopts: Options) -> tuple[str, ...]:
    """Return the command with options that pytest accepts here.

    `--markers` makes pytest read its configuration, load plugins and the first conftest files, and collect nothing.

    Args:
        box: the tree is in its work tree.
        prefix: the command up to `-m pytest`.
        options: what is wanted.
        addopts: what the configuration asks for on top, as long as `-o addopts=` is not among the options.

    Raises:
        SuiteUnusable: pytest does not start, whatever is left out.
    """
    for _ in range(MAX_STEPS):
        argv = (*prefix, *(word for group in options for word in group))
        result = box.exec((*argv, "--markers"), timeout=PROBE_SECONDS, env=DETERMINISM, max_bytes=1 << 16)
        if result.ok:
            return argv
        if result.timed_out:
            raise SuiteUnusable(f"pytest did not start within {PROBE_SECONDS:.0f} s.", hint=_HINT)
        log = log_tail(result)
        changed = _without(options, addopts, f"{result.err}\n{result.out}")
        if changed is None or changed == options:
            raise SuiteUnusable(_sentence(log), hint=_HINT)
        options = changed
    raise SuiteUnusable(_sentence(log), hint=_HINT)


_HINT = "Install what is missing with --setup, or say how the tests are run with --test-command."


def _without(options: Options, addopts: Options, log: str) -> Options | None:
    """Return the options less what the message complains about; None when it names nothing that can be left out."""
    if match := re.search(r"unrecognized arguments: (.*)", log):
        blamed = {name_of((word,)) for word in _split(match[1]) if word.startswith("-")}
        return _drop(options, addopts, lambda group: name_of(group) in blamed)
    if match := re.search(r"Error importing plugin ['\"]([^'\"]+)['\"]", log):
        plugin = match[1]
        return _drop(options, addopts, lambda group: name_of(group) == "-p" and plugin in " ".join(group))
    if match := re.search(r"argument (-[^:\s]+): ", log):
        blamed = set(match[1].split("/"))
        return _drop(options, addopts, lambda group: name_of(group) in blamed)
    for pattern, setting in _SETTINGS:
        if re.search(pattern, log) and setting not in options:
            return [
                *_drop(options, addopts, lambda group: group == ("--strict-config",)),
                setting,
            ]
    return None


_UNKNOWN_KEY = r"Unknown config (option|ini key)"
_SETTINGS = (
    (r"Missing required plugins", ("-o", "required_plugins=")),
    (r"requires pytest-", ("-o", "minversion=0")),
    (r"while parsing the following warning configuration", ("-o", "filterwarnings=")),
    (_UNKNOWN_KEY, ("-o", "strict_config=false")),
)
"""Settings of the configuration file that can keep pytest from starting, and what takes their place."""


def _drop(options: Options, addopts: Options, blamed: Callable[[tuple[str, ...]], bool]) -> Options:
    if ("-o", "addopts=") not in options and any(blamed(group) for group in addopts):
        options = [*options, ("-o", "addopts="), *addopts]
    return [group for group in options if not blamed(group)]


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _sentence(log: str) -> str:
    """Return one sentence with the line of the log that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"E\s|.*(Error|error):", line)]
    line = (errors or lines or ["it printed nothing"])[-1].removeprefix("E ").strip()
    return f"pytest does not start here: {line}"
