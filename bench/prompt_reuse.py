"""How much of the prompts of recorded conversations repeats an earlier request, and how much could.

    PYTHONPATH=. python bench/prompt_reuse.py FILE...

Each FILE holds the requests of one run, a JSON object in each line: the body of a chat completion, or one with it under `request`.
See `tests/agent/models/reuse.py` for what is counted.
"""

import json
import sys
from pathlib import Path

from tests.agent.models.reuse import measure


def main() -> None:
    """Print a row for each file."""
    print("| run | requests | repeated | could be | lost, characters | in requests | first requests repeat |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name in sys.argv[1:]:
        lines = [json.loads(line) for line in Path(name).read_text("utf-8").splitlines()]
        bodies = [line.get("request", line) for line in lines]
        found = measure(bodies)
        first = f"{found.first_repeated / found.first_total:.1%}" if found.first_total else "-"
        cells = [f"{found.share:.1%}", f"{found.bound:.1%}", str(found.lost), str(found.losers), first]
        print(f"| {Path(name).parent.name} | {len(bodies)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
