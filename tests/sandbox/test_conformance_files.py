"""What every machine promises of files and of its own life, asked of each kind that can be had here."""

import io
import os
import tarfile
import threading
import time
from pathlib import Path

import pytest

from sandbox.errors import DiskFull, SandboxLost
from sandbox.port import Sandbox


def sh(machine: Sandbox, script: str, timeout: float = 20, **more):
    return machine.exec(["sh", "-c", script], timeout=timeout, **more)


def py(machine: Sandbox, source: str, timeout: float = 20, **more):
    return machine.exec(["python3", "-c", source], timeout=timeout, **more)


class TestFiles:
    def test_round_trip(self, machine):
        data = bytes(range(256)) * 5000
        machine.write("deep/er/file.bin", data)
        assert machine.read("deep/er/file.bin") == data
        assert machine.read(f"{machine.workdir}/deep/er/file.bin") == data
        machine.write("deep/er/file.bin", b"")
        assert machine.read("deep/er/file.bin") == b""

    def test_mode(self, machine):
        machine.write("tool", b"#!/bin/sh\necho ran\n", mode=0o755)
        assert machine.exec(["./tool"], timeout=10).out == "ran\n"
        machine.write("tool", b"", mode=0o600)
        assert sh(machine, "stat -c %a tool").out.strip() == "600"

    def test_commands_own_what_is_written(self, machine):
        machine.write("mine/file", b"x")
        assert sh(machine, "echo more >> mine/file && rm -r mine").ok

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("not/there", FileNotFoundError),
            ("/", IsADirectoryError),
            (".", IsADirectoryError),
            ("/etc/passwd/x", NotADirectoryError),
        ],
    )
    def test_read_errors(self, machine, path, error):
        with pytest.raises(error):
            machine.read(path)

    def test_read_what_may_not_be_read(self, machine, kind):
        if kind.name == "host":
            pytest.skip("with the rights of root everything can be read")
        sh(machine, "echo x > secret && chmod 000 secret")
        with pytest.raises(PermissionError):
            machine.read("secret")

    def test_read_over_the_cap(self, machine):
        machine.write("big", b"x" * 101)
        assert len(machine.read("big", max_bytes=101)) == 101
        with pytest.raises(OSError, match="too large"):
            machine.read("big", max_bytes=100)

    def test_read_neither_blocks_nor_overflows(self, machine):
        sh(machine, "rm -f pipe; mkfifo pipe")
        for path in ("pipe", "/dev/zero"):
            with pytest.raises(OSError, match="not a regular file"):
                machine.read(path)

    def test_write_errors(self, machine):
        machine.write("plain-file", b"")
        with pytest.raises(OSError, match=r"plain-file/below"):
            machine.write("plain-file/below", b"")
        with pytest.raises(IsADirectoryError):
            machine.write(".", b"")

    def test_system_is_not_writable(self, machine, kind):
        if kind.name == "host":
            pytest.skip("the host has no walls")
        for path in ("/usr/x", "/etc/x", "/x"):
            with pytest.raises(OSError, match=r"Read-only file system|Permission denied"):
                machine.write(path, b"")

    def test_names_with_nul_are_refused(self, machine):
        for call in (
            lambda: machine.read("a\0b"),
            lambda: machine.write("a\0b", b""),
            lambda: sh(machine, "true", cwd="a\0"),
        ):
            with pytest.raises(ValueError, match="null"):
                call()
        assert sh(machine, "echo fine").out == "fine\n"

    def test_names_that_are_not_utf8(self, machine):
        name = os.fsdecode(b"caf\xe9 \xff\n\t'\"")
        machine.write(name, b"content")
        assert machine.read(name) == b"content"
        assert machine.exec(["cat", name], timeout=10).stdout == b"content"
        assert (
            sh(machine, "ls -1 --quoting-style=literal --show-control-chars caf*").stdout == os.fsencode(name) + b"\n"
        )


