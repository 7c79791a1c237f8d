"""The newest pytest is not for every project."""

import pytest

from envs.images.runner import find_runner


@pytest.mark.parametrize("tests, requirements, expected", [
    ({}, [], "pytest<9"),
    ({"conftest.py": "def pytest_ignore_collect(path, config):\n    pass\n"}, ["pytest", "pytest-cov"], "pytest<9"),
    ({}, ["pytest>=6,<7"], None),
    ({}, ["pytest[extra] == 8.1"], None),
    ({"pytest.ini": "[pytest]\nminversion = 9.0\n"}, [], "pytest"),
    ({"pytest.ini": "[pytest]\nminversion = 6\n"}, [], "pytest<9"),
    ({"tests/test_a.py": "class TestA:\n    def setup(self):\n        self.x = 1\n"}, [], "pytest<8"),
    ({"tests/test_a.py": "import unittest\nclass TestA(unittest.TestCase):\n    def setup(self):\n        pass\n"}, [], "pytest<9"),
])  # fmt: skip
def test_the_pytest_of_the_project(tests: dict[str, str], requirements: list[str], expected: str | None) -> None:
    assert find_runner(tests, requirements) == expected
