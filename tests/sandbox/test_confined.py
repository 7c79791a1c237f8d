"""What confined local machines show of the host, and what they say where they cannot be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.bubblewrap import BubblewrapProvider
from sandbox.confined import refusal
from sandbox.errors import SandboxUnavailable
from sandbox.unshare import UnshareProvider
from sandbox.values import SandboxSpec
from sandbox.view import Mount, mounts


@pytest.fixture(scope="module", params=["bubblewrap", "unshare"])
def confined(request, get_kind):
    return get_kind(request.param)


@pytest.fixture
def shown(tmp_path):
    """A folder that commands may see, below one that they may not."""
    folder = tmp_path / "hidden" / "shown"
    folder.mkdir(parents=True)
    (folder / "file").write_text("see me")
    (folder / "file").chmod(0o644)
    (tmp_path / "hidden" / "secret").write_text("not me")
    for path in (tmp_path, tmp_path.parent, tmp_path.parent.parent, folder, folder.parent):
        path.chmod(0o755)
    return folder


@pytest.mark.confined
class TestView:
    def test_readonly_path(self, confined, shown):
        with confined.open(readonly=(str(shown),)) as machine:
            assert machine.exec(["cat", f"{shown}/file"], timeout=10).out == "see me"
            assert machine.exec(["ls", str(shown.parent)], timeout=10).out == "shown\n"
            assert machine.exec(["touch", f"{shown}/new"], timeout=10).exit_code != 0
            assert machine.exec(["rm", f"{shown}/file"], timeout=10).exit_code != 0

    def test_readonly_file(self, confined, shown):
        with confined.open(readonly=(f"{shown}/file",)) as machine:
            assert machine.exec(["cat", f"{shown}/file"], timeout=10).out == "see me"

    def test_writable_path(self, confined, shown):
        with confined.open(writable=(str(shown),)) as machine:
            assert machine.exec(["sh", "-c", f"echo more >> {shown}/file; echo x > {shown}/new"], timeout=10).ok
        assert (shown / "file").read_text() == "see memore\n"
        assert (shown / "new").read_text() == "x\n"

    def test_readonly_inside_writable(self, confined, shown):
        (shown / "fixed").mkdir()
        with confined.open(writable=(str(shown),), readonly=(f"{shown}/fixed",)) as machine:
            assert machine.exec(["touch", f"{shown}/new"], timeout=10).ok
            assert machine.exec(["touch", f"{shown}/fixed/new"], timeout=10).exit_code != 0

    def test_shown_path_inside_the_work_tree(self, confined, shown):
        """As an environment in `.venv` of the user's own repository."""
        with confined.open(workdir=str(shown.parent), readonly=(str(shown),)) as machine:
            assert machine.exec(["cat", "shown/file"], timeout=10).out == "see me"
            assert machine.exec(["ls", "-A"], timeout=10).out == "shown\n"
            machine.write("secret", b"mine")
        assert (shown.parent / "secret").read_text() == "not me"

    def test_interpreter_outside_the_system(self, confined, monkeypatch):
        """As one by pyenv or uv, in a home that nobody else may enter."""
        base = Path(sys.base_prefix).resolve()
        python = str(base / "bin" / f"python3.{sys.version_info.minor}")
        monkeypatch.setattr(f"sandbox.{confined.name}.interpreter", lambda: (python, (str(base),)))
        with confined.open() as machine:
            assert machine.exec([python, "-c", "import ssl; print('whole')"], timeout=10).out == "whole\n"

    def test_path_that_does_not_exist(self, confined):
        with pytest.raises(SandboxUnavailable, match="/no/such/path"), confined.open(readonly=("/no/such/path",)):
            pass

    def test_image_is_refused(self, confined):
        with pytest.raises(SandboxUnavailable, match=r"there\.example"), confined.open(hosts=("there.example",)):
            pass
        with pytest.raises(SandboxUnavailable, match="no images"), confined.open(image="debian:12"):
            pass

    def test_work_tree_below_the_system(self, confined):
        with pytest.raises(SandboxUnavailable), confined.open(workdir="/usr/no-such-folder/work"):
            pass

    def test_private_terminal(self, confined):
        source = "import os, pty; a, b = pty.openpty(); print(os.ttyname(b).startswith('/dev/pts/'))"
        with confined.open() as machine:
            assert machine.exec(["python3", "-c", source], timeout=10).out == "True\n"

    def test_cores(self, confined):
        if len(os.sched_getaffinity(0)) < 2:
            pytest.skip("needs two cores")
        with confined.open(cpus=1) as machine:
            assert machine.exec(["nproc"], timeout=10).out == "1\n"


