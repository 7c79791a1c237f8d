"""A batch on a Ray cluster of two nodes, one of which is killed in the middle."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.errors import SandboxUnavailable
from tests.agent.models.server import ChatServer
from tests.winnow.eval.conftest import Bench
from tests.winnow.eval.kit import robot
from winnow.errors import SettingsError

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes with one core each."""
    from ray.cluster_utils import Cluster

    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "RAY_health_check_period_ms": "500"}.items():
        monkeypatch.setenv(name, value)
    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "memory": 2 << 30, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=node)
    try:
        yield made, made.add_node(**{k: v for k, v in node.items() if k != "include_dashboard"})
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_batch_survives_the_loss_of_a_node(bench_at: Callable[[str], Bench], cluster: Any) -> None:
    nodes, second = cluster
    with ChatServer(robot, latency_s=0.3) as server:
        bench = bench_at(server.url)

        def kill() -> None:
            while len(server.seen) < 3:
                time.sleep(0.02)
            nodes.remove_node(second, allow_graceful=False)

        killer = threading.Thread(target=kill)
        killer.start()
        result = bench.run(
            tasks=3,
            budget={"usd": 0.1},
            eval={"grade": "chosen", "cluster": nodes.address, "workers": 2, "batch_usd": 0.25},
            sandbox={"memory_mb": 512},
        )
        killer.join()
        assert (result.ended, result.resolved, result.left) == ({"patch": 3}, 3, "")
        assert result.infra_failures >= 1 and bench.told("retry"), "a task was under way on the node that died"
        asked = [json.dumps(seen.body["messages"]) for seen in server.seen]
    # A call that was under way when the node died was never answered, and is asked again.
    assert len(asked) - len(set(asked)) <= 1
    assert result.usage.calls == len(set(asked)) == 9
    assert result.usage.usd is not None and result.usage.usd < 0.25
    assert not (bench.out / ".cluster").exists()
    # What no node has room for is said, instead of waited for.
    with pytest.raises(SettingsError, match="no node of the cluster has 1 cores and 65536 MiB"):
        bench.run(
            tasks=3,
            budget={"usd": 0.1},
            eval={"cluster": nodes.address, "task_memory_mb": 65536},
            sandbox={"memory_mb": 512},
        )


def test_a_cluster_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(SandboxUnavailable, match="no Ray cluster"):
        bench.run(tasks=1, eval={"cluster": "127.0.0.1:9"})