class TestUnpack:
    def test_files_folders_and_links(self, machine, tmp_path, make_tar):
        bad = os.fsdecode(b"b\xff\xfe.txt")
        archive = make_tar(
            {"a/": None, "a/one": b"1", "./two": b"2", "new/parent/three": b"3" * 3_000_000, bad: b"bytes"},
            {
                "link": (tarfile.SYMTYPE, "a/one"),
                "outward": (tarfile.SYMTYPE, "/etc/hostname"),
                "hard": (tarfile.LNKTYPE, "a/one"),
            },
        )
        machine.unpack(archive, "unpacked")
        assert machine.read("unpacked/link") == b"1"
        assert machine.read("unpacked/hard") == b"1"
        assert machine.read("unpacked/new/parent/three") == b"3" * 3_000_000
        assert machine.read(f"unpacked/{bad}") == b"bytes"
        assert sh(machine, "readlink outward", cwd="unpacked").out == "/etc/hostname\n"

    def test_again_over_itself(self, machine, tmp_path, make_tar):
        archive = make_tar({"d": None, "d/f": b"new"}, {"l": (tarfile.SYMTYPE, "d/f")})
        machine.unpack(archive, "twice")
        sh(machine, "chmod 400 twice/d/f")
        machine.unpack(archive, "twice")
        assert machine.read("twice/l") == b"new"

    def test_modes_and_times(self, machine, tmp_path):
        with tarfile.open(tmp_path / "m.tar", "w") as tar:
            info = tarfile.TarInfo("run.sh")
            info.mode, info.mtime, info.size = 0o4755, 1_000_000_000, 0
            tar.addfile(info, io.BytesIO())
        machine.unpack(tmp_path / "m.tar", "modes")
        assert sh(machine, "stat -c '%a %Y' modes/run.sh").out == "755 1000000000\n"

    @pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
    def test_compressed(self, machine, tmp_path, compression):
        with tarfile.open(tmp_path / "c.tar", f"w:{compression}") as tar:
            tar.add(__file__, "self.py")
        machine.unpack(tmp_path / "c.tar", compression)
        assert machine.read(f"{compression}/self.py") == Path(__file__).read_bytes()

    @pytest.mark.parametrize("name", ["/tmp/evil", "../evil", "a/../../evil"])
    def test_members_outside_are_refused(self, machine, tmp_path, name, make_tar):
        with pytest.raises(ValueError, match="outside"):
            machine.unpack(make_tar({name: b"evil"}))

    def test_members_beneath_a_link_are_refused(self, machine, tmp_path):
        archive = tmp_path / "l.tar"
        with tarfile.open(archive, "w") as tar:
            link = tarfile.TarInfo("door")
            link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
            tar.addfile(link)
            file = tarfile.TarInfo("door/evil")
            tar.addfile(file, io.BytesIO())
        with pytest.raises(ValueError, match="no folder"):
            machine.unpack(archive, "links")

    def test_hard_links_out_are_refused(self, machine, tmp_path, make_tar):
        for target in ("/etc/passwd", "../outside"):
            with pytest.raises(ValueError, match="outside"):
                machine.unpack(make_tar({}, {"h": (tarfile.LNKTYPE, target)}), "hard")

    @pytest.mark.parametrize("type_", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    def test_devices_are_refused(self, machine, tmp_path, type_, make_tar):
        with pytest.raises(ValueError, match="neither"):
            machine.unpack(make_tar({}, {"dev": (type_, "")}), "devices")

    def test_rubbish_is_refused(self, machine, tmp_path, make_tar):
        (tmp_path / "r.tar").write_bytes(os.urandom(100_000))
        with pytest.raises(ValueError, match="tar"):
            machine.unpack(tmp_path / "r.tar")
        whole = make_tar({"f": b"x" * 100_000}).read_bytes()
        (tmp_path / "half.tar").write_bytes(whole[:50_000])
        with pytest.raises(ValueError, match="tar"):
            machine.unpack(tmp_path / "half.tar", "half")
        assert sh(machine, "echo fine").out == "fine\n"

    def test_deep_folders(self, machine, make_tar):
        machine.unpack(make_tar({"/".join(["d"] * 1900) + "/f": b"deep"}), "abyss")
        assert sh(machine, "find . -type f | wc -l", cwd="abyss").out.strip() == "1"
        sh(machine, "rm -rf abyss")

    def test_missing_archive(self, machine, tmp_path):
        with pytest.raises(FileNotFoundError):
            machine.unpack(tmp_path / "none.tar")

    @pytest.mark.slow
    @pytest.mark.timeout(400)  # on the host they are on a real disk, which others use too
    def test_fifty_thousand_files(self, kind, tmp_path, make_tar):
        files = {f"pkg{i // 500}/mod{i % 500}.py": b"x = 1\n" for i in range(50_000)}
        archive = make_tar(files)
        with kind.open(disk_mb=512) as machine:
            begin = time.monotonic()
            machine.unpack(archive)
            seconds = time.monotonic() - begin
            assert sh(machine, "find . -type f | wc -l").out.strip() == "50000"
        assert seconds < 30 or kind.name == "host"


class TestLife:
    def test_threads_take_turns(self, machine):
        results: dict[int, str] = {}

        def work(number: int) -> None:
            results[number] = sh(machine, f"echo {number}; sleep 0.02").out

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {number: f"{number}\n" for number in range(16)}

    def test_work_tree_is_empty_and_separate(self, kind):
        with kind.open() as one, kind.open() as two:
            assert one.id != two.id
            one.write("file", b"")
            assert two.exec(["ls", "-A"], timeout=10).out == ""

    def test_opens_in_parallel(self, kind):
        outputs = []

        def work() -> None:
            with kind.open() as machine:
                outputs.append(sh(machine, "echo hi").out)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == ["hi\n"] * 6

    def test_work_tree_anywhere(self, kind):
        place = "/home/someone/project"
        with kind.open(workdir=place) as machine:
            assert sh(machine, "pwd; touch x").out.strip() == machine.workdir
            assert machine.workdir == place or kind.name == "host"
        assert not Path(place).exists()

    def test_after_closing_it_is_lost(self, kind):
        with kind.open() as machine:
            pass
        for call in (lambda: sh(machine, "true"), lambda: machine.read("x"), lambda: machine.write("x", b"")):
            with pytest.raises(SandboxLost, match="closed"):
                call()

    def test_leaving_by_exception_closes_too(self, kind):
        with pytest.raises(KeyError), kind.open() as machine:
            raise KeyError
        with pytest.raises(SandboxLost):
            sh(machine, "true")

    def test_lifetime_ends_it(self, kind):
        with kind.open(lifetime_s=1.0) as machine:
            begin = time.monotonic()
            with pytest.raises(SandboxLost):
                sh(machine, "sleep 30", timeout=30)
            assert time.monotonic() - begin < 15

    def test_spec_environment(self, kind):
        with kind.open(env={"COLOUR": "red", "PATH": "/nowhere:/usr/bin:/bin"}) as machine:
            assert sh(machine, "echo $COLOUR $PATH").out == "red /nowhere:/usr/bin:/bin\n"
            assert sh(machine, "echo $COLOUR", env={"COLOUR": "blue"}).out == "blue\n"


class TestFullDisk:
    def test_by_a_command(self, kind):
        with kind.open(disk_mb=16) as machine:
            result = sh(machine, "head -c 40000000 /dev/zero > big")
            assert result.exit_code != 0
            machine.exec(["rm", "-f", "big"], timeout=10)
            assert sh(machine, "echo fine").out == "fine\n"

    def test_by_writing(self, kind):
        if kind.name == "host":
            pytest.skip("the host's disk has no limit of ours")
        with kind.open(disk_mb=16) as machine:
            with pytest.raises(DiskFull):
                machine.write("big", b"x" * (20 << 20))
            machine.exec(["rm", "-f", "big"], timeout=10)
            machine.write("small", b"fine")
            assert machine.read("small") == b"fine"

    def test_by_unpacking(self, kind, tmp_path, make_tar):
        if kind.name == "host":
            pytest.skip("the host's disk has no limit of ours")
        archive = make_tar({f"f{i}": b"x" * (1 << 20) for i in range(20)})
        with kind.open(disk_mb=16) as machine:
            with pytest.raises(DiskFull):
                machine.unpack(archive)
            assert sh(machine, "rm -f f* && echo fine").out == "fine\n"
