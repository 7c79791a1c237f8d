"""`winnow fix --model` with several candidates: the model that proposes also helps to choose, over a real endpoint."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent.models.server import Answer, ChatServer, Seen, completion

Winnow = Callable[..., subprocess.CompletedProcess[str]]
ISSUE = "total() is negative\n\n`total([1, 2, 3])` gives -6 instead of 6. Whatever the percentage, no price counts less than nothing."
RIGHT = ("result -= discount", "result += discount")
WRONG = ("    return result\n", "    return sum(prices) * (100 - percent) / 100\n")
SCRIPT = (
    "import sys\nfrom shop.prices import total\nseen = total([1, 2]), total([10], 200)\nprint(seen)\n"
    "sys.exit(0 if seen == (3, 0) else 2)\n"
)


def call(name: str, **arguments: Any) -> tuple[str, str]:
    return name, json.dumps(arguments)


def shown_right(text: str) -> bool:
    return "+        result += discount" in text


def robot(seen: Seen) -> Answer:
    """Proposes a right and a wrong change in turns, knows a right one when it is shown one, and writes tests."""
    body = seen.body
    messages, tools = body["messages"], {tool["function"]["name"] for tool in body.get("tools", [])}
    text, said = json.dumps(messages), sum(message["role"] == "assistant" for message in messages)
    if "decide" in tools:
        if not said:
            return completion("", call("try_test", content=SCRIPT, why="no price counts less than nothing"))
        passed = re.search(r"With change (.): exit code 0", messages[-1]["content"])
        return completion("", call("decide", choice=passed[1] if passed else "none", why="only it stops at nothing"))
    if "keep_probe" in tools:
        if not said:
            return completion(
                "", call("write_probe", content=SCRIPT), call("keep_probe", reason="no price counts less than nothing")
            )
        return completion("", call("finish"))
    if "VERDICT" in text:
        right = shown_right(messages[-1]["content"]) != ("fall short" in text)
        return completion(f"VERDICT: {'YES' if right else 'NO'}")
    if "RANKING" in text:
        return completion("RANKING: A = B")
    if not tools:
        return completion("[]")
    if not said:
        old, new = WRONG if body.get("seed", 0) % 2 else RIGHT
        return completion("", call("edit", edits=[{"path": "shop/prices.py", "old": old, "new": new}]))
    return completion("", call("submit", summary="It adds up."))


@pytest.fixture
def ask(winnow: Winnow, shop: Path) -> Callable[..., dict[str, Any]]:
    def run(server: ChatServer, *argv: str, **env: str) -> dict[str, Any]:
        env = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": server.url, **env}
        done = winnow(
            "fix", "-C", shop, "-i", ISSUE, "-m", "robot", "--strategy", "react", "-n", "2", "--json", *argv, env=env
        )
        assert done.stdout, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    return run


def kinds(server: ChatServer) -> dict[str, int]:
    """What was asked for, by its sign."""
    texts = [json.dumps(seen.body) for seen in server.seen]
    signs = {"judge": "VERDICT", "separator": '"decide"', "writer": '"keep_probe"', "comparer": "RANKING"}
    return {name: sum(sign in text for text in texts) for name, sign in signs.items()}


def test_the_model_helps_to_choose_and_is_replayed(ask: Any, winnow: Winnow) -> None:
    with ChatServer(robot) as server:
        result = ask(server)
        asked = kinds(server)
    assert shown_right(result["patch"]), result
    assert result["contest"]["distinct"] == 2
    assert (asked["judge"], asked["writer"]) == (8, 2)
    assert result["usage"]["calls"] == len(server.seen)
    run = Path(result["run_dir"])
    log = json.loads((run / "selection-log.json").read_text())
    assert {probe["origin"] for probe in log["evidence"]["probes"]} >= {"writer"}
    again = json.loads(winnow("replay", result["run_id"], "--json").stdout)
    assert again["same"] is True


def test_a_selection_trajectory_decides_where_nothing_else_was_run(ask: Any) -> None:
    with ChatServer(robot) as server:
        result = ask(server, WINNOW_SELECTION_WRITERS="0", WINNOW_SELECTION_JUDGE="0")
        asked = kinds(server)
    assert shown_right(result["patch"]), result
    assert (asked["judge"], asked["writer"], asked["separator"]) == (0, 0, 4)
    assert "selection trajectory" in result["contest"]["reason"]


def diff(shop: Path, old: str, new: str) -> str:
    """The change that an edit of the shop's prices makes, as a patch."""
    file = shop / "shop" / "prices.py"
    before = file.read_text()
    file.write_text(before.replace(old, new))
    made = subprocess.run(["git", "-C", shop, "diff"], check=True, capture_output=True, text=True).stdout
    file.write_text(before)
    return made


def test_patches_from_elsewhere_are_judged_once(winnow: Winnow, shop: Path, tmp_path: Path) -> None:
    for name, edit in (("right", RIGHT), ("wrong", WRONG)):
        (tmp_path / f"{name}.diff").write_text(diff(shop, *edit))
    asked = ("-C", shop, "-i", ISSUE, "--json", tmp_path / "right.diff", tmp_path / "wrong.diff", "-m", "robot")
    with ChatServer(robot) as server:
        env = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": server.url}
        first = json.loads(winnow("select", *asked, env=env).stdout)
        calls, kept = len(server.seen), kinds(server)
        again = json.loads(winnow("select", *asked, env=env).stdout)
        assert len(server.seen) == calls
        winnow("select", *asked[:-1], "another", env={**env, "WINNOW_SELECTION_WRITERS": "0"})
        assert len(server.seen) > calls, "what one model said is not another's word"
    assert (first["chosen"], kept["judge"], kept["writer"] > 0) == ("right", 8, True)
    assert (again["chosen"], again["ran"]) == ("right", 0)
