"""What `pyproject.toml` says about dependencies, in the dialects of the common tools. Pure."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

TESTING = re.compile(
    r"(unit|integration|py)?[-_]?tests?(ing|[-_].*)?|.*[-_]tests?(ing)?|checks?|ci|hatch-test", re.IGNORECASE
)
DEVELOPMENT = re.compile(r"dev(el|elop|elopment|elopers?)?([-_].*)?|all", re.IGNORECASE)


class Wants(NamedTuple):
    """What running the tests needs, from one source."""

    extras: tuple[str, ...] = ()
    """Optional dependencies of the project itself, where it is not known what is in them. Known ones are requirements: of
    those one can be left out."""
    requirements: tuple[str, ...] = ()
    """Requirement lines."""

    def __add__(self, other: "Wants") -> "Wants":  # type: ignore[override]  # a union, not a longer tuple
        return Wants(unique(self.extras + other.extras), unique(self.requirements + other.requirements))

    def __bool__(self) -> bool:
        return bool(self.extras or self.requirements)


def unique(items: Sequence[str]) -> tuple[str, ...]:
    """Return the items once each, in order."""
    return tuple(dict.fromkeys(items))


def load(text: str) -> dict[str, Any]:
    """Return the tables; none for a file that is not TOML, about which the project's own tools will complain."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def table(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return a nested table, empty where there is none."""
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def strings(value: Any) -> tuple[str, ...]:
    """Return the strings of a list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def wants(data: Mapping[str, Any], kind: re.Pattern[str]) -> Wants:
    """Return what the sections named like `kind` ask for.

    Args:
        data: the tables of `pyproject.toml`.
        kind: `TESTING` or `DEVELOPMENT`.
    """
    found = Wants()
    for name, lines in table(data, "project", "optional-dependencies").items():
        if kind.fullmatch(name):
            found += Wants((), strings(lines))
    groups = table(data, "dependency-groups")
    for name in groups:
        if kind.fullmatch(name):
            found += Wants((), tuple(_group(groups, name, ())))
    found += _poetry(data, kind)
    for name, env in table(data, "tool", "hatch", "envs").items():
        if kind.fullmatch(name) or (name == "default" and kind is TESTING):
            found += Wants(
                strings(env.get("features")), strings(env.get("dependencies")) + strings(env.get("extra-dependencies"))
            )
    for name, lines in table(data, "tool", "pdm", "dev-dependencies").items():
        if kind.fullmatch(name):
            found += Wants((), tuple(line for line in strings(lines) if not line.startswith("-e")))
    if kind is DEVELOPMENT:
        for tool in ("uv", "rye"):
            found += Wants((), strings(table(data, "tool", tool).get("dev-dependencies")))
    return found


def _group(groups: Mapping[str, Any], name: str, above: tuple[str, ...]) -> Iterator[str]:
    """Yield the requirements of a dependency group and of those that it includes (PEP 735)."""
    same = {_normal(key): key for key in groups}
    key = same.get(_normal(name))
    if key is None or key in above:
        return
    for entry in groups[key] if isinstance(groups[key], list) else ():
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            yield from _group(groups, entry["include-group"], (*above, key))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _poetry(data: Mapping[str, Any], kind: re.Pattern[str]) -> Wants:
    poetry = table(data, "tool", "poetry")
    found = Wants(tuple(name for name in table(poetry, "extras") if kind.fullmatch(name)))
    sections = {name: table(group, "dependencies") for name, group in table(poetry, "group").items()}
    if kind is DEVELOPMENT:
        sections["dev-dependencies"] = table(poetry, "dev-dependencies")
    for name, section in sections.items():
        if kind.fullmatch(name):
            lines = (poetry_requirement(package, spec) for package, spec in section.items() if package != "python")
            found += Wants((), tuple(line for line in lines if line))
    return found


def poetry_requirement(package: str, spec: Any) -> str | None:
    """Return Poetry's way to name a dependency as a requirement line; None for paths and repositories.

    Of several constraints for one package the last is taken: it is for the newest interpreters by custom.
    """
    if isinstance(spec, list):
        spec = spec[-1] if spec else "*"
    extras, marker = "", ""
    if isinstance(spec, dict):
        if "version" not in spec:
            return None
        extras = f"[{','.join(strings(spec.get('extras')))}]" if spec.get("extras") else ""
        marker = f" ; {spec['markers']}" if isinstance(spec.get("markers"), str) else ""
        spec = spec["version"]
    parts = [part for raw in str(spec).split(",") if (part := _constraint(raw.strip()))]
    return f"{package}{extras}{','.join(parts)}{marker}"


def _constraint(text: str) -> str:
    """Return one of Poetry's version constraints in the common notation; the empty string for any version."""
    if text in {"", "*"} or "||" in text:
        return ""
    if text[0] in "^~" and not text.startswith("~="):
        numbers = [int(number) for number in re.findall(r"\d+", text.split("-", maxsplit=1)[0])[:3]]
        if not numbers:
            return ""
        keep = (
            next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
            if text[0] == "^"
            else min(1, len(numbers) - 1)
        )
        upper = [*numbers[:keep], numbers[keep] + 1]
        return f">={text[1:].strip()},<{'.'.join(map(str, upper))}"
    return text if text[0] in "<>=!~" else f"=={text}"
