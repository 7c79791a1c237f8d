"""One tree, read once, and nothing in it is ignored."""

from pathlib import Path

import pytest

from winnow.errors import SettingsError
from winnow.settings import Settings, caller, describe, load


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    for name in ("GITHUB_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    return home


def user_file(home: Path, text: str) -> None:
    folder = home / ".config" / "winnow"
    folder.mkdir(parents=True)
    (folder / "winnow.toml").write_text(text)


def test_each_source_hides_the_one_below(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file(own_home, "[run]\nseed = 1\ntrajectories = 2\nrounds = 2\nworkers = 2\n")
    (tmp_path / "winnow.toml").write_text("[run]\ntrajectories = 3\nrounds = 3\n")
    named = tmp_path / "named.toml"
    named.write_text("[run]\nrounds = 4\nworkers = 4\n")
    monkeypatch.setenv("WINNOW_RUN_WORKERS", "5")
    run = load({"run": {"seed": 6}}, repository=tmp_path, config=named).run
    assert (run.seed, run.trajectories, run.rounds, run.workers) == (6, 3, 4, 5)


def test_pyproject_counts_where_there_is_no_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.winnow.suite]\ncommand = "make check"\n')
    assert load({}, repository=tmp_path).suite.command == "make check"


def test_a_broken_pyproject_may_be_the_thing_to_fix(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.winnow\n")
    assert load({}, repository=tmp_path).suite.command is None


@pytest.mark.parametrize("section, key, value", [
    ("sandbox", "kind", '"host"'), ("sandbox", "memory_mb", "999999"), ("github", "api_url", '"https://evil.example"'),
    ("fix", "apply", "true"), ("run", "state_dir", '"/tmp/x"'),
])  # fmt: skip
def test_a_repository_cannot_weaken_what_protects_from_it(tmp_path: Path, section: str, key: str, value: str) -> None:
    (tmp_path / "winnow.toml").write_text(f"[{section}]\n{key} = {value}\n")
    with pytest.raises(SettingsError, match=f"{section}.{key} cannot be set by a repository") as caught:
        load({}, repository=tmp_path)
    assert f"WINNOW_{section}_{key}".upper() in caught.value.hint


def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text("[sandbox]\nmemory = 3\n")
    with pytest.raises(SettingsError, match=r"no key sandbox\.memory") as caught:
        load({}, repository=None, config=named)
    assert "sandbox.memory_mb" in caught.value.hint


def test_an_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_RUN_TRAJECTORY", "3")
    with pytest.raises(SettingsError, match="WINNOW_RUN_TRAJECTORY means nothing") as caught:
        load({}, repository=None)
    assert "WINNOW_RUN_TRAJECTORIES" in caught.value.hint


@pytest.mark.parametrize(
    "text, message", [("[run]\nseed = 'x'\n", "run.seed"), ("run = 3\n", "stands outside"), ("[run", "not valid TOML")]
)
def test_a_bad_value_says_which_and_where(tmp_path: Path, text: str, message: str) -> None:
    named = tmp_path / "named.toml"
    named.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load({}, repository=None, config=named)


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_SANDBOX_CPUS", "-1")
    with pytest.raises(SettingsError) as caught:
        load({}, repository=None)
    assert "WINNOW_SANDBOX_CPUS" in caught.value.hint


def test_lists_in_variables_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_SUITE_PATHS", "tests/a.py, tests/b")
    assert load({}, repository=None).suite.paths == ("tests/a.py", "tests/b")


def test_conventions_of_the_field_count_and_secrets_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "canary-secret")
    settings = load({}, repository=None)
    assert settings.github.token is not None
    assert settings.github.token.get_secret_value() == "canary-secret"
    assert "canary-secret" not in repr(settings) + settings.model_dump_json() + "".join(map(str, describe(settings)))


def test_every_leaf_has_a_variable_of_its_own() -> None:
    variables = [variable for _, variable, _ in describe(Settings())]
    assert len(variables) == len(set(variables))
    assert all(variable.startswith("WINNOW_") for variable in variables)


def test_only_what_finds_packages_reaches_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    monkeypatch.setenv("OPENAI_API_KEY", "canary-secret")
    assert caller().package_index["PIP_INDEX_URL"]
    assert "OPENAI_API_KEY" not in caller().package_index
