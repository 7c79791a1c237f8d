"""The one settings tree: defaults < user file < repository file < `--config` file < WINNOW_* < flags.

Read once, here, and passed on as plain values; nothing below this room reads the environment. Every key has a variable
(`sandbox.memory_mb` is WINNOW_SANDBOX_MEMORY_MB) and the command line's flags are keys too. An unknown key is an error.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
from pydantic import ValidationError

from winnow.errors import SettingsError
from winnow.sections import Settings

__all__ = ["UNTRUSTED", "Caller", "Settings", "caller", "describe", "load", "with_secrets"]

PREFIX = "WINNOW_"
_TESTS_OWN = ("WINNOW_TEST_",)
"""Variables of the project's own test suite, which are no settings."""

_PACKAGE_INDEX = re.compile(
    r"(PIP|UV)_\w+|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
)
"""Variables that say where packages come from and through what."""

_CONVENTIONS = {
    "OPENAI_API_KEY": ("model", "api_key"),
    "OPENAI_BASE_URL": ("model", "base_url"),
    "GITHUB_TOKEN": ("github", "token"),
    "GITHUB_API_URL": ("github", "api_url"),
    "DOCKER_HOST": ("sandbox", "docker_host"),
}
"""Variables that the field already uses, and the keys that they set."""


UNTRUSTED = {
    "run": ("trajectories", "rounds", "seed"),
    "image": ("name", "base", "setup", "python"),
    "suite": ("command", "paths", "timeout_s"),
    "repair": ("max_candidates", "max_plausible"),
}
"""What a file of the repository may set. The repository is untrusted: it can choose how its tests run inside a sandbox, but
not which sandbox, what limits, what token goes where, or what happens to the result."""


def load(flags: Mapping[str, Mapping[str, Any]], *, repository: Path | None, config: Path | None = None) -> Settings:
    """Read every source and return the tree.

    Args:
        flags: what the command line or the caller said, by section and key.
        repository: whose `winnow.toml` or `[tool.winnow]` counts; None for commands without one.
        config: a file named by the user; it may set anything.

    Raises:
        SettingsError: unknown key, bad value, or a file that cannot be read; names the key and where it stands.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = []
    user_file = Path(platformdirs.user_config_dir("winnow")) / "winnow.toml"
    if user_file.is_file():
        layers.append((str(user_file), _toml(user_file)))
    if repository is not None:
        layers.extend(_of_repository(repository))
    if config is not None:
        layers.append((str(config), _toml(config)))
    for origin, layer in layers:
        _check_keys(layer, origin)
    _check_variables()
    layers.append(("the environment", _conventions()))
    merged: dict[str, dict[str, Any]] = {}
    for layer in [*(layer for _, layer in layers), _variables(), flags]:
        for section, values in layer.items():
            merged.setdefault(section, {}).update(values)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{key}: {first['msg'].lower()}", hint=_where(key, layers, flags)) from error


def with_secrets(settings: Settings) -> Settings:
    """The tree of a stored run with the model's key, which is stored nowhere, as the environment or a file has it now."""
    key = load({}, repository=None).model.api_key
    return settings.model_copy(update={"model": settings.model.model_copy(update={"api_key": key})})


