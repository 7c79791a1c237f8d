"""The process that runs inside a machine, executes commands there and touches files for Winnow.

It serves one request at a time and ends, with everything that it started, as soon as its input ends: a killed owner
leaves nothing behind. Its only argument is a JSON object:

    workdir   absolute path of the work tree; commands start there
    init      true: this is PID 1 of a PID namespace of its own; false: an ordinary process on the owner's machine
    memory    bytes of resident memory of all commands together; 0 for no limit here
    lifetime  seconds after which the machine ends itself
    rlimits   {"NPROC": 256, ...}, set on this process and inherited by every command
    cores     CPU numbers to pin to; empty for all
    become    arguments of `lockdown.become`, called first; null to stay
    remove    folder to delete at the end; null for none
"""

import errno
import json
import os
import signal
import sys
import time

from sandbox.inside import files, lockdown
from sandbox.inside.command import execute
from sandbox.inside.processes import Processes
from sandbox.inside.wire import Gone, Line, Refused, encode


def serve(line: Line, processes: Processes, workdir: bytes) -> None:
    """Answer requests until the owner closes the line."""
    while True:
        kind, meta, body = line.receive()
        path = os.path.join(workdir, encode(meta.get("path", "")))
        try:
            if kind == b"X":
                execute(line, processes, dict(meta, cwd=os.path.join(workdir, encode(meta["cwd"]))), body)
            elif kind == b"R":
                files.read(line, path, meta["max_bytes"])
            elif kind == b"W":
                files.write(line, path, body, meta["mode"])
            elif kind == b"U":
                files.unpack(line, path)
        except (Refused, ValueError) as error:  # ValueError: a name with NUL in it
            line.post(b"N", {"errno": 0, "text": str(error)})
        except OSError as error:
            line.post(b"N", {"errno": error.errno or errno.EIO, "text": error.strerror or str(error)})
        line.flush()


def expire(processes: Processes, seconds: float) -> None:
    """End the machine after its lifetime. A forged signal finds the time not yet come."""
    end = time.monotonic() + seconds

    def ring(*_: object) -> None:
        if time.monotonic() >= end:
            processes.kill()
            os._exit(0)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)


def main() -> None:
    """Lock down, say hello, serve, clean up."""
    config = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if config["become"]:
        lockdown.become(**config["become"])
    os.chdir(config["workdir"])
    os.makedirs(os.environ["HOME"], exist_ok=True)
    processes = Processes(config["init"], config["memory"])
    lockdown.limit(config["rlimits"], config["cores"])
    if config["init"]:
        assert os.getpid() == 1, "not PID 1 of a namespace"
        lockdown.seal()
    else:
        lockdown.adopt()
    expire(processes, config["lifetime"])
    line = Line()
    line.post(b"H", {"python": sys.version.split()[0]})
    try:
        line.flush()
        serve(line, processes, encode(config["workdir"]))
    except Gone:
        processes.kill()
    finally:
        if config["remove"]:
            import shutil  # noqa: PLC0415  (see files.unpack)

            for name in os.listdir(config["remove"]):  # folders first: a file beside them says whose they are
                shutil.rmtree(os.path.join(config["remove"], name), ignore_errors=True)
            shutil.rmtree(config["remove"], ignore_errors=True)


if __name__ == "__main__":
    main()
