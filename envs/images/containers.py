"""Docker images: one that the user names, or one that is built on a base image and kept under its content's name."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from envs.errors import ImageBuildFailed
from envs.images.check import Findings, check, complain, without_crashes
from envs.images.installer import LOG_TAIL_CHARACTERS, Lines, answer, script
from envs.images.keep import load, locked, store
from envs.images.plan import FORMAT, digest_of, hashed, make_plan
from envs.images.pythons import admits
from envs.images.recipe import Recipe
from envs.images.request import ImageRequest
from envs.images.tree import Tree
from envs.images.variables import KEPT, build_network, build_variables
from envs.values import Image, Snapshot
from sandbox.engine.labels import IMAGE
from sandbox.errors import BuildFailed
from sandbox.port import Sandbox, SandboxProvider
from sandbox.values import SandboxSpec

WORKDIR = "/work"
VENV = "/opt/venv"
UNTRACKED = f"{KEPT}/untracked.tar"
ANSWER = f"{KEPT}/answer.json"
EXTRAS_BYTES = 1 << 30
REPOSITORY = "winnow/image"
OWN_DOCKERFILE = "Dockerfile"
OFFICIAL = ((3, 12), (3, 13), (3, 11), (3, 10), (3, 9), (3, 14), (3, 8))
"""Versions for which there is a `python` image, in the order in which they are tried without a base image in the settings."""
PLACES = (
    "python",
    "python3",
    f"{VENV}/bin/python",
    "/opt/miniconda3/envs/testbed/bin/python",
    "/venv/bin/python",
    "/app/.venv/bin/python",
)
"""Interpreters of named images that are tried."""


class Containers:
    """Prepares Docker images for one snapshot; the arguments are those of `Local`."""

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
        assert provider.images is not None
        self.provider, self.images, self.run_id, self.log = provider, provider.images, run_id, log
        self.cache = cache.absolute() / "images"

    def prepare(self) -> Image:
        """Return the image; see `envs.images.prepare_image`."""
        self.cache.mkdir(parents=True, exist_ok=True)
        if self.request.image and not self.request.setup:
            name = self.own_dockerfile() if self.request.image == OWN_DOCKERFILE else self.request.image
            place = (
                "named",
                self.find(name),
                self.request.python or "",
                "" if self.request.pytest else "without pytest",
            )
            return self.kept(place, lambda digest: self.named(name, digest))
        base = self.request.image or self.request.base_image or self.official()
        found = self.find(base)
        return self.kept(("built", found), lambda digest: self.build(base, digest))

    def find(self, name: str) -> str:
        """Return an image's id; get it when it is not there."""
        found = self.images.find(name)
        if found is None:
            self.log(f"Getting the image {name}.")
            self.images.pull(name)
            found = self.images.find(name)
        return found.id if found else ""

    def official(self) -> str:
        """Return the base image for a project when the settings name none."""
        wish = self.request.python
        fitting = [
            v
            for v in OFFICIAL
            if admits(self.recipe.requires_python, (*v, 99)) and (not wish or wish.startswith(f"{v[0]}.{v[1]}"))
        ]
        if not fitting:
            raise ImageBuildFailed(
                f"No base image is known for Python {wish or self.recipe.requires_python}.",
                hint="Name an image with --image.",
            )
        version = next((v for v in fitting if v == self.recipe.pinned), fitting[0])
        return f"python:{version[0]}.{version[1]}"

    def kept(self, place: tuple[str, ...], make: Callable[[str], Image]) -> Image:
        """Return the image of this content, made when it is not there."""
        plan = make_plan(self.recipe, self.request)
        digest = digest_of(plan, self.recipe, self.tree, self.request, place)
        mark = self.cache / f"{digest}.json"
        with locked(self.cache / f"{digest}.lock", self.log):
            ready = load(mark)
            if ready and ready.reference and self.images.exists(ready.reference):
                return ready
            image = make(digest)
            store(mark, image)
            return image

    def build(self, base: str, digest: str) -> Image:
        """Build an image with the project's dependencies. Root only builds: commands run as somebody else."""
        tag = f"{REPOSITORY}:{digest}"
        self.log(f"Building an image on {base}.")
        plan = make_plan(self.recipe, self.request, untracked=UNTRACKED, answer=ANSWER)
        env, files = build_variables(self.request)
        printed: list[str] = []
        lines = Lines(self.log)

        def take(line: str) -> None:
            printed.append(line)
            lines(f"{line}\n".encode())

        with io.BytesIO() as context:
            members = {
                "Dockerfile": _dockerfile(base, env, digest),
                "plan.json": json.dumps(plan).encode(),
                "install.py": script(),
                **files,
            }
            _pack(context, members, Path(self.snapshot.archive))
            try:
                self.images.build(
                    context,
                    tag=tag,
                    labels={IMAGE: digest},
                    network_mode=build_network(self.request),
                    build_args=env,
                    log=take,
                )
            except BuildFailed as error:
                said = next((line for line in reversed(printed) if line.startswith('{"error"')), None)
                if said:
                    answer("\n".join([*printed, said]), self.log)
                raise ImageBuildFailed(
                    f"The image cannot be built on {base}: {_cause(error.log)}",
                    hint="The base image needs Python with its venv module, and git. Choose another one, or name an image with --image.",
                    log_tail=error.log[-LOG_TAIL_CHARACTERS:],
                ) from error
        image = self.image(tag, f"{VENV}/bin/python", WORKDIR, digest, f"built on {base}")
        with self.opened(image) as box:
            # Not from what was printed: a builder that finds the same steps in its own cache prints nothing.
            left_out = answer(box.read(ANSWER).decode(), self.log)
            extras = _take(box, UNTRACKED, self.cache / f"{digest}.tar")
            image = image.model_copy(update={"extras": extras})
            if extras:
                box.unpack(Path(extras))
            findings = check(box, image, self.modules(), ())
            image = without_crashes(box, image, findings) if findings else image
        problem = "the interpreter does not run" if findings is None else complain(findings, self.recipe)
        if findings is None or problem:
            raise ImageBuildFailed(
                f"The image was built, but {problem}.",
                hint="Say how to install the project with --setup, or name an image with --image.",
                log_tail="\n".join(printed)[-LOG_TAIL_CHARACTERS:],
            )
        tools = {"PATH": f"{VENV}/bin:{findings.path}", "VIRTUAL_ENV": VENV}
        note = f"{image.note}; left out: {', '.join(left_out)}" if left_out else image.note
        return image.model_copy(update={"env": {**image.env, **tools}, "note": note})

    def named(self, name: str, digest: str) -> Image:
        """Return an image that the user named, with the interpreter and the place of the tree that fit it."""
        problems: list[str] = []
        for python in [self.request.python] if self.request.python else PLACES:
            image = self.image(name, python, WORKDIR, digest, "named by you")
            bare = image.model_copy(update={"env": {}})
            with self.opened(bare) as box:
                findings = check(box, bare, self.modules(), ())
                home = self.installed_at(findings) if findings else None
                extras = _collect(box, home, self.cache / f"{digest}.tar") if home else None
            if findings is None:
                continue
            if home:
                image = self.image(name, python, home, digest, "named by you").model_copy(update={"extras": extras})
            with self.opened(image) as box:
                if extras:
                    box.unpack(Path(extras))
                again = check(box, image, self.modules(), ())
                image = without_crashes(box, image, again) if again else image
            problem = complain(again, self.recipe) if again else "it does not run"
            if not problem:
                return image
            problems.append(f"with {python}, {problem}")
        raise ImageBuildFailed(
            f"The image {name} cannot run the tests: {'; '.join(dict.fromkeys(problems)) or 'it has no Python'}.",
            hint="Name the interpreter inside with --python, or add --setup to install what is missing.",
        )

    def installed_at(self, findings: Findings) -> str | None:
        """Return the folder of an editable installation in a named image, None when there is none."""
        main = findings.modules.get(self.recipe.main or "")
        suffix = "/".join(part for part in (self.recipe.root, self.recipe.main or "") if part)
        for place in main.places if main else ():
            folder = place.removesuffix("/__init__.py").removesuffix(".py")
            if (
                folder.endswith(f"/{suffix}")
                and "-packages/" not in folder
                and not folder.startswith(f"{findings.workdir}/")
            ):
                return folder[: -len(suffix) - 1] or None
        return None

    def own_dockerfile(self) -> str:
        """Build the repository's own Dockerfile and return the image's name."""
        tag = f"winnow/dockerfile:{hashed([str(FORMAT), self.snapshot.base_commit])}"
        if not self.images.exists(tag):
            self.log("Building the repository's Dockerfile.")
            with Path(self.snapshot.archive).open("rb") as context:
                try:
                    self.images.build(
                        context,
                        tag=tag,
                        labels={IMAGE: "dockerfile"},
                        network_mode=build_network(self.request),
                        log=self.log,
                    )
                except BuildFailed as error:
                    raise ImageBuildFailed(
                        f"The repository's Dockerfile cannot be built: {_cause(error.log)}",
                        hint="Leave out --image Dockerfile, or correct the file.",
                        log_tail=error.log[-LOG_TAIL_CHARACTERS:],
                    ) from error
        return tag

    def image(self, reference: str, python: str, workdir: str, digest: str, note: str) -> Image:
        """Return an image whose tree lies in a certain place."""
        root = f"{workdir}/{self.recipe.root}".rstrip("/")
        return Image(
            reference=reference, python=python, workdir=workdir, env={"PYTHONPATH": root}, digest=digest, note=note
        )

    def modules(self) -> tuple[str, ...]:
        """Return the modules whose import shows that the tests can run."""
        wanted = ("pytest",) if self.request.pytest or not self.request.image else ()
        return (*wanted, *((self.recipe.main,) if self.recipe.main else ()))

    @contextmanager
    def opened(self, image: Image) -> Iterator[Sandbox]:
        """Open a container with the tree."""
        spec = SandboxSpec(image=image.reference, workdir=image.workdir, lifetime_s=600, run_id=self.run_id)
        with self.provider.open(spec) as box:
            box.unpack(Path(self.snapshot.archive))
            yield box


