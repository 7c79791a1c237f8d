"""What only Docker has: images, hardening, daemons that are not there."""

import io
import json
import subprocess
import tarfile
import time
import uuid

import pytest

from sandbox.engine.hardening import host_options, labels, variables
from sandbox.engine.images import DockerImages
from sandbox.engine.machine import DockerProvider
from sandbox.errors import BuildFailed, ImageUnavailable, SandboxUnavailable
from sandbox.owner import me
from sandbox.values import SandboxSpec


def context(dockerfile: str) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile.encode())
        tar.addfile(info, io.BytesIO(dockerfile.encode()))
    buffer.seek(0)
    return buffer


def dangling() -> set[str]:
    listed = ["docker", "images", "-q", "--no-trunc", "--filter", "dangling=true"]
    return set(subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split())


def inspect(id_: str):
    return json.loads(subprocess.run(["docker", "inspect", id_], check=True, capture_output=True).stdout)[0]


class TestHardening:
    """Options as the daemon is told them; `test_hostile` shows that they hold."""

    def test_walls(self):
        options = host_options(SandboxSpec(memory_mb=100, disk_mb=50, pids=9, cpus=1.5), (1000, 1000), ["/data"])
        assert options["cap_drop"] == ["ALL"]
        assert options["security_opt"] == ["no-new-privileges"]
        assert (options["network_mode"], options["ipc_mode"], options["read_only"]) == ("none", "private", True)
        assert options["mem_limit"] == options["memswap_limit"]
        assert (options["nano_cpus"], options["pids_limit"], options["auto_remove"]) == (1_500_000_000, 10, True)
        assert all("size=50m" in mount and "nosuid" in mount for mount in options["tmpfs"].values())
        assert set(options["tmpfs"]) == {"/work", "/tmp", "/data"}

    def test_path_of_the_image_is_kept(self):
        assert "PATH" not in variables(SandboxSpec())
        assert variables(SandboxSpec(env={"PATH": "/x"}))["PATH"] == "/x"

    def test_labels_name_the_owner(self):
        found = labels(SandboxSpec(run_id="r1", lifetime_s=100))
        assert found["winnow.run"] == "r1"
        assert json.loads(found["winnow.owner"])["pid"] == me().pid
        assert 100 < int(found["winnow.expires"]) - time.time() < 1000

    @pytest.mark.parametrize("user", ["root", "0:0", "1000", "me:1000", "-1:5"])
    def test_commands_are_never_root(self, user):
        with pytest.raises(ValueError, match="root"):
            DockerProvider(user=user)

    def test_host_paths_are_refused(self):
        with pytest.raises(ValueError, match="readonly"):
            DockerProvider().open(SandboxSpec(image="x", readonly=("/etc",)))


class TestNoDaemon:
    def test_no_socket(self, tmp_path):
        provider = DockerProvider(url=f"unix://{tmp_path}/none.sock")
        found = provider.check()
        assert not found.available
        assert "Start it" in found.hint
        with pytest.raises(SandboxUnavailable, match="no Docker daemon"), provider.open(SandboxSpec(image="x")):
            pass

    def test_nobody_listens(self):
        assert not DockerProvider(url="tcp://127.0.0.1:1").check().available


@pytest.mark.docker
class TestContainers:
    def test_another_user(self, docker_kind):
        with DockerProvider(user="4321:1234").open(docker_kind.spec()) as machine:
            assert (
                machine.exec(["sh", "-c", "id -u; id -g; touch x; stat -c %u x"], timeout=10).out
                == "4321\n1234\n4321\n"
            )

    def test_labels_and_limits_are_really_there(self, docker_kind):
        with docker_kind.open(run_id="run-7", cpus=0.5) as machine:
            found = inspect(machine.id)
            assert found["Config"]["Labels"]["winnow.run"] == "run-7"
            assert found["Config"]["StdinOnce"]
            assert found["HostConfig"]["NanoCpus"] == 500_000_000
            assert found["HostConfig"]["LogConfig"]["Type"] == "none"
            assert found["HostConfig"]["CapDrop"] == ["ALL"]

    def test_hosts_that_are_the_sandbox_itself(self, docker_kind):
        with docker_kind.open(hosts=("there.example",)) as machine:
            assert machine.exec(["getent", "hosts", "there.example"], timeout=10).out.split()[0] == "127.0.0.1"
            # As on port 80 of the host that it stands for.
            serve = "import socket; s = socket.create_server(('there.example', 80)); print(s.getsockname())"
            assert machine.exec(["python3", "-c", serve], timeout=10).out.strip() == "('127.0.0.1', 80)"

    def test_opens_fast(self, docker_kind):
        times = []
        for _ in range(3):
            begin = time.monotonic()
            with docker_kind.open():
                times.append(time.monotonic() - begin)
        assert min(times) < 1.5


