"""Batches over the small dataset."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from envs.datasets.values import Record
from envs.grading.values import Gold
from tests.agent.models.server import ChatServer
from tests.winnow.eval.kit import Toys, make_dataset, robot, settings_for
from winnow.eval.folder import BatchDir
from winnow.eval.run import BatchResult, DatasetName, ask, evaluate
from winnow.settings import Settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh home, as in `tests/winnow/conftest.py`."""
    for name in list(os.environ):
        if name.startswith(("WINNOW_", "XDG_")) and not name.startswith("WINNOW_TEST_"):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-robot")


@pytest.fixture
def endpoint() -> Iterator[ChatServer]:
    with ChatServer(robot) as server:
        yield server


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Record, ...], Mapping[str, Gold]]:
    folder = tmp_path_factory.mktemp("dataset")
    return (folder, *make_dataset(folder))


class Bench:
    """One batch after another over the same tasks, in one folder."""

    def __init__(self, folder: Path, kind: str, url: str, dataset: Any) -> None:
        self.folder, self.kind, self.url = folder, kind, url
        self.upstream, self.records, self.gold = dataset
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def out(self) -> Path:
        return self.folder / "batch"

    def settings(self, **sections: dict[str, Any]) -> Settings:
        return settings_for(self.folder, self.folder / "cache", self.kind, self.url, **sections)

    def toys(self, **values: Any) -> Toys:
        return Toys(folder=str(self.folder), upstream=str(self.upstream / "upstream"), kind=self.kind, **values)  # type: ignore[arg-type]

    def begin(self, *, tasks: int = 4) -> None:
        """Leave what a process leaves that was killed at once."""
        folder = BatchDir(self.out)
        with folder.lock():
            folder.open(ask(self.settings(), self.records[:tasks], DatasetName("toys.jsonl")))

    def run(self, *, tasks: int = 4, toys: Toys | None = None, **sections: dict[str, Any]) -> BatchResult:
        self.events = []
        return evaluate(
            self.settings(**sections),
            self.records[:tasks],
            self.gold,
            dataset=DatasetName("toys.jsonl"),
            sites=toys or self.toys(),
            report=lambda kind, data: self.events.append((kind, data)),
        )

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [data for name, data in self.events if name == kind]


@pytest.fixture
def bench(tmp_path: Path, confined: str, endpoint: ChatServer, dataset: Any) -> Bench:
    return Bench(tmp_path, confined, endpoint.url, dataset)


@pytest.fixture
def bench_at(tmp_path: Path, confined: str, dataset: Any) -> Callable[[str], Bench]:
    """A bench with another endpoint."""
    return lambda url: Bench(tmp_path, confined, url, dataset)
