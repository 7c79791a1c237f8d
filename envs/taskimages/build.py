"""Builds a task's image: an environment that all tasks of one version share, and the task's tree on top."""

import io
import json
import os
import tarfile
import tempfile
import threading
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from envs.datasets.values import Installation, Record
from envs.disk import room_for
from envs.errors import ImageBuildFailed, RepositoryUnusable
from envs.images.installer import LOG_TAIL_CHARACTERS
from envs.images.keep import locked
from envs.images.plan import hashed
from envs.images.request import ImageRequest
from envs.images.tree import read_tree
from envs.images.variables import KEPT, build_network, build_variables
from envs.taskimages.bases import Base, choose_bases
from envs.taskimages.facts import installation
from envs.taskimages.inside.build import BEAT, WEB
from envs.taskimages.plan import (
    FORMAT,
    PLAN,
    environment_digest,
    make_plan,
    needs_isolation,
    of_recipe,
    requirement_text,
)
from envs.taskimages.sources import Checkout, Sources, checked_out
from sandbox.engine.images import DockerImages
from sandbox.engine.labels import IMAGE
from sandbox.errors import BuildFailed

TESTBED = "/testbed"
LOCKS = "task-images"
"""Folder of the cache, with a lock for each image; its date says when the image was last asked for."""
PYTHON = "/opt/miniconda3/envs/testbed/bin/python"
SERVE, SERVED_PYTHON = f"{WEB}/serve", f"{WEB}/python"
"""In images for tests that ask hosts of the web: what starts servers that answer for them, for a shell to source; Python after that."""
TASK = "winnow.task"
"""Label of a task's image: its id."""
NOTE = "winnow.note"
"""Label of a task's image: how its environment differs from what was wanted."""
BELOW = "winnow.below"
"""Label: the name of the image that it was built on."""
KINDS = {"winnow/task-base:": "base", "winnow/task-environment:": "environment", "winnow/task-": "task"}
"""What an image is, by the beginning of its name; the first that fits."""
_BASES, _ENVIRONMENTS, _TASKS = "winnow/task-base", "winnow/task-environment", "winnow/task"
_WRITABLE = 0o666