@pytest.mark.docker
class TestImages:
    def test_image_that_does_not_exist(self, docker_kind):
        provider = DockerProvider(pull=False)
        with (
            pytest.raises(ImageUnavailable, match="no-such-image") as caught,
            provider.open(SandboxSpec(image="no-such-image")),
        ):
            pass
        assert "docker pull" in caught.value.hint
        with pytest.raises(ImageUnavailable, match="named"), provider.open(SandboxSpec()):
            pass

    def test_registry_that_does_not_answer(self, docker_kind):
        with pytest.raises(ImageUnavailable, match="could not pull"):
            DockerImages().pull("127.0.0.1:1/nothing:here")

    @pytest.mark.parametrize("name", ["Not A Name", "UPPER", "a::b"])
    def test_name_that_is_none(self, docker_kind, name):
        with pytest.raises((ImageUnavailable, SandboxUnavailable)), docker_kind.open(image=name):
            pass

    def test_build_list_remove(self, docker_kind):
        images, lines = DockerImages(), []
        base = docker_kind.spec().image
        recipe = f"FROM {base}\nARG WHO\nRUN echo hello $WHO && echo $WHO > /who\nVOLUME /data\nENV COLOUR=red\n"
        id_ = images.build(
            context(recipe),
            tag="winnow-test-built",
            labels={"winnow.test": "1"},
            build_args={"WHO": "you"},
            network_mode="none",
            log=lines.append,
        )
        try:
            assert any("hello you" in line for line in lines)
            assert images.exists("winnow-test-built")
            assert [image.id for image in images.list("winnow.test")] == [id_]
            with docker_kind.open(image="winnow-test-built", disk_mb=16) as machine:
                assert machine.exec(["sh", "-c", "cat /who; echo $COLOUR"], timeout=10).out == "you\nred\n"
                assert machine.exec(["sh", "-c", "head -c 30000000 /dev/zero > /data/big"], timeout=10).exit_code != 0
        finally:
            images.remove("winnow-test-built")
        assert not images.exists("winnow-test-built")
        images.remove("winnow-test-built")

    def test_build_that_fails(self, docker_kind):
        recipe = f"FROM {docker_kind.spec().image}\nRUN echo the reason && exit 3\n"
        with pytest.raises(BuildFailed, match="returned a non-zero code: 3") as caught:
            DockerImages().build(context(recipe), tag="winnow-test-broken", network_mode="none")
        assert "the reason" in caught.value.log

    def test_a_build_that_fails_leaves_nothing_of_its_own(self, docker_kind):
        recipe = f"FROM {docker_kind.spec().image}\n"
        cached = recipe + f"RUN echo {uuid.uuid4()} > /cached\n"
        images, before = DockerImages(), dangling()
        images.build(context(cached), tag="winnow-test-cached", network_mode="none")
        try:
            with pytest.raises(BuildFailed):
                images.build(
                    context(f"{cached}RUN echo {uuid.uuid4()} > /mine\nRUN exit 3\n"),
                    tag="winnow-test-broken",
                    network_mode="none",
                )
            assert images.exists("winnow-test-cached")
        finally:
            images.remove("winnow-test-cached")
        assert dangling() <= before

    def test_clearing_takes_what_is_ours_and_nobody_uses(self, docker_kind):
        """Restricted to images of this test: the engine is shared."""
        label = f"winnow.test.{uuid.uuid4().hex}"
        images, base = DockerImages(), docker_kind.spec().image

        def build(tag, text):
            return images.build(
                context(f"FROM {base}\nLABEL {label}=1\nRUN echo {text} > /x\n"), tag=tag, network_mode="none"
            )

        first, theirs, used = (f"winnow/test-{name}" for name in ("first", "second", "used"))
        nameless = build(first, "one")
        build(first, "two")  # takes the name away from the one before
        build(theirs, "three")
        subprocess.run(["docker", "tag", theirs, "somebody-elses:1"], check=True)
        build(used, "four")
        unlabelled = images.build(
            context(f"FROM {base}\nRUN echo five {label} > /x\n"), tag="winnow/test-other", network_mode="none"
        )
        container = subprocess.run(["docker", "create", used, "true"], check=True, capture_output=True, text=True)
        try:
            removed, kept = images.clear(label)
            assert set(removed) == {nameless, f"{first}:latest", f"{theirs}:latest"}
            assert kept == (f"{used}:latest",)
            assert [images.exists(name) for name in (nameless, first, theirs, "somebody-elses:1", used)] == [
                False,
                False,
                False,
                True,
                True,
            ]
            assert images.find("winnow/test-other").id == unlabelled
            subprocess.run(["docker", "rm", container.stdout.strip()], check=True, capture_output=True)
            assert images.clear(label) == ((f"{used}:latest",), ())
        finally:
            subprocess.run(["docker", "rm", "-f", container.stdout.strip()], check=False, capture_output=True)
            for name in ("somebody-elses:1", "winnow/test-other", first, theirs, used):
                images.remove(name)
        assert images.list(label) == ()

    def test_build_without_dockerfile(self, docker_kind):
        buffer = io.BytesIO()
        tarfile.open(fileobj=buffer, mode="w").close()
        buffer.seek(0)
        with pytest.raises(BuildFailed, match="Dockerfile"):
            DockerImages().build(buffer, tag="winnow-test-broken", network_mode="none")

    def test_image_without_python(self, docker_kind):
        images = DockerImages()
        recipe = f"FROM {docker_kind.spec().image}\nRUN rm -f /usr/bin/python3*\n"
        images.build(context(recipe), tag="winnow-test-no-python", network_mode="none")
        try:
            with (
                pytest.raises(ImageUnavailable, match="no python3") as caught,
                docker_kind.open(image="winnow-test-no-python"),
            ):
                pass
            assert "3.6" in caught.value.hint
        finally:
            images.remove("winnow-test-no-python")

    def test_image_without_anything(self, docker_kind):
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        command = ["docker", "import", "-", "winnow-test-empty"]
        subprocess.run(command, check=True, capture_output=True, input=empty.getvalue())
        try:
            with pytest.raises(ImageUnavailable, match="/bin/sh"), docker_kind.open(image="winnow-test-empty"):
                pass
        finally:
            DockerImages().remove("winnow-test-empty")
