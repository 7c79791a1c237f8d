"""Prepare the place where a project's tests run."""

from collections.abc import Callable
from pathlib import Path

from envs.errors import ImageBuildFailed
from envs.images.local import Local
from envs.images.recipe import make_recipe
from envs.images.request import ImageRequest
from envs.images.tree import read_tree
from envs.values import Image, Snapshot
from sandbox.port import SandboxProvider


def prepare_image(
    request: ImageRequest,
    snapshot: Snapshot,
    *,
    provider: SandboxProvider,
    cache: Path,
    run_id: str,
    log: Callable[[str], None],
) -> Image:
    """Return a place where the snapshot's tests can run: one that is there, or else one that is built and kept.

    Args:
        request: what the user wants of it.
        snapshot: the project.
        provider: where the tests will run, and where it is built.
        cache: folder that is kept between runs; made when it is not there.
        run_id: for the sandboxes' labels.
        log: called with lines of progress.

    Raises:
        ImageBuildFailed: none can be had.
        SandboxError: the machine failed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    tree = read_tree(Path(snapshot.archive))
    recipe = make_recipe(tree.files, tree.paths, version=snapshot.version)
    if provider.kind == "docker":
        from envs.images.containers import Containers  # noqa: PLC0415  (its library is slow to import)

        return Containers(
            request, recipe, tree, snapshot, provider=provider, cache=cache, run_id=run_id, log=log
        ).prepare()
    if request.image:
        raise ImageBuildFailed("Only Docker has images.", hint="Add --sandbox docker, or leave out --image.")
    return Local(request, recipe, tree, snapshot, provider=provider, cache=cache, run_id=run_id, log=log).prepare()
