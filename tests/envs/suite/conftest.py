import sys
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace

import pytest

from envs.values import Image
from sandbox.host import HostProvider
from sandbox.port import Sandbox
from sandbox.values import SandboxSpec


@pytest.fixture
def box() -> Iterator[Sandbox]:
    # Other plugins that happen to be installed cost a second each time and are not what is tested.
    spec = SandboxSpec(env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    with HostProvider().open(spec) as sandbox:
        yield sandbox


@pytest.fixture
def image(box: Sandbox) -> Image:
    return Image(reference=None, python=sys.executable, workdir=box.workdir, digest="0")


@pytest.fixture
def tree(box: Sandbox) -> Callable[[Mapping[str, str]], SimpleNamespace]:
    """Write files into the work tree; returns what `find_suite` takes for a workspace."""

    def write(files: Mapping[str, str]) -> SimpleNamespace:
        for path, text in files.items():
            box.write(path, text.encode())
        return SimpleNamespace(box=box)

    return write
