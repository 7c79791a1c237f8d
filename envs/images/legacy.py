"""What the older files say about dependencies: setup.py, setup.cfg, tox, requirements, PKG-INFO, conda environments. Pure."""

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from typing import Any, TypeGuard

from envs.images.pyproject import TESTING, Wants, load, strings, table, unique

TEST_FILE = re.compile(
    r"(.*/)?((unit|py)?tests?|testing)[-_.]?(requirements?|reqs|deps)\.(txt|in|pip)|"
    r"(.*/)?(requirements?|reqs|deps|dependencies)[-_./]?((unit|py)?tests?|testing|ci)\.(txt|in|pip)|"
    r"(tests?|testing)/requirements?\.(txt|in|pip)"
)
DEV_FILE = re.compile(
    r"(dev|development|develop)[-_.]?(requirements?|reqs|deps)\.(txt|in|pip)|"
    r"(requirements?|reqs|deps|dependencies)[-_./]?(dev|development|develop)\.(txt|in|pip)"
)
MAIN_FILE = re.compile(r"requirements?\.(txt|in|pip)|requirements?/(base|main|default|prod|requirements)\.(txt|in|pip)")


WIDE_FACTOR = re.compile(r"py(3[\d{},]*|\{3[^}]*\})?|tests?|unit|default|pytest")
"""Factors of tox that an ordinary run of the tests has."""
OWN_EXTRAS = re.compile(r"(?:-e\s*)?\.\[([\w, -]+)\]")


def ini(text: str) -> configparser.RawConfigParser:
    """Return the sections; none for a file that cannot be read, about which the project's own tools will complain."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.RawConfigParser()
    return parser


def option(parser: configparser.RawConfigParser, section: str, name: str) -> str:
    """Return a setting's text, empty where there is none."""
    return (parser.get(section, name, fallback="") or "") if parser.has_section(section) else ""


def options(parser: configparser.RawConfigParser, section: str) -> list[str]:
    """Return the names in a section, none where there is no such section."""
    return parser.options(section) if parser.has_section(section) else []


def setup_cfg(text: str, kind: re.Pattern[str]) -> Wants:
    """Return what the sections named like `kind` ask for."""
    parser = ini(text)
    section = "options.extras_require"
    names = [name for name in options(parser, section) if kind.fullmatch(name)]
    lines = [line for name in names for line in lines_of(option(parser, section, name))]
    tests = lines_of(option(parser, "options", "tests_require")) if kind is TESTING else []
    return Wants((), unique([*lines, *tests]))


def setup_py(text: str, kind: re.Pattern[str]) -> Wants:
    """Return what the call of `setup()` asks for, as far as it is written down literally."""
    arguments = setup_arguments(text)
    extras = arguments.get("extras_require")
    found = Wants()
    for name, lines in extras.items() if isinstance(extras, dict) else ():
        if kind.fullmatch(name):
            found += Wants((), unique(lines)) if _all_strings(lines) else Wants((name,))
    tests = arguments.get("tests_require") if kind is TESTING else ()
    tests = [tests] if isinstance(tests, str) else tests
    return found + (Wants((), unique(tests)) if tests and _all_strings(tests) else Wants())


def _all_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def setup_arguments(text: str) -> dict[str, Any]:
    """Return the literal arguments of the call of `setup()`, with names of the module looked up. Nothing is executed."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    known: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _literal(node.value, known)
            if value is not None:
                known[node.targets[0].id] = value
    for node in ast.walk(module):
        name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name == "setup":
            for keyword in node.keywords:
                if keyword.arg is None:
                    more = _literal(keyword.value, known)
                    found.update(more if isinstance(more, dict) else {})
                else:
                    found[keyword.arg] = _literal(keyword.value, known)
    return {name: value for name, value in found.items() if value is not None}


def _literal(node: ast.expr, known: Mapping[str, Any]) -> Any:  # noqa: PLR0911  (one for each kind of literal)
    """Return a literal's value; None for anything else. In dictionaries and lists, what is not literal is left out."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return known.get(name)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [value for item in items if (value := _literal(item, known)) is not None]
        case ast.Dict(keys=keys, values=values):
            pairs = ((_literal(key, known), value) for key, value in zip(keys, values, strict=True) if key is not None)
            return {key: _literal(value, known) for key, value in pairs if isinstance(key, str)}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, two = _literal(left, known), _literal(right, known)
            return one + two if type(one) is type(two) and isinstance(one, list | str) else one or two
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {keyword.arg: _literal(keyword.value, known) for keyword in keywords if keyword.arg}
        case _:
            return None


