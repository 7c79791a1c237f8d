"""pytest plugin: leaves tests out that are hidden (BENCH_HIDE: a JSON list) and writes outcomes (BENCH_OUT: a JSON object)."""

import json
import os
from pathlib import Path


def pytest_collection_modifyitems(items):
    """Leave out what is hidden."""
    path = os.environ.get("BENCH_HIDE")
    if path:
        with Path(path).open() as file:
            hidden = set(json.load(file))
        items[:] = [item for item in items if item.nodeid not in hidden]


OUTCOMES = {}


def pytest_runtest_logreport(report):
    """Note the worst outcome of a test's phases."""
    if report.failed:
        OUTCOMES[report.nodeid] = "failed"
    elif report.skipped:
        OUTCOMES.setdefault(report.nodeid, "skipped")
    elif report.when == "call":
        OUTCOMES.setdefault(report.nodeid, "passed")


def pytest_sessionfinish():
    """Write them."""
    path = os.environ.get("BENCH_OUT")
    if path:
        with Path(path).open("w") as file:
            json.dump(OUTCOMES, file)
