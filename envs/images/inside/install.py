"""Install a project and what its tests need into the environment of the interpreter that runs this.

Usage: python install.py PLAN   (in the work tree)

PLAN is a JSON object; see `envs.images.plan`. The last line printed is the answer, a JSON object: `error` and `left_out`.
First everything at once, which is quickest and lets pip find versions that fit each other. Where that fails: the project,
then each group, then one by one what a group cannot have together.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from typing import Any, Dict, List, Optional

PIP = [sys.executable, "-m", "pip", "install", "--prefer-binary", "--progress-bar=off"]
NOT_KEPT = re.compile(r"(^|/)(__pycache__|\.git|\.pytest_cache|build/(lib|temp|bdist)[^/]*)/|\.py[co]$|\.o$")
NO_COMPILER = re.compile(
    r"command '\S*(cc|gcc|g\+\+|clang)' failed|No such file or directory: '\S*(cc|gcc|g\+\+)'|Python\.h: No such|Unknown compiler"
)
UNREACHABLE = re.compile(
    r"Failed to establish a new connection|NameResolutionError|Temporary failure in name resolution|Network is unreachable|"
    r"CERTIFICATE_VERIFY_FAILED|ProxyError|Connection refused|No matching distribution found for pytest\b(?!-)"
)
MAX_RETRIES = 6


NO_INDEX = "no package index can be reached"


class Installer:
    """Runs pip and remembers what could not be had."""

    def __init__(self, plan: Dict[str, Any]) -> None:
        self.plan = plan
        self.left_out = []  # type: List[str]
        self.log = ""

    def pip(self, *words: str) -> bool:
        """Run `pip install`; its output goes to our standard output and is kept for the reason of a failure."""
        say("pip install " + " ".join(words))
        process = subprocess.Popen(PIP + list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout
        lines = []
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            lines.append(line)
            sys.stdout.write(line.encode("ascii", "backslashreplace").decode())
            sys.stdout.flush()
        ok = process.wait() == 0
        if not ok:
            self.log = "".join(lines)
        return ok

    def as_locked(self) -> bool:
        """Install all at once in the versions of the lock file.

        Only if no dependency must be built for it: versions that are older than the interpreter often cannot be.
        """
        if not self.plan["locked"]:
            return False
        handle, path = tempfile.mkstemp(suffix=".txt")
        with os.fdopen(handle, "w") as stream:
            stream.write("".join("%s==%s\n" % pair for pair in sorted(self.plan["locked"].items())))
        names = [re.split(r"[\[<>=!~;@\s]", line, maxsplit=1)[0] for line in self.plan["hints"]]
        return self.at_once(self.lines() + names, "-c", path, "--only-binary=:all:")

    def lines(self) -> List[str]:
        """Return what must be there besides the project."""
        plan = self.plan
        return list(([] if plan["project"] else plan["dependencies"]) + plan["requirements"] + plan["runner"])

    def at_once(self, lines: List[str], *options: str) -> bool:
        """Install the project and these requirements in one go."""
        project = ["-e", target(self.plan["extras"])] if self.plan["project"] else []
        return self.pip(*project, *words(lines), *options)

    def everything(self) -> bool:
        """Install all at once, less what no index has."""
        lines, hints = self.lines(), list(self.plan["hints"])
        for _ in range(MAX_RETRIES):
            if self.at_once(lines + hints):
                return True
            if UNREACHABLE.search(self.log):
                return False
            absent = re.findall(r"No matching distribution found for (\S+)", self.log)
            fewer = [line for line in lines + hints if not any(same(line, name) for name in absent)]
            if len(fewer) == len(lines) + len(hints):
                return False
            self.leave_out([line for line in lines + hints if line not in fewer], "no index has it for this Python")
            lines, hints = [line for line in lines if line in fewer], [line for line in hints if line in fewer]
        return False

    def in_steps(self) -> Optional[str]:
        """Install one thing after the other; return why the project itself cannot be installed, or None."""
        plan = self.plan
        error = self.project() if plan["project"] else None
        self.group(plan["runner"])
        if error or not plan["project"]:
            self.group(plan["dependencies"])
        for extra in [] if error or not plan["project"] else plan["extras"]:
            if not self.pip("-e", target([extra])):
                self.group(extra_requirements(plan["name"], extra))
        self.group(plan["requirements"])
        self.group(plan["hints"])
        return error

    def project(self) -> Optional[str]:
        """Install the project without extras, in the ways that old and odd build systems need."""
        if self.pip("-e", "."):
            return None
        reason = cause(self.log)
        if NO_COMPILER.search(self.log):
            # Many projects can do without their compiled part, but say so only to a full installation.
            return None if self.pip(".") else reason
        for setuptools in ("setuptools<81", "setuptools<58"):
            if (
                os.path.exists("setup.py")
                and self.pip(setuptools, "wheel")
                and self.pip("-e", ".", "--no-build-isolation")
            ):
                return None
        return None if self.pip(".") else reason

    def group(self, lines: List[str]) -> None:
        """Install requirements together, or else each by itself, or else any version of it."""
        if not lines or self.pip(*words(lines)):
            return
        for line in flat(lines):
            if not self.pip(*words([line])):
                name = re.split(r"[<>=!~;\s]", line, maxsplit=1)[0]
                reason = cause(self.log)
                if name == line or not name or not self.pip(name):
                    self.leave_out([line], reason)

    def leave_out(self, lines: List[str], reason: str) -> None:
        """Note requirements that cannot be had."""
        for line in lines:
            say("left out: %s (%s)" % (line, reason))
            self.left_out.append(line)


def say(text: str) -> None:
    """Print a line of our own."""
    sys.stdout.write("winnow: " + text + "\n")
    sys.stdout.flush()


def target(extras: List[str]) -> str:
    """Return the project with extras, for pip."""
    return ".[%s]" % ",".join(extras) if extras else "."


def words(lines: List[str]) -> List[str]:
    """Return requirement lines as arguments of pip."""
    found = []  # type: List[str]
    for line in lines:
        found += line.split(None, 1) if line.startswith("-") else [line]
    return found


def same(line: str, name: str) -> bool:
    """True when the line asks for the distribution that pip calls so."""
    first, second = (re.split(r"[\[<>=!~;@\s]", text, maxsplit=1)[0] for text in (line, name))
    return re.sub(r"[-_.]+", "-", first).lower() == re.sub(r"[-_.]+", "-", second).lower()


def flat(lines: List[str], depth: int = 5) -> List[str]:
    """Return the lines with requirement files unfolded."""
    found = []  # type: List[str]
    for line in lines:
        match = re.match(r"(?:-r|--requirement)[ =]?\s*(\S+)", line)
        if not match:
            if not line.startswith("-"):
                found.append(line)
        elif depth and os.path.exists(match.group(1)):
            with open(match.group(1), encoding="utf-8", errors="replace") as stream:
                inner = [re.sub(r"(^|\s)#.*|\s--hash=\S+|\\$", "", text).strip() for text in stream]
            folder = os.path.dirname(match.group(1))
            inner = [
                re.sub(r"^(-r|--requirement)[ =]?\s*", "-r " + (folder + "/" if folder else ""), text) for text in inner
            ]
            found += flat([text for text in inner if text and not text.startswith((".", "/"))], depth - 1)
    return found


def extra_requirements(name: str, extra: str) -> List[str]:
    """Return what an extra of the installed project asks for; markers other than the extra's are not looked at."""
    script = "import importlib.metadata as m, json, sys; print(json.dumps(m.requires(sys.argv[1]) or []))"
    argv = [sys.executable, "-c", script, name or ""]
    answer = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    try:
        lines = json.loads(answer.stdout.decode())
    except ValueError:
        return []
    pattern = r"extra\s*==\s*['\"]%s['\"]" % re.escape(extra)
    return [line.split(";")[0].strip() for line in lines if re.search(pattern, line)]