def tox(files: Mapping[str, str]) -> Wants:
    """Return what tox would install for its default environment."""
    data = (
        load(files["tox.toml"]) if "tox.toml" in files else table(load(files.get("pyproject.toml", "")), "tool", "tox")
    )
    env = {**table(data, "env_run_base"), **table(data, "testenv")}
    extras, lines = [*strings(env.get("extras"))], [_unconditional(line) for line in strings(env.get("deps"))]
    legacy = table(load(files.get("pyproject.toml", "")), "tool", "tox").get("legacy_tox_ini")
    for text in (files.get("tox.ini", ""), files.get("setup.cfg", ""), legacy if isinstance(legacy, str) else ""):
        parser = ini(text)
        for section in ("testenv", "tox:testenv"):
            extras += re.findall(r"[\w-]+", option(parser, section, "extras"))
            lines += [_unconditional(line) for line in _expand(parser, option(parser, section, "deps"), 5)]
    for line in lines:
        own = OWN_EXTRAS.fullmatch(line)
        extras += re.findall(r"[\w-]+", own[1]) if own else []
    # What only makes environments is not needed in one.
    tools = {"poetry", "pdm", "uv", "hatch", "tox", "nox", "pip", "virtualenv", "tox-uv", "tox-gh-actions", ""}
    kept = [line for line in lines if normal(line) not in tools and not OWN_EXTRAS.fullmatch(line)]
    return Wants(unique(extras), unique(kept))


def _expand(parser: configparser.RawConfigParser, text: str, depth: int) -> Iterator[str]:
    """Yield the lines of a tox setting, with references to other sections resolved."""
    for line in lines_of(text):
        reference = re.fullmatch(r"\{\[([^\]]+)\]([\w-]+)\}", line)
        if reference and depth:
            yield from _expand(parser, option(parser, reference[1], reference[2]), depth - 1)
        else:
            yield line


def _unconditional(line: str) -> str:
    """Return the requirement of a line without its factors, where they only ask for a Python 3; otherwise nothing."""
    factors, separator, rest = line.partition(": ")
    if separator and re.fullmatch(r"[\w!.,{}-]+", factors):
        choices = re.split(r",(?![^{]*\})", factors)
        line = rest.strip() if all(WIDE_FACTOR.fullmatch(choice) for choice in choices) else ""
    line = line.replace("{toxinidir}/", "")
    return "" if re.search(r"[{}]|^(-e|-c|\.|/)", line) and not OWN_EXTRAS.fullmatch(line) else line


def environment_yml(text: str) -> Wants:
    """Return the part of a conda environment that pip installs."""
    inside = re.search(r"^( *)- pip:[ \t]*\n((?:\1[ ]+- .*\n?|[ \t]*\n)+)", text, re.MULTILINE)
    found = re.findall(r"^\s*- ['\"]?([^'\"\n#]+)", inside[2], re.MULTILINE) if inside else []
    return Wants((), tuple(line.strip() for line in found if not line.strip().startswith(("-e", "."))))


def locked(files: Mapping[str, str]) -> dict[str, str]:
    """Return the versions in a lock file of uv, Poetry or PDM; packages that are locked several times are left out."""
    for name in ("uv.lock", "poetry.lock", "pdm.lock"):
        packages = load(files.get(name, "")).get("package")
        if isinstance(packages, list):
            found: dict[str, set[str]] = {}
            for package in packages:
                if isinstance(package, dict) and "version" in package and not _is_local(package):
                    found.setdefault(normal(str(package.get("name"))), set()).add(str(package["version"]))
            return {package: versions.pop() for package, versions in sorted(found.items()) if len(versions) == 1}
    return {}


def _is_local(package: Mapping[str, Any]) -> bool:
    """True for the project itself and its parts."""
    return bool({"editable", "virtual", "directory", "path"} & set(table(package, "source")))


def normal(line: str) -> str:
    """Return the normalised name of the distribution that a requirement line asks for."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;@(]", line.strip(), maxsplit=1)[0]).lower()


def requirement_files(names: Mapping[str, str], pattern: re.Pattern[str]) -> Wants:
    """Return the requirement files with such a name; of `x.in` and the `x.txt` compiled from it, the one without pins."""
    chosen = sorted(name for name in names if pattern.fullmatch(name))
    chosen = [name for name in chosen if not (name.endswith(".txt") and f"{name[:-4]}.in" in chosen)]
    return Wants((), tuple(f"-r {name}" for name in chosen))


def pkg_info(text: str) -> dict[str, list[str]]:
    """Return the headers of a source distribution's metadata, by name."""
    message = HeaderParser().parsestr(text)
    return {name.lower(): [str(value) for value in message.get_all(name, [])] for name in message.keys()}  # noqa: SIM118


def pkg_info_wants(text: str, kind: re.Pattern[str]) -> Wants:
    """Return the extras named like `kind`."""
    return Wants(tuple(name for name in pkg_info(text).get("provides-extra", []) if kind.fullmatch(name)))


def lines_of(text: str) -> list[str]:
    """Return the lines of a list in an ini file or a requirements file, without comments."""
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in stripped if line]
