"""`winnow eval report`: results read, measured and written down."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sandbox.errors import DiskFull
from winnow.errors import SettingsError
from winnow.eval.folder import BATCH, MANIFEST
from winnow.eval.report.batches import read_batch
from winnow.eval.report.measure import Report, measure
from winnow.eval.report.official import read_official
from winnow.eval.report.page import page
from winnow.eval.report.pictures import pictures, png
from winnow.eval.report.values import Results
from winnow.store import write_atomically

PAGE, RECORD = "report.md", "report.json"


def read_results(path: Path) -> Results:
    """Read a batch's folder, or another system's results in the official forms.

    Raises:
        BatchUnusable: it is neither.
    """
    return read_batch(path) if (path / BATCH).exists() else read_official(path)


def make_report(paths: Sequence[Path], *, resamples: int = 2000, seed: int = 0) -> Report:
    """Measure systems; the first is what the others are compared with.

    Raises:
        BatchUnusable: one cannot be read.
        SettingsError: none is named, or one twice.
    """
    twice = [path for path, count in Counter(path.absolute() for path in paths).items() if count > 1]
    if not paths or twice:
        raise SettingsError(f"{twice[0]} is named twice" if twice else "no results are named")
    return measure(_named([read_results(path) for path in paths]), resamples=resamples, seed=seed)


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write page, record and pictures into a folder, with the manifests of Winnow's own batches; returns their paths.

    Raises:
        DiskFull: they cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = pictures(report)
        for name, svg in drawn.items():
            write_atomically(folder / f"{name}.svg", svg)
            written.append(folder / f"{name}.svg")
            raster = png(svg)
            if raster is not None:
                (folder / f"{name}.png").write_bytes(raster)
                written.append(folder / f"{name}.png")
        for number, one in enumerate(report.systems, 1):
            manifest = Path(one.source, MANIFEST)
            place = folder / (MANIFEST if len(report.systems) == 1 else f"manifest-{number}.json")
            if manifest.is_file() and manifest.absolute() != place.absolute():
                write_atomically(place, manifest.read_text("utf-8"))
                written.append(place)
    except OSError as error:
        raise DiskFull(
            f"{folder} cannot be written: {error.strerror}", hint="Name another place with --out."
        ) from error
    write_atomically(folder / RECORD, report.model_dump_json(indent=1) + "\n")
    write_atomically(folder / PAGE, page(report, pictures=[f"{name}.svg" for name in drawn]))
    return (folder / PAGE, folder / RECORD, *written)


def _named(results: Sequence[Results]) -> list[Results]:
    """Names that tell them apart: the last parts of their paths, as many as it takes."""
    names = Counter(one.name for one in results)
    return [
        one
        if names[one.name] == 1
        else one.model_copy(update={"name": "/".join(Path(one.source).absolute().parts[-2:])})
        for one in results
    ]
