"""A batch as a process of its own, so that a test can kill it: `python drive.py JSON`."""

import json
import sys
from pathlib import Path

from tests.winnow.eval.kit import Toys, read_dataset, settings_for
from winnow.eval.run import DatasetName, evaluate


def main(argument: str) -> None:
    asked = json.loads(argument)
    folder = Path(asked["folder"])
    records, gold = read_dataset(Path(asked["dataset"]))
    toys = Toys(folder=str(folder), upstream=str(Path(asked["dataset"], "upstream")), kind=asked["kind"])
    evaluate(
        settings_for(folder, folder / "cache", asked["kind"], asked["url"], **asked["sections"]),
        records[: asked["tasks"]],
        gold,
        dataset=DatasetName("toys.jsonl"),
        sites=toys,
        report=lambda kind, data: print(kind, json.dumps(dict(data)), flush=True),  # noqa: T201
    )


if __name__ == "__main__":
    main(sys.argv[1])
