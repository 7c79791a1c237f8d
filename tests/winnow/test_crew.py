"""Money of a run: what trajectories leave to the selection, and what the selection's models cost."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.journal import Journal
from agent.models.errors import BudgetExhausted
from agent.models.values import ChatRequest, Message, Sampling
from agent.probe import Probe, ProbeResult
from agent.values import Brief, Candidate
from envs.patches import BaseTree, make_patch
from envs.snapshot import take_snapshot
from envs.values import Image, Issue, Patch, Suite, SuiteReport, Task
from envs.workspace import open_workspace
from sandbox.choose import choose
from sandbox.values import SandboxSpec
from selection.values import Origin
from tests.agent.models.server import ChatServer, Seen, completion, fault
from winnow.crew import Crew, open_crew
from winnow.purse import beside_trajectories
from winnow.settings import Settings
from winnow.store import RunDir

ASK = ChatRequest(messages=(Message(role="user", content="x"),), sampling=Sampling(max_output_tokens=10))


@pytest.fixture
def known(tmp_path: Path, git: Callable[..., str]) -> Iterator[tuple[Brief, BaseTree]]:
    """A brief, and the base's files."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "m.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q", str(repository))
    (tmp_path / "into").mkdir()
    snapshot = take_snapshot(repository, tmp_path / "into")
    brief = Brief(
        task=Task(id="t", issue=Issue(title="x is 1", body="It should be 2.", source="text")),
        snapshot=snapshot,
        sandbox="host",
        image=Image(reference=None, python="python3", workdir="/repo", digest="0"),
        suite=Suite(kind="pytest", argv=("pytest",)),
        base_report=SuiteReport(status="ran"),
        targets=(),
    )
    with BaseTree(snapshot) as base:
        yield brief, base


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    (tmp_path / "run").mkdir()
    return RunDir(tmp_path / "run")


@pytest.fixture
def crew(run: RunDir) -> Callable[..., Any]:
    """`with crew(url, budget={...}) as crew:` over one run's folder, as often as one likes."""

    @contextmanager
    def opened(url: str, *, replay: bool = False, **sections: Any) -> Iterator[Crew]:
        base = {"model": {"names": ("m",), "base_url": url, "retries": 0}, "run": {"trajectories": 2}}
        settings = Settings.model_validate({**base, **sections})
        with open_crew(settings, run, elapsed_s=0, stop=threading.Event(), replay=replay) as made:
            yield made

    return opened


def pair(base: BaseTree) -> list[Candidate]:
    texts = {"a": "x = 2\n", "b": "x = 3\n"}
    return [
        Candidate(id=name, trajectory_id=f"r1t{name}", patch=make_patch(base, {"m.py": text.encode()}), proposer="m")
        for name, text in texts.items()
    ]


def robot(seen: Seen) -> Any:
    prompt = str(seen.body["messages"])
    return completion("VERDICT: YES" if ("+x = 2" in prompt) != ("fall short" in prompt) else "VERDICT: NO")


def calls_of_a_trajectory(crew: Crew, run: RunDir, seat: str, *, whose_part: bool = True) -> int:
    """How many calls one trajectory gets through."""
    with Journal(run.trajectory(seat) / "events.jsonl") as journal:
        model = crew._purse.model("m", seat, journal)
        for done in range(100):
            try:
                model.complete(ASK)
            except BudgetExhausted as spent:
                assert ("trajectories' part" in str(spent)) == whose_part, str(spent)
                return done
    return 100


def test_trajectories_leave_the_selection_its_part(crew: Any, run: RunDir, known: tuple[Brief, BaseTree]) -> None:
    brief, base = known
    with ChatServer(robot) as server:
        with crew(server.url, budget={"calls": 12}) as first:
            assert calls_of_a_trajectory(first, run, "r1t0") == 9
            assert calls_of_a_trajectory(first, run, "r1t1") == 0
        with crew(server.url, budget={"calls": 12}) as second, second.judge(brief, base) as judge:
            assert calls_of_a_trajectory(second, run, "r1t1") == 0, "a new process knows what was spent"
            scores = judge.scores(pair(base))
        assert len(server.seen) == 12
    assert [len(score.reason.split(",")) for score in scores] == [2, 1]
    assert beside_trajectories(run).calls == 3


