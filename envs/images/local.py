"""Environments of machines without images: the user's own where it can run the tests, else one that is built and kept."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from envs.errors import ImageBuildFailed
from envs.images.check import Findings, check, complain, without_crashes
from envs.images.installer import INSTALL_SECONDS, LOG_TAIL_CHARACTERS, Lines, answer, script
from envs.images.keep import load, locked, store
from envs.images.plan import build_env, digest_of, first_imports, hashed, make_plan, named_files
from envs.images.pythons import Interpreter, ask, choose, installed, shown
from envs.images.recipe import Recipe
from envs.images.request import ImageRequest
from envs.images.tree import Tree
from envs.values import Image, Snapshot
from sandbox.port import Sandbox, SandboxProvider
from sandbox.values import SandboxSpec

BUILD = SandboxSpec(cpus=2, memory_mb=6144, disk_mb=8192, pids=1024, lifetime_s=3600)
"""Limits of a build."""
MARK = ".complete"
OLDEST_FOR_VIRTUALENV = (3, 8)


class Local:
    """Prepares environments for one snapshot on one kind of local machine.

    Args:
        request: what the user wants.
        recipe: what the project needs.
        tree: its files.
        snapshot: for unpacking it.
        provider: of machines that show folders of this host.
        cache: folder of what is kept between runs.
        run_id: for the sandboxes' labels.
        log: called with lines of progress.
    """

    def __init__(
        self,
        request: ImageRequest,
        recipe: Recipe,
        tree: Tree,
        snapshot: Snapshot,
        *,
        provider: SandboxProvider,
        cache: Path,
        run_id: str,
        log: Callable[[str], None],
    ) -> None:
        self.request, self.recipe, self.tree, self.snapshot = request, recipe, tree, snapshot
        self.provider, self.run_id, self.log = provider, run_id, log
        self.cache = cache.absolute()

    def prepare(self) -> Image:
        """Return the environment; see `envs.images.prepare_image`."""
        if not self.request.setup:
            for folder in self.own_environments():
                image = self.adopt(folder)
                if image:
                    return image
        interpreter = self.interpreter()
        place = (
            (self.provider.kind == "host" and "host") or "confined",
            interpreter.path,
            str(interpreter.version),
            self.snapshot.origin,
        )
        plan = make_plan(self.recipe, self.request)
        digest = digest_of(plan, self.recipe, self.tree, self.request, place)
        folder = self.cache / "envs" / digest
        folder.parent.mkdir(parents=True, exist_ok=True)
        ready = load(folder / MARK)
        if ready:
            return ready
        with locked(folder.with_suffix(".lock"), self.log):
            # Another run may have built it meanwhile; without its mark a folder is what a killed build left.
            return load(folder / MARK) or self.build(interpreter, folder, digest)

    def own_environments(self) -> Iterator[Path]:
        """Yield the environments that the user may be working in, the named one first."""
        wish = self.request.python
        named = [Path(wish).absolute().parent.parent] if wish and "/" in wish else []
        usual = [Path(self.snapshot.origin, name) for name in (".venv", "venv", "env")]
        active = [Path(self.request.virtual_env)] if self.request.virtual_env else []
        for folder in dict.fromkeys([*named, *([] if wish else [*usual, *active])]):
            if (folder / "pyvenv.cfg").exists() and (folder / "bin/python").exists():
                yield folder

    def adopt(self, folder: Path) -> Image | None:
        """Return the user's environment as an image when it can run the tests of this tree; nothing of it is changed."""
        inside = f"{os.path.relpath(folder, self.snapshot.origin)}/"
        if any(path.startswith(inside) for path in self.tree.paths):
            self.log(f"{folder} is not used: git does not ignore it, so it is part of the tree.")
            return None
        python = str(folder / "bin/python")
        home = re.search(
            r"^home\s*=\s*(\S.*?)\s*$", (folder / "pyvenv.cfg").read_text("utf-8", "replace"), re.MULTILINE
        )
        base = [str(Path(home[1]).resolve().parent)] if home else []
        readonly = shown([str(folder), python, *base])
        # Hidden or not, it must be there: the work tree is mounted over the folder that it may lie in.
        readonly = tuple(dict.fromkeys((*(path for path in readonly if path != "/"), str(folder))))
        packages = sorted(folder.glob("lib*/python*/site-packages"))
        digest = hashed([str(folder), [path.stat().st_mtime_ns for path in packages]])
        image = self.image(folder, readonly=readonly, digest=digest, note=f"your environment {folder}")
        with self.opened(image) as box:
            findings = check(box, image, ("pytest", *self.modules()), first_imports(self.tree, self.recipe))
            image = without_crashes(box, image, findings) if findings else image
        lacks = "it does not run" if findings is None else complain(findings, self.recipe) or _missing(findings)
        if findings is None or lacks:
            self.log(f"{folder} is not used: {lacks}.")
            return None
        return _with_path(image, findings)

    def interpreter(self) -> Interpreter:
        """Return what to build from."""
        wish = self.request.python
        if wish and "/" in wish:
            found = ask(str(Path(wish).absolute()))
            if not found:
                raise ImageBuildFailed(
                    f"{wish} is no Python interpreter that runs.", hint="Name another one with --python."
                )
            return found
        return choose(self.recipe, installed(self.request.path, self.cache / "interpreters.json"), wish)

    def build(self, interpreter: Interpreter, folder: Path, digest: str) -> Image:
        """Build an environment in its final place, since environments cannot be moved, and mark it as complete."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        version = ".".join(map(str, interpreter.version))
        self.log(f"Building an environment with Python {version}.")
        _create(interpreter, folder / "venv", self.cache / "virtualenv")
        image = self.image(
            folder / "venv",
            readonly=tuple(dict.fromkeys((str(folder), *interpreter.visible))),
            digest=digest,
            note=f"built with Python {version}",
        )
        left_out, tail = self.install(image, folder)
        extras = folder / "untracked.tar"
        image = image.model_copy(update={"extras": str(extras) if extras.exists() else None})
        with self.opened(image) as box:
            if image.extras:
                box.unpack(extras)
            findings = check(box, image, ("pytest", *self.modules()), ())
            image = without_crashes(box, image, findings) if findings else image
        problem = "the interpreter does not run" if findings is None else complain(findings, self.recipe)
        if findings is None or problem:
            raise ImageBuildFailed(
                f"The environment was built, but {problem}.",
                hint="Say how to install the project with --setup, or choose the interpreter with --python.",
                log_tail=tail,
            )
        note = f"{image.note}; left out: {', '.join(left_out)}" if left_out else image.note
        image = _with_path(image, findings).model_copy(update={"note": note})
        store(folder / MARK, image)
        return image

    def install(self, image: Image, folder: Path) -> tuple[tuple[str, ...], str]:
        """Run the installer in a sandbox; return what it left out and the end of its log."""
        wheels = self.cache / "pip"
        wheels.mkdir(exist_ok=True)
        env = {**build_env(self.request), "PIP_CACHE_DIR": str(wheels)}
        readonly = tuple(path for path in image.readonly if path != str(folder))
        spec = BUILD.model_copy(
            update={
                "workdir": image.workdir,
                "env": env,
                "network": self.request.network,
                "readonly": (*readonly, *shown(named_files(self.request.pass_env))),
                "writable": (str(folder), str(wheels)),
                "run_id": self.run_id,
            }
        )
        plan = make_plan(self.recipe, self.request, untracked=str(folder / "untracked.tar"))
        with self.provider.open(spec) as box:
            box.unpack(Path(self.snapshot.archive))
            box.write(str(folder / "install.py"), script())
            box.write(str(folder / "plan.json"), json.dumps(plan).encode())
            tools = _path(box, folder / "venv")
            result = box.exec(
                (image.python, str(folder / "install.py"), str(folder / "plan.json")),
                timeout=INSTALL_SECONDS,
                env={"PATH": tools, "VIRTUAL_ENV": str(folder / "venv")},
                on_output=Lines(self.log),
            )
        tail = (result.out + result.err)[-LOG_TAIL_CHARACTERS:]
        if result.timed_out:
            raise ImageBuildFailed(f"The installation took longer than {INSTALL_SECONDS:.0f} s.", log_tail=tail)
        return answer(result.out, self.log), tail

    def image(self, environment: Path, *, readonly: tuple[str, ...], digest: str, note: str) -> Image:
        """Return an image with what is known before a look inside."""
        root = f"{self.snapshot.origin}/{self.recipe.root}".rstrip("/")
        return Image(
            reference=None,
            python=str(environment / "bin/python"),
            workdir=self.snapshot.origin,
            # Also where the installation knows the place: the tree's own modules must win over any installed copy.
            env={"PYTHONPATH": root, "VIRTUAL_ENV": str(environment)},
            readonly=readonly,
            digest=digest,
            note=note,
        )

    def modules(self) -> tuple[str, ...]:
        """Return the modules whose import shows that the project is there."""
        return (self.recipe.main,) if self.recipe.main else ()

    @contextmanager
    def opened(self, image: Image) -> Iterator[Sandbox]:
        """Open a sandbox with the tree, like those that tests will run in."""
        spec = SandboxSpec(workdir=image.workdir, readonly=image.readonly, lifetime_s=600, run_id=self.run_id, pids=512)
        with self.provider.open(spec) as box:
            box.unpack(Path(self.snapshot.archive))
            yield box


def _create(interpreter: Interpreter, folder: Path, data: Path) -> None:
    """Make an empty environment with pip."""
    if interpreter.minor >= OLDEST_FOR_VIRTUALENV:
        argv = [
            sys.executable,
            "-m",
            "virtualenv",
            "-q",
            "--python",
            interpreter.path,
            "--no-download",
            "--no-periodic-update",
        ]
        argv += ["--app-data", str(data), str(folder)]
    else:
        argv = [interpreter.path, "-m", "venv", str(folder)]
    made = subprocess.run(argv, capture_output=True, text=True, check=False)
    if made.returncode:
        raise ImageBuildFailed(
            f"No environment can be made with {interpreter.path}.",
            hint="Name another interpreter with --python.",
            log_tail=(made.stdout + made.stderr)[-LOG_TAIL_CHARACTERS:],
        )


def _path(box: Sandbox, environment: Path) -> str:
    found = box.exec(("sh", "-c", 'printf %s "$PATH"'), timeout=60).out or os.defpath
    return f"{environment}/bin:{found}"


def _with_path(image: Image, findings: Findings) -> Image:
    tools = f"{Path(image.python).parent}:{findings.path}"
    return image.model_copy(update={"env": {**image.env, "PATH": tools}})


def _missing(findings: Findings) -> str:
    return f"it lacks {', '.join(findings.absent)}" if findings.absent else ""
