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
from typing import Any, Literal, NamedTuple

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from winnow.errors import SettingsError

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


class _Section(BaseModel):
    """Part of the tree: closed, so that a misspelt key is an error and not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fix(_Section):
    """What to solve and what to do with the result."""

    repo: Path = Path()
    """A folder of the repository."""
    issue: str | None = None
    """FILE, "text", - (standard input), https://…/issues/N, owner/repo#N or #N."""
    failing_tests: tuple[str, ...] = ()
    """Tests that fail now and must pass in the end. Empty: those that fail on base."""
    apply: bool = False
    """Apply the chosen patch to the work tree."""
    branch: str | None = None
    """Commit the chosen patch on a new branch of this name; the work tree stays as it is."""
    patch_out: Path | None = None
    """Write the chosen patch to this file."""


class Run(_Section):
    """How much is tried."""

    trajectories: int = Field(default=1, ge=1, le=1024)
    """Independent tries in a round. Beside agents, the repairer makes one."""
    proposers: tuple[Literal["agent", "repair"], ...] = ()
    """Who makes candidates. Empty: agents where a model is named, else the repairer."""
    rounds: int = Field(default=1, ge=1, le=100)
    """Rounds at most; another one starts only while nothing is settled."""
    workers: int = Field(default=0, ge=0)
    """Sandboxes at once; 0: one per core for the repairer, and four per core for agents, who mostly wait for their model."""
    seed: int = 0
    """Same seed, same repository, same answer."""
    state_dir: Path = Path(platformdirs.user_state_dir("winnow"))
    """Where runs are kept."""
    cache_dir: Path = Path(platformdirs.user_cache_dir("winnow"))
    """Where built environments are kept."""


class Sandbox(_Section):
    """What machine is opened, and its limits."""

    kind: Literal["auto", "docker", "bubblewrap", "unshare", "host"] = "auto"
    """auto: the first of docker, bubblewrap, unshare that works here. host has no isolation at all and must be named."""
    docker_host: str | None = None
    """Address of the Docker Engine, also DOCKER_HOST. None: the usual socket."""
    docker_user: str = Field(default="1000:1000", pattern=r"\d+:\d+")
    """uid:gid of commands in containers."""
    cpus: float = Field(default=1.0, gt=0)
    memory_mb: int = Field(default=2048, ge=64)
    disk_mb: int = Field(default=2048, ge=16)
    pids: int = Field(default=256, ge=8)


class Image(_Section):
    """Where the repository's tests can run."""

    name: str | None = None
    """Docker image with the project's dependencies, used as it is."""
    base: str | None = None
    """Docker image that environments are built on; any with Python, venv and git does. None: the official one of the
    newest Python that the project supports."""
    setup: tuple[str, ...] = ()
    """Shell commands that install the project, instead of what is detected."""
    python: str | None = None
    """Interpreter: a path (local sandboxes) or a version such as 3.11. None: the repository's own environment, else the
    newest interpreter here that it supports."""


class Suite(_Section):
    """How the repository's tests are run."""

    command: str | None = None
    """None: pytest or unittest, whichever the repository uses."""
    paths: tuple[str, ...] = ()
    """Files or folders that the suite is limited to; empty: all of it."""
    timeout_s: float = Field(default=900.0, gt=0)
    """For one whole run."""


class Repair(_Section):
    """The search-based repairer."""

    max_candidates: int = Field(default=4000, ge=1)
    """Edits tried in one trajectory. A count and not a time, so that a seed always gives the same answer."""
    max_plausible: int = Field(default=20, ge=1)
    """A search ends when it has found so many edits that pass."""
    cpu_limit_s: float = Field(default=600.0, gt=0)
    """Last resort against a suite that is far slower than expected."""


class Model(_Section):
    """The language model, behind any OpenAI-compatible endpoint."""

    names: tuple[str, ...] = ()
    """Models that walk trajectories; several take turns. Empty: no model."""
    base_url: str | None = None
    """Address of the endpoint, also OPENAI_BASE_URL. None: OpenAI's own."""
    api_key: SecretStr | None = None
    """Also OPENAI_API_KEY. Never enters a sandbox, a log or a file."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """None: 0 for the first trajectory and 0.8 for the others."""
    max_output_tokens: int = Field(default=16_384, ge=256)
    """Of one reply, reasoning included."""
    context_tokens: int = Field(default=120_000, ge=4_000)
    """Length of a conversation over which old observations are taken out."""
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    timeout_s: float = Field(default=600.0, gt=0)
    """For one call."""
    retries: int = Field(default=6, ge=0)
    """Of one call, for what a repetition can cure."""
    tools: Literal["auto", "native", "text"] = "auto"
    """How tools are called: by the endpoint's own means, or in the text. auto: own means until it says that it has none."""
    prices: Mapping[str, tuple[float, float, float]] = Field(default_factory=dict)
    """USD per million tokens by model: input, input from cache, output. Over the table that comes with Winnow; 0 for local models.
    In a variable or on the command line: NAME=IN/CACHED/OUT."""

    @field_validator("prices", mode="before")
    @classmethod
    def _read_prices(cls, value: Any) -> Any:
        """Accept NAME=IN/CACHED/OUT, one or several."""
        if isinstance(value, Mapping):
            return value
        parts = value.split(",") if isinstance(value, str) else value
        return {
            name.strip(): tuple(numbers.split("/")) for name, _, numbers in (part.rpartition("=") for part in parts)
        }


class Agent(_Section):
    """How a language model's trajectories go."""

    strategies: tuple[Literal["iterate", "react", "single"], ...] = ("react", "iterate")
    """Taken in turns."""
    turns: int = Field(default=60, ge=1)
    """Model calls of one trajectory."""
    iterations: int = Field(default=8, ge=1)
    """Checks by execution in one trajectory, each with a chance to improve: serial scaling."""
    refusals: int = Field(default=2, ge=0)
    """How often "done" without evidence is sent back."""
    command_timeout_s: float = Field(default=120.0, gt=0)
    """For one shell command."""
    test_timeout_s: float = Field(default=600.0, gt=0)
    """For one run of tests that the model asks for."""
    check_timeout_s: float = Field(default=300.0, gt=0)
    """For the tests of one check."""
    observation_bytes: int = Field(default=16_000, ge=1000)
    """Of one observation."""
    hypotheses: bool = True
    """With several trajectories, ask the model once for different explanations, and give each trajectory another."""
    read_files: int = Field(default=0, ge=0)
    """Files that the model reads one by one to rank them, before the trajectories start; 0: none."""


class Budget(_Section):
    """What a run may spend; a call that might exceed it is not made. None: no limit."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    """Input and output together."""
    calls: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    """Wall time of all processes that worked on the run."""


class GitHub(_Section):
    """Access to the issue tracker."""

    token: SecretStr | None = None
    """Also GITHUB_TOKEN. Never enters a sandbox, a log or a file."""
    api_url: str = "https://api.github.com"
    """Also GITHUB_API_URL."""


class Settings(_Section):
    """The whole tree."""

    fix: Fix = Fix()
    run: Run = Run()
    sandbox: Sandbox = Sandbox()
    image: Image = Image()
    suite: Suite = Suite()
    repair: Repair = Repair()
    model: Model = Model()
    agent: Agent = Agent()
    budget: Budget = Budget()
    github: GitHub = GitHub()


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