class Builder:
    """Builds images on one engine. Safe to use from several threads and processes: each image is built once.

    Args:
        images: of the engine.
        sources: of repositories.
        bases: base image by Python version, as `read_bases` gives them.
        cache: folder of locks; made when it is not there.
        pass_env: variables for building: package indexes, proxies, certificates.
        log: called with lines of progress.
        go_on: called again and again while something is built; what it raises ends the build.
    """

    def __init__(
        self,
        images: DockerImages,
        sources: Sources,
        *,
        bases: Mapping[str, str],
        cache: Path,
        pass_env: Mapping[str, str],
        log: Callable[[str], None],
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._images, self._sources, self._bases, self._log, self._go_on = images, sources, bases, log, go_on
        self._locks = cache.absolute() / LOCKS
        self._locks.mkdir(parents=True, exist_ok=True)
        request = ImageRequest(pass_env=pass_env)
        self._variables, self._certificates = build_variables(request)
        self._network = build_network(request)
        self.made = 0
        """Images that were built so far, all kinds together."""
        self._failed: dict[str, ImageBuildFailed] = {}
        self._guard = threading.Lock()

    def build(self, record: Record) -> str:
        """Return the name of the task's image, which is built when it is not there.

        Raises:
            ImageBuildFailed: the environment or the project cannot be installed.
            RepositoryUnusable: nobody has the repository or the commit.
            SandboxError, DiskFull: the engine or its disk.
        """
        mark = self._locks / f"{self._asked(record)}.name"
        if mark.exists() and self._images.exists(name := mark.read_text("utf-8")):
            (self._locks / f"{name.rpartition(':')[2]}.lock").touch()
            return name
        name = self._built(record)
        _note(mark, name)
        return name

    def _asked(self, record: Record) -> str:
        """Return the hash of all that leads to an image, so that one that is there is found without its repository."""
        known = installation(record)
        bases = choose_bases(self._bases, known.python if known else ())
        found = [self._images.find(base.name) for base in bases]
        wanted = record.model_dump(mode="json", exclude={"task": True, "image": True, "created": True})
        description = known.model_dump(mode="json") if known else None
        return hashed([FORMAT, PLAN, wanted, description, bases, [image.id if image else "" for image in found]])

    def _built(self, record: Record) -> str:
        with (
            checked_out(record, self._sources) as tree,
            tempfile.TemporaryDirectory(prefix="winnow-context-") as scratch,
        ):
            archive = Path(scratch, "tree.tar")
            _pack_tree(tree.folder, archive)
            known = installation(record) or self._described(tree, archive)
            reason = None
            for base in choose_bases(self._bases, known.python):
                try:
                    return self._on(base, record, known, tree, archive)
                except ImageBuildFailed as error:
                    self._log(f"{record.task.id}: {error}")
                    reason = reason or error
        assert reason is not None
        raise reason

    def _described(self, tree: Checkout, archive: Path) -> Installation:
        return of_recipe(read_tree(archive), version=tree.version, date=tree.date)

    def _on(self, base: Base, record: Record, known: Installation, tree: Checkout, archive: Path) -> str:
        plan = make_plan(record, known, version=tree.version, python=base.version)
        if needs_isolation(tree.folder):
            plan["isolated"] = True
        environment = self._environment(self._base(base, plan), record, plan, tree)
        digest = hashed([FORMAT, environment, tree.commit, plan])
        name = f"{_TASKS}-{record.task.id.lower()}:{digest}"
        with locked(self._locks / f"{digest}.lock", self._log):
            if not self._images.exists(name):
                labels = {IMAGE: digest, TASK: record.task.id, NOTE: base.note}
                lines = [f"FROM {environment}", f"ADD tree.tar {TESTBED}/"]
                lines += [f"ENV {variable}={json.dumps(value)}" for variable, value in plan["env"].items()]
                self._make(name, lines, "task", plan, labels, archive)
        return name

    def _base(self, base: Base, plan: dict[str, Any]) -> str:
        """Return the base image with our tools."""
        found = self._images.find(base.name)
        if found is None:
            self._log(f"Getting the image {base.name}.")
            self._images.pull(base.name)
            found = self._images.find(base.name)
        digest = hashed([FORMAT, found.id if found else "", plan["compiled"]])
        name = f"{_BASES}:{digest}"
        with locked(self._locks / f"{digest}.lock", self._log):
            if not self._images.exists(name):
                self._make(name, [f"FROM {base.name}"], "base", plan, {IMAGE: digest}, None)
        return name

    def _environment(self, base: str, record: Record, plan: dict[str, Any], tree: Checkout) -> str:
        """Return the image with the dependencies, made from the commit that speaks for the whole version."""
        commit = record.environment_commit
        asked = hashed([FORMAT, base, record.repository, commit, {**plan, "env": {}, "isolated": None}])
        mark = self._locks / f"{asked}.name"
        if commit and mark.exists() and self._images.exists(name := mark.read_text("utf-8")):
            return name  # without a look at its tree
        if not commit or commit == tree.commit:
            return self._shared(base, plan, tree)
        try:
            with checked_out(record, self._sources, commit=commit) as other:
                name = self._shared(base, plan, other)
                _note(mark, name)
                return name
        except RepositoryUnusable:
            self._log(f"{record.task.id}: {commit[:12]} cannot be had, so its base speaks for its version")
            return self._shared(base, plan, tree, one_of_many=True)

    def _shared(self, base: str, plan: dict[str, Any], tree: Checkout, *, one_of_many: bool = False) -> str:
        """Build from a tree; of one of many tasks only what decides the packages counts, so that they share what is built first."""
        digest = environment_digest(plan, base, requirement_text(tree.folder, plan, whole=not one_of_many))
        name = f"{_ENVIRONMENTS}:{digest}"
        with locked(self._locks / f"{digest}.lock", self._log):
            with self._guard:
                if digest in self._failed:
                    raise self._failed[digest]
            if not self._images.exists(name):
                with tempfile.TemporaryDirectory(prefix="winnow-context-") as scratch:
                    archive = Path(scratch, "tree.tar")
                    _pack_tree(tree.folder, archive, whole=False)
                    try:
                        self._make(name, [f"FROM {base}"], "environment", plan, {IMAGE: digest}, archive)
                    except ImageBuildFailed as error:
                        with self._guard:
                            self._failed[digest] = error
                        raise
        return name

    def _make(  # noqa: PLR0917 - one call for each kind of image
        self,
        name: str,
        lines: list[str],
        step: str,
        plan: dict[str, Any],
        labels: Mapping[str, str],
        archive: Path | None,
    ) -> None:
        """Run one step of `inside/build.py`.

        The labels come first, so that what a killed build leaves carries them too. A tree that is only needed for a while is unpacked and
        taken away in one step: its files are in no layer.
        """
        self._log(f"Building {name}.")
        script = resources.files("envs.taskimages.inside").joinpath("build.py").read_bytes()
        members = {"build.py": script, "plan.json": json.dumps(plan).encode(), **self._certificates}
        setup = f"{KEPT}/{step}"
        passing = archive is not None and step == "environment"
        first, *rest = lines
        labels = {**labels, BELOW: first.removeprefix("FROM ")}
        said = " ".join(f"{label}={json.dumps(value)}" for label, value in labels.items())
        lines = [first, f"LABEL {said}", "USER root", *(f"ARG {variable}" for variable in self._variables), *rest]
        lines += [f"COPY setup {setup}/"]
        lines += [f"COPY tree.tar {setup}/"] if passing else []
        unpack = f"tar -xf {setup}/tree.tar -C {TESTBED} && " if passing else ""
        lines += [
            f"WORKDIR {TESTBED}",
            # Certificates lie where the variables say.
            f"RUN cp -r {setup}/certificates {KEPT}/ 2>/dev/null; {unpack}python3 {setup}/build.py {setup}/plan.json {step}",
        ]

        def heard(line: str) -> None:
            self._go_on()
            if line.startswith("winnow: "):
                self._log(line.removeprefix("winnow: "))

        with tempfile.TemporaryFile(prefix="winnow-context-") as context, room_for("the build's context"):
            _pack_context(context, "\n".join(lines).encode(), members, archive)
            context.seek(0)
            try:
                self._images.build(
                    context,
                    tag=name,
                    labels=dict(labels),
                    network_mode=self._network,
                    build_args=self._variables,
                    log=heard,
                )
                with self._guard:
                    self.made += 1
            except BuildFailed as error:
                said = "\n".join(line for line in error.log.splitlines() if line != BEAT)
                raise ImageBuildFailed(
                    f"The image {name} cannot be built: {_cause(said)}.",
                    hint="Name base images for other versions of Python with --base-image VERSION=NAME,…",
                    log_tail=said[-LOG_TAIL_CHARACTERS:],
                ) from error


def _note(mark: Path, name: str) -> None:
    """Write a name down in one step: others read it at any time."""
    draft = mark.with_name(f".{mark.name}.{os.getpid()}-{threading.get_ident()}")
    draft.write_text(name, "utf-8")
    draft.replace(mark)


def _cause(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    said = [line.removeprefix("winnow-error: ") for line in lines if line.startswith("winnow-error: ")]
    return (said or lines or ["no reason was given"])[-1][:300]


def _pack_tree(folder: Path, archive: Path, *, whole: bool = True) -> None:
    """Pack a work tree, writable for everybody: the user of later commands is not known.

    Args:
        folder: the tree.
        archive: to write.
        whole: with its .git, plain. Otherwise without, and compressed.
    """

    def open_up(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode |= _WRITABLE | (0o111 if member.isdir() or member.mode & 0o100 else 0)
        return member

    with room_for("the tree"), tarfile.open(archive, "w" if whole else "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            if whole or path.name != ".git":
                tar.add(path, path.name, filter=open_up)


def _pack_context(context: Any, dockerfile: bytes, members: Mapping[str, bytes], archive: Path | None) -> None:
    with tarfile.open(fileobj=context, mode="w") as tar:
        named = {"Dockerfile": dockerfile, **{f"setup/{name}": data for name, data in members.items()}}
        for name, data in named.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
        if archive is not None:
            tar.add(archive, "tree.tar")
