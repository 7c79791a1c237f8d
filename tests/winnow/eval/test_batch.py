"""A batch on one machine: real repositories, sandboxes, processes and HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import SandboxLost
from tests.agent.models.server import Answer, ChatServer, Seen, completion, fault
from tests.winnow.eval.conftest import Bench
from winnow.errors import BatchUnusable, SettingsError
from winnow.eval.folder import BatchDir
from winnow.eval.report.write import make_report, read_results, write_report
from winnow.store import Store


def test_a_batch_from_tasks_to_report(bench: Bench, endpoint: ChatServer) -> None:
    result = bench.run(tasks=2, eval={"grade": "all"})
    assert (result.tasks, result.ended, result.resolved, result.graded) == (2, {"patch": 2}, 2, 2)
    assert result.usage.calls == len(endpoint.seen) == 6
    folder = bench.out
    lines = [json.loads(line) for line in (folder / "preds.jsonl").read_text().splitlines()]
    assert [line["instance_id"] for line in lines] == [record.task.id for record in bench.records[:2]]
    assert {line["model_name_or_path"] for line in lines} == {"winnow+robot"}
    assert all(line["model_patch"].startswith("diff --git") and line["model_patch"].endswith("\n") for line in lines)
    assert json.loads((folder / "preds.json").read_text()) == {line["instance_id"]: line for line in lines}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (
        manifest["models"] == ["robot"]
        and len(manifest["images"]) == 2
        and "agent/trajectory/prompts/start_react.md" in manifest["prompts"]
    )
    assert "sk-robot" not in "".join(p.read_text(errors="replace") for p in folder.rglob("*") if p.is_file())
    assert len(Store(folder).all()) == 2 and Store(folder).open("ada__prices-total")
    assert not list(folder.rglob("base.tar")) and not list(folder.rglob("checkout"))

    calls = len(endpoint.seen)
    again = bench.run(tasks=2, eval={"grade": "all"})
    assert again == result and len(endpoint.seen) == calls and not bench.told("start")

    report = make_report([folder])
    numbers = report.systems[0]
    assert numbers.delivered.value == 1.0 and numbers.coverage is not None and numbers.coverage.value == 1.0
    assert [at.k for at in numbers.pass_at] == [1] and numbers.pass_at[0].share.value == 1.0
    assert numbers.policies is not None and numbers.policies.rows[0].policy == "default"
    assert numbers.cost is not None and numbers.cost.usd == pytest.approx(6 * (60 * 1 + 40 * 0.1 + 20 * 2) / 1e6)
    written = write_report(report, bench.folder / "report")
    assert {path.name for path in written} >= {"report.md", "report.json", "resolved.svg", "manifest.json"}
    assert "| batch | 2 | 2 | 100.0% (34.2% to 100.0%) |" in (bench.folder / "report/report.md").read_text()


def test_grading_more_needs_no_model(bench: Bench, endpoint: ChatServer) -> None:
    assert bench.run(tasks=1).resolved is None
    calls = len(endpoint.seen)
    assert bench.run(tasks=1, eval={"grade": "chosen"}).resolved == 1
    assert [data["key"] for data in bench.told("start")] == ["grade/ada__prices-total"]
    assert len(endpoint.seen) == calls


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"run": {"trajectories": 3}}, "run.trajectories = 1, and now it is 3"),
        ({"model": {"temperature": 0.5}}, "model.temperature"),
        ({"budget": {"usd": 2.0}}, "budget.usd"),
    ],
)
def test_a_changed_setting_is_refused_by_name(bench: Bench, sections: Any, key: str) -> None:
    bench.begin(tasks=1)
    with pytest.raises(BatchUnusable, match=key):
        bench.run(tasks=1, **sections)


def test_other_tasks_are_refused(bench: Bench) -> None:
    bench.begin(tasks=1)
    with pytest.raises(BatchUnusable, match=r"dataset\.digest"):
        bench.run(tasks=2)


def test_two_drivers_are_one_too_many(bench: Bench) -> None:
    with BatchDir(bench.out).lock(), pytest.raises(BatchUnusable, match="another process"):
        bench.run(tasks=1)


def test_machines_that_fail_are_tried_again_and_counted_apart(bench: Bench) -> None:
    result = bench.run(tasks=1, toys=bench.toys(broken_first=1))
    assert (result.ended, result.resolved, result.infra_failures) == ({"patch": 1}, None, 1)
    assert len(bench.told("retry")) == 1


def test_a_dead_worker_takes_nothing_along_and_stays_in_the_denominator(bench: Bench) -> None:
    result = bench.run(tasks=2, toys=bench.toys(dies="ada__prices-total"), eval={"grade": "all", "retries": 1})
    assert (result.exit_code, result.left) == (61, "1 tasks failed by their machines or by a defect")
    results = read_results(bench.out)
    assert [(row.outcome, row.failures) for row in results.tasks] == [("infra", 2), ("resolved", 0)]
    assert "SIGKILL" in results.tasks[0].reason
    numbers = make_report([bench.out]).systems[0]
    assert (numbers.tasks, numbers.delivered.value, numbers.at_most) == (2, 0.5, 1.0)
    assert numbers.pass_at[0].share.value == 0.5
    # The next process tries what failed, and nothing else.
    assert bench.run(tasks=2, eval={"grade": "all", "retries": 1}).resolved == 2
    assert {data["key"].partition("/")[2] for data in bench.told("start")} == {"ada__prices-total"}


def test_a_batch_whose_machines_all_fail_stops(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("winnow.eval.batch._IN_A_ROW", 2)
    with pytest.raises(SandboxLost, match="2 tasks in a row"):
        bench.run(toys=bench.toys(broken_first=9), eval={"retries": 0, "workers": 1})
    assert len(bench.told("ended")) == 2


def test_what_would_meet_every_task_ends_the_batch(bench_at: Callable[[str], Bench]) -> None:
    with ChatServer(lambda _seen: fault(401, "Incorrect API key provided")) as server:
        bench = bench_at(server.url)
        with pytest.raises(Exception, match="key") as caught:
            bench.run(eval={"workers": 1})
    assert type(caught.value).__name__ == "AuthenticationFailed"
    assert len(bench.told("start")) == 1


def test_a_task_that_finds_nothing_has_an_empty_prediction(bench_at: Callable[[str], Bench]) -> None:
    def idle(seen: Seen) -> Answer:
        return (
            completion("", ("submit", json.dumps({"summary": "nothing", "waiver": "x"})))
            if seen.body.get("tools")
            else completion("[]")
        )

    with ChatServer(idle) as server:
        bench = bench_at(server.url)
        result = bench.run(tasks=1, eval={"grade": "all"})
    assert (result.ended, result.resolved, result.graded) == ({"no_patch": 1}, 0, 1)
    assert json.loads((bench.out / "preds.jsonl").read_text())["model_patch"] == ""
    numbers = make_report([bench.out]).systems[0]
    assert numbers.pass_at[0].share.value == 0.0 and numbers.policies is not None and numbers.policies.oracle == 0.0


class TestMoney:
    """Each call of the robot costs 0.000104 USD, and a worst case far more; three calls make a task."""

    def test_tasks_side_by_side_stay_under_the_batch_s_limit(self, bench: Bench, endpoint: ChatServer) -> None:
        result = bench.run(tasks=3, budget={"usd": 0.1}, eval={"batch_usd": 0.1005, "workers": 4})
        assert result.exit_code == 61 and "1 tasks were not started" in result.left
        # Each is lent 0.1 and costs 0.0003: they go one by one, the second with what the first left over, and there it ends.
        assert len(endpoint.seen) == 6
        # More money goes on, and only with what is not there yet.
        result = bench.run(tasks=3, budget={"usd": 0.1}, eval={"batch_usd": 1.0})
        assert result.ended == {"patch": 3} and len(endpoint.seen) == 9

    def test_a_task_s_own_limit_holds(self, bench: Bench, endpoint: ChatServer) -> None:
        result = bench.run(tasks=1, budget={"usd": 0.00001}, eval={"grade": "chosen"})
        assert (result.ended, result.resolved, len(endpoint.seen)) == ({"budget": 1}, 0, 0)

    @pytest.mark.parametrize(("usd", "words"), [(None, "each task"), (2.0, "do not cover one task")])
    def test_limits_that_cannot_be_kept_are_refused(self, bench: Bench, usd: float | None, words: str) -> None:
        with pytest.raises(SettingsError, match=words):
            bench.run(budget={"usd": usd}, eval={"batch_usd": 1.0})


def test_a_result_that_a_kill_cut_short_is_written_again(bench: Bench, endpoint: ChatServer) -> None:
    bench.run(tasks=1)
    results = bench.out / "results.jsonl"
    whole = results.read_bytes()
    results.write_bytes(whole[: len(whole) // 2])
    bench.run(tasks=1)
    assert results.read_bytes() == whole and len(endpoint.seen) == 3


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(BatchUnusable, match="no results"):
        read_results(tmp_path)