@pytest.mark.parametrize("sections", [
    {"run": {"trajectories": 1}}, {"selection": {"budget_share": 0.0}},
    {"selection": {"judge": 0, "compare": 0, "distinguish": 0, "writers": 0}},
])  # fmt: skip
def test_where_nothing_is_chosen_trajectories_may_spend_all(crew: Any, run: RunDir, sections: Any) -> None:
    with ChatServer(robot) as server, crew(server.url, budget={"calls": 8}, **sections) as opened:
        assert calls_of_a_trajectory(opened, run, "r1t0", whose_part=False) == 8


def test_a_judge_pays_once_and_a_replay_nothing(crew: Any, run: RunDir, known: tuple[Brief, BaseTree]) -> None:
    brief, base = known
    scores = []
    with ChatServer(robot) as server:
        for replay in (False, False, True):
            with crew(server.url, replay=replay) as opened:
                for _ in range(2):  # as in two rounds
                    with opened.judge(brief, base) as judge:
                        scores.append(judge.scores(pair(base)))
        assert len(server.seen) == 8
        assert all("It should be 2." in str(seen.body["messages"]) for seen in server.seen)
    assert all(one == scores[0] for one in scores) and scores[0][0].value != scores[0][1].value
    assert beside_trajectories(run).calls == 8


def test_a_judge_sees_what_a_trajectory_of_this_run_did_and_nothing_outside_of_it(
    crew: Any, run: RunDir, known: tuple[Brief, BaseTree]
) -> None:
    brief, base = known
    stolen = run.path.parent / "secret" / "events.jsonl"
    for path, command in ((run.trajectory("r1ta") / "events.jsonl", "run-a"), (stolen, "run-secret")):
        with Journal(path) as journal:
            call = {"id": "1", "name": "shell", "arguments": f'{{"command": "{command}"}}'}
            journal.append("reply", reply={"message": {"role": "assistant", "tool_calls": [call]}, "usage": {}})
            journal.append("observation", key="1", text="[shell]\nseen")
    first, second = pair(base)
    outsider = second.model_copy(update={"trajectory_id": "../../secret"})
    with ChatServer(robot) as server, crew(server.url) as opened, opened.judge(brief, base) as judge:
        judge.scores([first, outsider])
        prompts = [str(seen.body["messages"]) for seen in server.seen]
    assert sum("ran: run-a" in prompt for prompt in prompts) == 2
    assert not any("run-secret" in prompt for prompt in prompts)


def test_without_a_model_nobody_says_a_word(crew: Any, run: RunDir, known: tuple[Brief, BaseTree]) -> None:
    brief, base = known
    with crew("http://127.0.0.1:9/v1", model={"names": ()}) as opened, opened.judge(brief, base) as judge:
        assert judge is None
    assert not (run.path / "selection").exists()


def test_another_model_may_judge(crew: Any, run: RunDir, known: tuple[Brief, BaseTree]) -> None:
    brief, base = known
    with ChatServer(robot) as server, crew(server.url, selection={"judge_model": "wise"}) as opened:
        with opened.judge(brief, base) as judge:
            judge.scores(pair(base))
        assert {seen.body["model"] for seen in server.seen} == {"wise"}


def chooser(seen: Seen) -> Any:
    """Takes the change to 2, whatever it is called."""
    text = seen.body["messages"][1]["content"]
    right = text[: text.index("| +x = 2")].rpartition("\nChange ")[2][0]
    if len(seen.body["messages"]) == 2:
        return completion("", ("try_test", json.dumps({"content": "import m", "why": "2"})))
    return completion("", ("decide", json.dumps({"choice": right, "why": "it is 2"})))


def test_a_selection_trajectory_pays_from_the_selections_part_and_is_replayed(
    crew: Any, run: RunDir, known: tuple[Brief, BaseTree]
) -> None:
    brief, base = known
    ran: list[Probe] = []

    def run_probe(patch: Patch, probe: Probe) -> ProbeResult:
        ran.append(probe)
        fixed = "+x = 2" in patch.diff
        return ProbeResult(verdict="fixed" if fixed else "present", exit_code=0 if fixed else 2)

    answers = []
    with ChatServer(chooser) as server:
        for replay in (False, True):
            with (
                crew(server.url, replay=replay, budget={"calls": 20}) as opened,
                opened.separator(brief, base, pair(base), run_probe) as separator,
            ):
                answers.append(separator.separate("t", ("b", "a")))
        assert len(server.seen) == 4
        with (
            crew(server.url, selection={"distinguish": 0}) as opened,
            opened.separator(brief, base, pair(base), run_probe) as separator,
        ):
            assert separator.separate("t", ("b", "a")).picked is None
    assert answers[0] == answers[1] and answers[0].picked == "a"
    assert len(ran) == 3
    assert beside_trajectories(run).calls == 4


