"""What killed processes left behind, removed."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from sandbox.engine.labels import IMAGE
from sandbox.errors import SandboxError
from sandbox.reaper import sweep
from winnow.deliver import tidy
from winnow.errors import RunUnusable
from winnow.settings import load
from winnow.store import RunDir, Store

RESULTS = ("grades", "evidence", "selections")
"""Folders of the cache with what was computed or paid for; see `winnow.graders`, `winnow.ground`, `winnow.selecting`."""
_WORKED_ON = ("scratch",)
"""Folders that running processes use; what a killed one leaves there goes with the next choice."""


def clean(state_dir: Path, *, runs: bool = False, environments: bool = False, results: bool = False) -> list[str]:
    """Remove leftovers and say what they were, one line each.

    Args:
        state_dir: where runs are kept.
        runs: also delete every run that nobody works on, finished or not.
        environments: also delete built environments and Docker images; the next run builds them anew. Images that a container uses stay,
            and are named.
        results: also delete grades, evidence of choices and what models said of patches, which then has to be paid again.
    """
    settings = load({}, repository=None)
    removed = sweep(url=settings.sandbox.docker_host)
    store = Store(state_dir)
    doomed = [RunDir(path) for path in store.halves()] + (store.all() if runs else [])
    for run in store.all():
        removed += [f"file {file}" for file in tidy(run)]
    for run in doomed:
        try:
            store.remove(run)
        except RunUnusable:
            continue
        removed.append(f"run {run.id}")
    cache = settings.run.cache_dir.expanduser()
    if results:
        removed += _emptied(cache, "results", [cache / name for name in RESULTS])
    if environments:
        here = sorted(cache.iterdir()) if cache.is_dir() else []
        removed += _emptied(cache, "environments", [p for p in here if p.name not in (*RESULTS, *_WORKED_ON)])
        removed += clear_images(settings.sandbox.docker_host, IMAGE)
    return removed


def _emptied(cache: Path, what: str, doomed: Iterable[Path]) -> list[str]:
    """Remove files and folders; say so when there were any."""
    found = [path for path in doomed if path.exists()]
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [f"{what} in {cache}"] if found else []


def clear_images(url: str | None, label: str) -> list[str]:
    """Remove Docker images of ours that carry a label, and say what became of them, one line each; nothing without a daemon."""
    from sandbox.engine.images import DockerImages  # noqa: PLC0415  (the Docker library is slow to import)

    try:
        removed, used = DockerImages(url=url).clear(label)
    except SandboxError as error:
        return [f"Docker images stay: {error}"] if url else []
    return [*(f"image {name}" for name in removed), *(f"image {name} stays: a container uses it" for name in used)]
