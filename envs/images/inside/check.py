"""Say what the interpreter that runs this can import: one JSON object on standard output.

Usage: python check.py MODULES NAMES   (in the work tree; both are JSON lists)

MODULES are imported; of NAMES it is only said which are not there.
"""

import importlib
import importlib.util
import json
import os
import sys
from typing import Any, Dict, List

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    metadata = None  # type: ignore[assignment]


def attempt(name: str) -> Dict[str, Any]:
    """Import a module and say where it came from, or why not."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return {"error": "%s: %s" % (type(error).__name__, error), "absent": True}
    except BaseException as error:  # noqa: BLE001  (a module may raise anything, and end the interpreter)
        return {"error": "%s: %s" % (type(error).__name__, error), "absent": False}
    places = [getattr(module, "__file__", None) or ""]
    places += [str(place) for place in getattr(module, "__path__", [])]
    return {"places": [os.path.realpath(place) for place in places if place]}


def absent(names: List[str]) -> List[str]:
    """Return the names of modules that cannot be found."""
    missing = []
    for name in names:
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            found = None
        if found is None:
            missing.append(name)
    return missing


def plugins() -> List[str]:
    """Return the names under which installed packages have plugins of pytest."""
    if metadata is None:
        return []
    found = metadata.entry_points()
    if hasattr(found, "select"):
        return sorted({entry.name for entry in found.select(group="pytest11")})
    return sorted({entry.name for entry in found.get("pytest11", ())})


def main(modules: List[str], names: List[str]) -> None:
    """Print the answer; what modules print meanwhile goes to standard error."""
    sys.path[0] = os.getcwd()
    output = os.dup(1)
    os.dup2(2, 1)
    answer = {
        "version": list(sys.version_info[:3]),
        "workdir": os.path.realpath(os.getcwd()),
        "path": os.environ.get("PATH", os.defpath),  # noqa: TID251  (the sandbox's own, to put tools in front of)
        "modules": {name: attempt(name) for name in modules},
        "absent": absent(names),
        "plugins": plugins(),
    }
    os.write(output, json.dumps(answer).encode())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
