"""The machine that is none: commands on the owner's own system, with the owner's rights. NO ISOLATION.

Commands can read and write whatever the user can, reach the network and see every process. They get a clean environment,
a work tree of their own in a temporary folder, time-outs and output limits, and they are ended with the machine; that is
all. It exists for systems where nothing better can be had, and is only ever used when it is named.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sandbox.errors import SandboxUnavailable
from sandbox.local import configuration, environment, room_on_disk, running, some_cores, supervisor, without_image
from sandbox.owner import me
from sandbox.port import Sandbox
from sandbox.values import Availability, SandboxSpec

PREFIX = "winnow-host-"
"""Name of the temporary folders, followed by random letters; `OWNER` inside says whose it is."""
OWNER = "owner.json"
PARTS = ("work", "tmp", "home")


class HostProvider:
    """Opens folders on the host. `SandboxSpec` limits of memory, processes and network do not hold.

    Args:
        path: the PATH of commands; a command finds the user's tools, and nothing else of the user's environment.
    """

    kind = "host"

    def __init__(self, *, path: str = os.defpath) -> None:
        self._path = path

    def check(self) -> Availability:
        """See `SandboxProvider.check`."""
        return Availability(kind=self.kind, available=True, detail="no isolation: commands run with your own rights")

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """See `SandboxProvider.open`."""
        return self._open(spec)

    @contextmanager
    def _open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        without_image(self.kind, spec)
        with room_on_disk():
            folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        try:
            with room_on_disk():
                (folder / OWNER).write_text(me().model_dump_json(), "utf-8")
                for name in PARTS:
                    (folder / name).mkdir()
            workdir = str(folder / "work")
            config = configuration(
                spec,
                workdir=workdir,
                init=False,
                memory=spec.memory_mb << 20,
                rlimits={"FSIZE": spec.disk_mb << 20},
                cores=some_cores(spec.cpus),
                remove=str(folder),
            )
            env = environment(spec, home=str(folder / "home"), tmp=str(folder / "tmp"), path=self._path)
            argv = supervisor([sys.executable], config)
            with running(self.kind, argv, workdir=workdir, env=env, explain=SandboxUnavailable) as sandbox:
                yield sandbox
        finally:
            remove(folder)


def remove(folder: Path) -> None:
    """Delete a machine's folder; what says whose it is goes last, so that half a removal is still litter with a name."""
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