SHOWS = "import sys, m\nsys.exit(0 if m.x == 2 else 2)\n"


def scribe(seen: Seen) -> Any:
    """Writes one test, keeps it and ends."""
    if len(seen.body["messages"]) == 2:
        calls = [("write_probe", json.dumps({"content": SHOWS})), ("keep_probe", json.dumps({"reason": "it says 2"}))]
        return completion("", *calls)
    return completion("", ("finish", "{}"))


@pytest.fixture
def ground(known: tuple[Brief, BaseTree], confined: str) -> tuple[Brief, Callable[[], Any], list[int]]:
    """A brief, what opens a sandbox with its base, and how often it did."""
    image = Image(
        reference=None, python=sys.executable, workdir="/repo", readonly=(sys.prefix, sys.base_prefix), digest="0"
    )
    brief = known[0].model_copy(update={"sandbox": confined, "image": image})
    opened: list[int] = []

    def open_() -> Any:
        opened.append(1)
        return open_workspace(choose(confined), image, brief.snapshot, limits=SandboxSpec(workdir="/repo"), run_id="t")

    return brief, open_, opened


def test_writers_write_tests_once_and_propose_nothing(crew: Any, run: RunDir, ground: Any) -> None:
    brief, open_, opened = ground
    written = []
    with ChatServer(scribe) as server:
        for _ in range(2):
            with crew(server.url, selection={"writers": 2}) as made:
                written.append(made.writer(brief, None, open_, lambda kind, data: None).write())
        assert len(server.seen) == 4 and len(opened) == 2
        assert {seen.body["temperature"] for seen in server.seen} == {0.0, 0.8}
    assert written[0] == written[1]
    assert [(probe.id, probe.origin, probe.author) for probe in written[0]] == [
        ("writer-0-p0", Origin.WRITER, None),
        ("writer-1-p0", Origin.WRITER, None),
    ]
    assert beside_trajectories(run).calls == 4


def test_writers_leave_something_to_whoever_judges(crew: Any, run: RunDir, ground: Any) -> None:
    brief, open_, _ = ground
    endless = completion("", ("shell", json.dumps({"command": "true"})))
    with ChatServer(lambda seen: endless) as server, crew(server.url, budget={"calls": 40}) as made:
        assert made.writer(brief, None, open_, lambda kind, data: None).write() == ()
        assert len(server.seen) == 5
        assert "your last turn: the budget is nearly spent" in str(server.seen[-1].body["messages"][-1])


def test_a_writer_whose_model_fails_writes_nothing_and_is_asked_again(crew: Any, run: RunDir, ground: Any) -> None:
    brief, open_, opened = ground
    with crew("http://127.0.0.1:9/v1", model={"names": ()}) as made:
        assert made.writer(brief, None, open_, lambda kind, data: None).write() == ()
        assert not opened
    for answer in (fault(401, "no key"), fault(500, "down")):
        with ChatServer(lambda seen, answer=answer: answer) as server, crew(server.url) as made:
            assert made.writer(brief, None, open_, lambda kind, data: None).write() == ()
    with ChatServer(scribe) as server, crew(server.url) as made:
        assert len(made.writer(brief, None, open_, lambda kind, data: None).write()) == 1


def test_a_comparer_pays_from_the_selections_part(crew: Any, run: RunDir, known: tuple[Brief, BaseTree]) -> None:
    brief, base = known

    def ranks(seen: Seen) -> Any:
        text = seen.body["messages"][1]["content"]
        return completion("RANKING: A > B" if text.index("+x = 2") < text.index("+x = 3") else "RANKING: B > A")

    with ChatServer(ranks) as server:
        with crew(server.url) as opened, opened.comparer(brief, base) as comparer:
            assert [score.value for score in comparer.scores(pair(base))] == [1.0, 0.0]
        with crew(server.url, selection={"compare": 0}) as opened, opened.comparer(brief, base) as comparer:
            assert comparer is None
        assert len(server.seen) == 2
    assert beside_trajectories(run).calls == 2