def _dockerfile(base: str, env: dict[str, str], digest: str) -> bytes:
    """Return the recipe of the image. The variables are arguments: they do not stay in the environment of what runs later."""
    lines = [
        f"FROM {base}",
        # First, so that what a killed build leaves carries it too.
        f"LABEL {IMAGE}={digest}",
        "USER root",
        *(f"ARG {name}" for name in env),
        f"COPY . {KEPT}/",
        f"ADD base.tar {WORKDIR}/",
        f"WORKDIR {WORKDIR}",
        f"RUN python3 -m venv {VENV} && PATH={VENV}/bin:$PATH VIRTUAL_ENV={VENV} {VENV}/bin/python {KEPT}/install.py {KEPT}/plan.json "
        f"&& rm -rf {WORKDIR}/* {WORKDIR}/.[!.]* {KEPT}/base.tar /root/.cache && chmod -R a+rX {VENV} {KEPT}",
    ]
    return "\n".join(lines).encode()


def _pack(context: io.BytesIO, members: dict[str, bytes], archive: Path) -> None:
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
        tar.add(archive, "base.tar")
    context.seek(0)


def _take(box: Sandbox, path: str, to: Path) -> str | None:
    """Copy a file out of the container; None when there is none."""
    try:
        to.write_bytes(box.read(path, max_bytes=EXTRAS_BYTES))
    except FileNotFoundError:
        return None
    return str(to)


def _collect(box: Sandbox, folder: str, to: Path) -> str | None:
    """Pack what an image's own checkout holds beyond its commits; the work tree will be mounted over it."""
    pack = 'cd "$1" && git -c safe.directory=* ls-files -o -z | tar --null -T - -cf "$2"'
    target = "/tmp/untracked.tar"  # noqa: S108  (inside)
    packed = box.exec(("sh", "-c", pack, "sh", folder, target), timeout=300)
    return _take(box, target, to) if packed.ok else None


def _cause(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line or "not found" in line or "No such" in line]
    return (errors or lines or ["no reason was given"])[-1][:300]