@pytest.mark.confined
@pytest.mark.skipif(os.geteuid() != 0, reason="changes to another user, which only root can")
class TestAsOrdinaryUser:
    """The other half of the code: root and ordinary users reach the same state by different ways."""

    @pytest.mark.parametrize("name", ["BubblewrapProvider", "UnshareProvider"])
    def test_same_walls(self, name, repository):
        module = name.removesuffix("Provider").lower()
        source = f"""
import sys
sys.path[:0] = {[str(repository), *(path for path in sys.path if "site-packages" in path)]}
from sandbox.{module} import {name}
from sandbox.values import SandboxSpec
with {name}().open(SandboxSpec(workdir="/home/somebody/project", pids=32)) as machine:
    print(machine.exec(["sh", "-c", "id -u; grep -E '^(Cap(Eff|Prm)|NoNewPrivs|Seccomp):' /proc/self/status"], timeout=9).out)
    print(machine.exec(["sh", "-c", "pwd; touch x && ls; touch /y /etc/y /usr/y; ls /home /root"], timeout=9).out)
    bomb = "import os\\nwhile True:\\n try: os.fork()\\n except OSError: pass"
    print(machine.exec(["python3", "-c", bomb], timeout=1).timed_out, machine.exec(["echo", "fine"], timeout=9).out)
"""
        command = ["setpriv", "--reuid=1500", "--regid=1500", "--clear-groups", "/usr/bin/python3", "-c", source]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd="/")
        if "No module named" in done.stderr or "Permission denied" in done.stderr:
            pytest.skip("the system's Python cannot use this environment")
        assert done.stdout.split() == [
            *("1000", "CapPrm:", "0" * 16, "CapEff:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"),
            *("/home/somebody/project", "x", "/home:", "somebody"),
            *("True", "fine"),
        ], done.stderr


class TestRefusals:
    def test_forbidden_namespaces_have_a_hint(self):
        error = refusal("unshare", "util-linux", "unshare: unshare failed: Operation not permitted")
        assert "Operation not permitted" in str(error)
        assert "apparmor_restrict_unprivileged_userns" in error.hint

    def test_missing_tool_names_the_package(self, monkeypatch):
        monkeypatch.setattr("shutil.which", lambda name: None)
        for provider, package in ((BubblewrapProvider(), "bubblewrap"), (UnshareProvider(), "util-linux")):
            found = provider.check()
            assert not found.available
            assert package in found.hint

    def test_old_bubblewrap(self, monkeypatch, tmp_path):
        old = tmp_path / "bwrap"
        old.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
        old.chmod(0o755)
        monkeypatch.setattr("shutil.which", lambda name: str(old))
        assert "too old" in BubblewrapProvider().check().detail

    def test_broken_tool(self, monkeypatch, tmp_path):
        broken = tmp_path / "unshare"
        broken.write_text(
            "#!/bin/sh\necho 'unshare: write failed /proc/self/uid_map: Operation not permitted' >&2; exit 1\n"
        )
        broken.chmod(0o755)
        monkeypatch.setattr("shutil.which", lambda name: str(broken))
        found = UnshareProvider().check()
        assert (found.available, "uid_map" in found.detail, "sysctl" in found.hint) == (False, True, True)

    def test_old_kernel(self, monkeypatch):
        monkeypatch.setattr("platform.release", lambda: "5.10.0-28-amd64")
        assert "older than" in UnshareProvider().check().detail

    def test_other_system(self, monkeypatch):
        monkeypatch.setattr("sys.platform", "darwin")
        assert "Linux" in BubblewrapProvider().check().detail or not BubblewrapProvider().check().available


class TestMounts:
    def test_parents_come_first(self):
        spec = SandboxSpec(workdir="/tmp/a/b", readonly=("/usr", "/etc"), disk_mb=16)
        steps = mounts(spec)
        paths = [step.path for step in steps]
        assert paths.index("/tmp") < paths.index("/tmp/a/b")
        assert Mount("tmpfs", "/tmp/a/b", str(16 << 20)) in steps

    def test_homes_are_not_in_the_list(self):
        shown = {step.path for step in mounts(SandboxSpec())}
        assert not shown & {"/home", "/root", "/run", "/var", "/mnt", "/media", "/srv", "/", "/tmp/home"}
