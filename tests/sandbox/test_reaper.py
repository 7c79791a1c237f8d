"""What dead owners leave behind is removed; what others own is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.host import OWNER, PREFIX
from sandbox.owner import Owner, me
from sandbox.reaper import sweep


@pytest.fixture
def dead() -> Owner:
    """A process that has ended, as its own last words describe it."""
    source = "from sandbox.owner import me; print(me().model_dump_json())"
    done = subprocess.run(
        [sys.executable, "-c", source], check=True, capture_output=True, env={"PYTHONPATH": str(Path.cwd())}
    )
    return Owner.model_validate_json(done.stdout)


class TestOwner:
    def test_we_are_alive(self):
        assert me().state() == "alive"

    def test_the_dead_are_gone(self, dead):
        assert dead.state() == "gone"

    def test_number_used_again(self):
        assert me().model_copy(update={"started": "1"}).state() == "gone"

    def test_before_a_reboot(self):
        assert me().model_copy(update={"boot": "another/" + me().boot.partition("/")[2]}).state() == "gone"

    def test_elsewhere_is_unknown(self):
        assert me().model_copy(update={"host": "elsewhere"}).state() == "unknown"
        assert me().model_copy(update={"boot": me().boot.partition("/")[0] + "/pid:[1]"}).state() == "unknown"


class TestFolders:
    def test_of_the_dead_are_removed_with_their_processes(self, private_tmp, dead):
        folder = private_tmp / f"{PREFIX}abc"
        (folder / "tmp").mkdir(parents=True)
        (folder / OWNER).write_text(dead.model_dump_json())
        orphan = subprocess.Popen(["sleep", "100"], env={"TMPDIR": f"{folder}/tmp", "PATH": os.defpath})
        try:
            assert sweep(url="unix:///nowhere") == [f"folder {folder}"]
            assert orphan.wait(5) == -9
        finally:
            orphan.kill()
        assert not folder.exists()

    def test_of_the_living_stay(self, private_tmp):
        folder = private_tmp / f"{PREFIX}abc"
        folder.mkdir()
        (folder / OWNER).write_text(me().model_dump_json())
        (private_tmp / f"{PREFIX}young").mkdir()
        (private_tmp / f"{PREFIX}odd").mkdir()
        (private_tmp / f"{PREFIX}odd" / OWNER).write_text("not ours")
        assert sweep(url="unix:///nowhere") == []
        assert folder.exists()

    def test_without_a_name_go_when_old(self, private_tmp):
        folder = private_tmp / f"{PREFIX}abc"
        folder.mkdir()
        os.utime(folder, (1, 1))
        assert sweep(url="unix:///nowhere") == [f"folder {folder}"]

    def test_costs_little(self, private_tmp):
        begin = time.monotonic()
        sweep()
        assert time.monotonic() - begin < 0.5


@pytest.mark.docker
class TestContainers:
    @pytest.fixture
    def container(self, docker_kind):
        """Creates containers with labels, as a killed owner leaves them: created, or running."""
        made = []

        def create(owner: Owner, expires: float, run: str = "run-x", *, running: bool = False) -> str:
            labels = {"winnow.owner": owner.model_dump_json(), "winnow.expires": str(int(expires)), "winnow.run": run}
            command = ["docker", "run", "-d"] if running else ["docker", "create"]
            for name, value in labels.items():
                command += ["--label", f"{name}={value}"]
            command += ["--network", "none", docker_kind.spec().image, "sleep", "100"]
            made.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
            return made[-1][:12]

        yield create
        subprocess.run(["docker", "rm", "-f", *made], check=False, capture_output=True)

    def test_of_the_dead_are_removed(self, container, dead, private_tmp):
        later = time.time() + 1000
        ids = {container(dead, later, running=True), container(dead, later)}
        removed = {entry for entry in sweep() if "run-x" in entry}
        assert removed == {f"container {id_} of run run-x" for id_ in ids}

    def test_of_the_living_stay(self, container, private_tmp):
        id_ = container(me(), time.time() + 1000)
        elsewhere = container(me().model_copy(update={"host": "elsewhere"}), time.time() + 1000)
        removed = " ".join(sweep())
        assert id_ not in removed
        assert elsewhere not in removed

    def test_expired_ones_are_removed(self, container, private_tmp):
        id_ = container(me().model_copy(update={"host": "elsewhere"}), time.time() - 1)
        assert id_ in " ".join(sweep())

    def test_of_a_named_run_are_removed(self, container, private_tmp):
        one, other = (container(me(), time.time() + 1000, run) for run in ("run-1", "run-2"))
        removed = " ".join(sweep(runs=["run-1"]))
        assert one in removed
        assert other not in removed

    def test_others_are_never_touched(self, docker_kind, private_tmp):
        command = ["docker", "create", docker_kind.spec().image, "true"]
        id_ = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        sweep(runs=[""])
        subprocess.run(["docker", "rm", id_], check=True, capture_output=True)
