"""A selection's files: the log that it can be made from again, and the explanation for people and programs."""

from pathlib import Path

from pydantic import ValidationError

from selection.choose import SelectionLog
from selection.errors import PoolUnusable
from selection.explain import Explanation
from selection.page import markdown
from selection.picture import heat_map

LOG, PAGE, RECORD, PICTURE = "selection-log.json", "selection.md", "selection.json", "selection.svg"


def write_log(log: SelectionLog, path: Path) -> None:
    """Keep a log.

    Raises:
        PoolUnusable: it cannot be written.
    """
    write_text(path, log.model_dump_json(indent=1) + "\n")


def read_log(path: Path) -> SelectionLog:
    """Read a log.

    Raises:
        PoolUnusable: it cannot be read, or is no log of this format.
    """
    try:
        return SelectionLog.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PoolUnusable(f"{path} cannot be read: {error.strerror}.", hint=f"It is called {LOG}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise PoolUnusable(
            f"{path} is no log of a selection: {where + ': ' if where else ''}{first['msg']}.",
            hint=f"It is called {LOG}.",
        ) from error


def write_explanation(explanation: Explanation, folder: Path) -> tuple[Path, ...]:
    """Write page, record and picture into a folder, which is made; returns their paths.

    Raises:
        PoolUnusable: they cannot be written.
    """
    texts = {
        PAGE: markdown(explanation, picture=PICTURE),
        RECORD: explanation.model_dump_json(indent=1) + "\n",
        PICTURE: heat_map(explanation),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return tuple(folder / name for name in texts)


def write_text(path: Path, text: str) -> None:
    """Write a text file, and the folders above it.

    Raises:
        PoolUnusable: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise PoolUnusable(f"{path} cannot be written: {error.strerror}.", hint="Name another place.") from error
