"""What is kept of images between runs: complete or not there, whoever was killed half-way."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from envs.values import Image


def load(mark: Path) -> Image | None:
    """Return the image that a mark describes; None when there is none, or when what it needs was removed."""
    if not mark.exists():
        return None
    image = Image.model_validate_json(mark.read_bytes())
    needed = [*image.readonly, *([image.extras] if image.extras else [])]
    return image if all(Path(path).exists() for path in needed) else None


def store(mark: Path, image: Image) -> None:
    """Write the mark, at once or not at all."""
    draft = mark.with_name(f"{mark.name}.new")
    draft.write_text(image.model_dump_json(), "utf-8")
    draft.replace(mark)


@contextmanager
def locked(path: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock that ends with the process, however that ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log("Waiting for another run that builds the same environment.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