def describe(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield (key, variable, value) of every leaf; secrets are masked."""
    for section, model in settings:
        for key, value in model:
            yield f"{section}.{key}", _variable(section, key), str(value)


def _variable(section: str, key: str) -> str:
    return f"{PREFIX}{section}_{key}".upper()


def _toml(path: Path) -> Mapping[str, Any]:
    """Parse one TOML file."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _of_repository(repository: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the repository's own settings: `winnow.toml`, else `[tool.winnow]` of pyproject.toml."""
    own, project = repository / "winnow.toml", repository / "pyproject.toml"
    if own.is_file():
        origin, layer = str(own), _toml(own)
    elif project.is_file():
        try:
            layer = _toml(project).get("tool", {}).get("winnow", {})
        except SettingsError:  # a broken pyproject.toml may be the very thing to fix
            return
        origin = f"[tool.winnow] in {project}"
    else:
        return
    for section, values in layer.items():
        for key in values if isinstance(values, dict) else ():
            if key not in UNTRUSTED.get(section, ()) and section in Settings.model_fields:
                raise SettingsError(
                    f"{section}.{key} cannot be set by a repository ({origin})",
                    hint=f"Set it with its flag, {_variable(section, key)}, or your own file: the repository is not trusted with it.",
                )
    yield origin, layer


def _check_keys(layer: Mapping[str, Any], origin: str) -> None:
    """Refuse keys that do not exist, with the nearest that does."""
    known = {f"{section}.{key}" for section, field in Settings.model_fields.items() for key in _keys(field.annotation)}
    for section, values in layer.items():
        if not isinstance(values, dict):
            raise SettingsError(f"{origin}: {section} stands outside any section", hint=_nearest(section, known))
        for key in values:
            if f"{section}.{key}" not in known:
                raise SettingsError(
                    f"{origin}: there is no key {section}.{key}", hint=_nearest(f"{section}.{key}", known)
                )


def _check_variables() -> None:
    """Refuse WINNOW_* variables that mean nothing."""
    known = {
        _variable(section, key) for section, field in Settings.model_fields.items() for key in _keys(field.annotation)
    }
    for name in os.environ:  # noqa: TID251 - this is the one place
        if name.startswith(PREFIX) and name not in known and not name.startswith(_TESTS_OWN):
            raise SettingsError(f"the variable {name} means nothing to Winnow", hint=_nearest(name, known))


def _keys(section: Any) -> tuple[str, ...]:
    return tuple(section.model_fields)


def _nearest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"Did you mean {close[0]}?" if close else "`winnow settings` lists all keys."


def _variables() -> Mapping[str, Mapping[str, Any]]:
    """What WINNOW_* say; lists are separated by commas."""
    found: dict[str, dict[str, Any]] = {}
    for section, field in Settings.model_fields.items():
        for key, leaf in field.annotation.model_fields.items():  # type: ignore[union-attr]
            raw = os.environ.get(_variable(section, key))  # noqa: TID251 - this is the one place
            if raw is not None:
                many = str(leaf.annotation).startswith("tuple")
                found.setdefault(section, {})[key] = _listed(raw) if many else raw
    return found


def _listed(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _conventions() -> Mapping[str, Mapping[str, Any]]:
    """Variables that the field already uses."""
    found: dict[str, dict[str, Any]] = {}
    for name, (section, key) in _CONVENTIONS.items():
        if os.environ.get(name):  # noqa: TID251 - this is the one place
            found.setdefault(section, {})[key] = os.environ[name]  # noqa: TID251
    return found


class Caller(NamedTuple):
    """What the caller's environment says that is no setting."""

    path: str
    """PATH: where interpreters are looked for, and what sandboxes without isolation get."""
    virtual_env: str | None
    """The environment that the caller works in."""
    package_index: Mapping[str, str]
    """Where packages come from and through what; for the build of environments alone, never for tests or candidates."""


def caller() -> Caller:
    """Read the caller's environment."""
    environ = os.environ  # noqa: TID251 - this is the one place
    return Caller(
        path=environ.get("PATH", os.defpath),
        virtual_env=environ.get("VIRTUAL_ENV"),
        package_index={name: value for name, value in environ.items() if _PACKAGE_INDEX.fullmatch(name)},
    )


def _where(key: str, layers: list[tuple[str, Mapping[str, Any]]], flags: Mapping[str, Mapping[str, Any]]) -> str:
    """Say which source a bad value came from."""
    section, _, leaf = key.partition(".")
    leaf = leaf.partition(".")[0]
    if leaf in flags.get(section, {}):
        return "It was given as a flag."
    if _variable(section, leaf) in os.environ:  # noqa: TID251 - this is the one place
        return f"It stands in {_variable(section, leaf)}."
    for origin, layer in reversed(layers):
        if leaf in layer.get(section, {}):
            return f"It stands in {origin}."
    return ""
