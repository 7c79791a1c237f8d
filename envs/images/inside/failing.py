"""Try one test that fails, and find the plugins that keep pytest from saying so: one JSON object on standard output.

Usage: python failing.py PLUGINS   (a JSON list of the names under which installed plugins are registered)

The answer: `culprits`, the plugins without which pytest says it, and `said`, the end of what it printed when no plugin is to blame.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import Iterable, List

SECONDS = 60


def fails_as_it_should(without: Iterable[str]) -> str:
    """Run the test without some plugins; return nothing when pytest counts one failure, else the end of what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "test_one.py"), "w") as file:
            file.write("def test_one():\n    numbers = [1, 2]\n    assert numbers == [1, 3]\n")
        with open(os.path.join(folder, "pytest.ini"), "w") as file:
            file.write("[pytest]\n")
        options = [word for name in without for word in ("-p", "no:" + name)]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_one.py"]
        try:
            done = subprocess.run(
                command, check=False, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return "it did not end within %d s" % SECONDS
    text = done.stdout.decode("utf-8", "replace")
    return "" if done.returncode == 1 and "1 failed" in text else text[-2000:] or "it printed nothing"


def culprits(plugins: List[str]) -> List[str]:
    """Return the fewest plugins, as far as is found, without which a failure is seen."""
    for name in plugins:
        if not fails_as_it_should([name]):
            return [name]
    guilty = list(plugins)
    for name in plugins:
        fewer = [other for other in guilty if other != name]
        if not fails_as_it_should(fewer):
            guilty = fewer
    return guilty


def main(plugins: List[str]) -> None:
    """Print the answer."""
    said = fails_as_it_should([])
    found = []  # type: List[str]
    if said and not fails_as_it_should(plugins):
        found, said = culprits(plugins), ""
    sys.stdout.write(json.dumps({"culprits": found, "said": said}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