def cause(log: str) -> str:
    """Return the line of pip's output that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for pattern in (
        r"(ERROR: )?Package '.*' requires a different Python",
        r"error: .*(not found|failed|No such)",
        r"\w*(Error|Exception): ",
        r"ERROR: (No |Could|Cannot|Invalid|Res)",
        r"ERROR: ",
    ):
        found = [line for line in lines if re.match(pattern, line)]
        if found:
            return found[-1][:300]
    return lines[-1][:300] if lines else "pip said nothing"


def keep_untracked(path: str) -> None:
    """Pack what the installation left in the work tree: compiled modules, generated files, metadata."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-o", "-z"], stdout=subprocess.PIPE, check=True
    )
    names = [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
    names = [name for name in names if not NOT_KEPT.search(name)]
    if names:
        with tarfile.open(path, "w") as tar:
            for name in sorted(names):
                tar.add(name, recursive=False)
        say("kept %d files that the installation left in the tree" % len(names))


def main(plan_path: str) -> int:
    """Follow the plan."""
    with open(plan_path, encoding="utf-8") as stream:
        plan = json.load(stream)
    os.environ.update(plan["env"])  # noqa: TID251  (the sandbox's own, for the build backend)
    installer = Installer(plan)
    error = None
    for command in plan["setup"]:
        say(command)
        if subprocess.run(["sh", "-ec", command], check=False).returncode:
            error = "the setup command failed: " + command
            break
    if plan["setup"]:
        if error is None and plan["runner"] and not importable("pytest"):
            installer.group(plan["runner"])
    elif not installer.as_locked() and not installer.everything():
        # What each step would find out again, slowly.
        error = NO_INDEX if UNREACHABLE.search(installer.log) else installer.in_steps()
    if plan["untracked"]:
        keep_untracked(plan["untracked"])
    answer = json.dumps({"error": error, "left_out": installer.left_out})
    if plan["answer"]:
        with open(plan["answer"], "w", encoding="ascii") as stream:
            stream.write(answer)
    sys.stdout.write("\n" + answer + "\n")
    # A project that could not be installed may still be importable from its folder: that is found out later.
    return 1 if error and (plan["setup"] or error == NO_INDEX) else 0


def importable(module: str) -> bool:
    """True when the environment has the module."""
    argv = [sys.executable, "-c", "import " + module]
    return subprocess.run(argv, stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
