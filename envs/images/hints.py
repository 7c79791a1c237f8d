"""Test tools that nobody declared, told by how the tests use them. Pure.

Source distributions rarely carry the files that name them. Only well-known packages are in the table: a name that a
test imports is no reason to install whatever somebody has registered under it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

IMPORTED = {
    name.partition("=")[0]: name.rpartition("=")[2]
    for name in """
    hypothesis mock six nose parameterized ddt testfixtures flaky freezegun responses pretend trustme time_machine=time-machine
    requests_mock=requests-mock pytest_mock=pytest-mock pytest_httpserver=pytest-httpserver pytest_lazyfixture=pytest-lazy-fixture
    pytest_subtests=pytest-subtests pytest_asyncio=pytest-asyncio pytest_localserver=pytest-localserver pytest_httpbin=pytest-httpbin
    numpy yaml=PyYAML toml attr=attrs attrs psutil simplejson requests httpx trio anyio aiohttp docutils jinja2 pytz
    dateutil=python-dateutil dirty_equals=dirty-equals syrupy inline_snapshot=inline-snapshot faker=Faker factory=factory-boy pexpect
    typing_extensions bs4=beautifulsoup4 chardet click pygments=Pygments sortedcontainers cloudpickle pyfakefs sybil
    assertpy expects sure hamcrest=PyHamcrest testtools fixtures pytest_check=pytest-check pytest_cases=pytest-cases
    pydantic msgpack ujson orjson dill tomli tomli_w=tomli-w greenlet
    """.split()  # noqa: SIM905  (one word per line would be a page)
}
"""Distribution by module."""

USED = (
    (r"\bmocker\b", "pytest-mock"),
    (r"mark\.asyncio\b", "pytest-asyncio"),
    (r"mark\.trio\b", "pytest-trio"),
    (r"mark\.timeout\b", "pytest-timeout"),
    (r"mark\.flaky\b", "pytest-rerunfailures"),
    (r"mark\.order\(", "pytest-order"),
    (r"mark\.forked\b", "pytest-forked"),
    (r"mark\.django_db\b", "pytest-django"),
    (r"lazy_fixture\(", "pytest-lazy-fixture"),
    (r"def test_\w+\([^)]*\bbenchmark\b", "pytest-benchmark"),
    (r"def test_\w+\([^)]*\bsubtests\b", "pytest-subtests"),
    (r"def test_\w+\([^)]*\bfs\b[^)]*\):", "pyfakefs"),
    (r"def test_\w+\([^)]*\bhttpserver\b", "pytest-httpserver"),
    (r"def test_\w+\([^)]*\brequests_mock\b", "requests-mock"),
    (r"def test_\w+\([^)]*\bfreezer\b", "pytest-freezer"),
    (r"def test_\w+\([^)]*\b(data_regression|file_regression|datadir|shared_datadir)\b", "pytest-regressions"),
)
"""What a fixture or mark is called in tests, and the distribution that brings it."""

CONFIGURED = (
    (r"^\s*asyncio_mode\s*=|--asyncio-mode", "pytest-asyncio"),
    (r"^\s*timeout\s*=|--timeout\b", "pytest-timeout"),
    (r"--reruns\b", "pytest-rerunfailures"),
    (r"^\s*DJANGO_SETTINGS_MODULE\s*=|--ds\b", "pytest-django"),
    (r"--doctest-plus\b|^\s*doctest_plus\s*=", "pytest-doctestplus"),
)
"""The same for pytest's configuration."""


def undeclared(texts: Mapping[str, str], own: Iterable[str], declared: Iterable[str]) -> tuple[str, ...]:
    """Return distributions that the tests use.

    Args:
        texts: sources of tests and configuration files of pytest.
        own: modules of the project itself and of its tests.
        declared: normalised names of the distributions that are asked for anyway.
    """
    mine, known = set(own), set(declared)
    found: dict[str, None] = {}
    for path, text in texts.items():
        for module in imported(text) if path.endswith(".py") else ():
            if module in IMPORTED and module not in mine:
                found[IMPORTED[module]] = None
        for pattern, distribution in USED if path.endswith(".py") else CONFIGURED:
            if re.search(pattern, text, re.MULTILINE):
                found[distribution] = None
    return tuple(name for name in found if re.sub(r"[-_.]+", "-", name).lower() not in known)


def imported(text: str, indent: str = r"\s*") -> Iterator[str]:
    """Yield the top-level modules that a source imports; `indent` may be empty for those at its outermost level."""
    for match in re.finditer(rf"^{indent}(?:from\s+([A-Za-z_]\w*)|import\s+([\w., \t]+))", text, re.MULTILINE):
        names = [match[1]] if match[1] else match[2].split(",")
        yield from (name.strip().partition(".")[0].partition(" ")[0] for name in names)
