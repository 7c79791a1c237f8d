"""One step of building a task's image, as root and as old as the base's Python.

Usage: python3 build.py PLAN STEP

PLAN is a JSON file; see `envs.taskimages.plan`. STEP is `base` (what every environment needs), `environment` (what all tasks of
a version share) or `task` (its tree). Notes for people go to NOTES, one a line.
Packages are installed by uv where it can be had, since it takes no release that is younger than a date; else by pip.
"""

import ast
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List

BEAT, BEAT_S = "...", 2
TESTBED = "/testbed"
CONDA = "/opt/miniconda3"
ENV = CONDA + "/envs/testbed"
KEPT = "/opt/winnow"
NOTES = KEPT + "/notes"
TOOLS = KEPT + "/tools"
FETCHED = KEPT + "/fetched"
PINS = KEPT + "/pins.txt"
ACTIVATE = """\
# Published scripts activate the environment in the way of conda; this image has a plain virtual environment in its place.
conda() { :; }
export CONDA_DEFAULT_ENV=testbed VIRTUAL_ENV=%s PATH="%s/bin:$PATH"
""" % (ENV, ENV)
WEB = KEPT + "/web"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
SERVE = """\
# Sourced before tests that ask hosts of the web: starts servers that answer for them, once, and waits until they do.
winnow_web_started() { (exec 3<>/dev/tcp/127.0.0.1/80 && exec 3<>/dev/tcp/127.0.0.1/443) 2>/dev/null; }
if ! winnow_web_started; then
    winnow_web="%(web)s/bin/gunicorn --daemon --worker-class gthread --threads 32 --worker-tmp-dir /tmp --chdir /"
    $winnow_web --bind 127.0.0.1:80 httpbin:app
    $winnow_web --bind 127.0.0.1:443 --certfile %(web)s/cert.pem --keyfile %(web)s/key.pem httpbin:app
    for winnow_tried in $(seq 150); do winnow_web_started && break; sleep 0.1; done
fi
""" % {"web": WEB}
GIT = ["git", "-c", "user.name=winnow", "-c", "user.email=winnow@localhost", "-c", "commit.gpgSign=false"]


def say(text: str) -> None:
    """Print a line of our own."""
    sys.stdout.write("winnow: %s\n" % text)
    sys.stdout.flush()


def note(text: str) -> None:
    """Keep a line for people."""
    say(text)
    with open(NOTES, "a") as stream:
        stream.write(text + "\n")


def run(argv: List[str], **more: Any) -> bool:
    """Run a command with its output on ours; say whether it succeeded."""
    say(" ".join(argv))
    return subprocess.run(argv, check=False, **more).returncode == 0


def must(ok: bool, what: str) -> None:
    """End the build with a reason."""
    if not ok:
        sys.stdout.write("winnow-error: %s\n" % what)
        sys.exit(1)


class Packages:
    """Installs into the environment."""

    def __init__(self, as_of: str) -> None:
        self.as_of = as_of
        self.said = ""
        self.uv = TOOLS + "/bin/uv" if os.path.exists(TOOLS + "/bin/uv") else None

    def create(self) -> None:
        """Make the environment, with pip and setuptools of the date."""
        made = self.uv and run([self.uv, "venv", "-q", "--python", sys.executable, ENV])
        if made:
            seeds = ["pip", "wheel", "setuptools"]
            must(self.install(*seeds) or self.install(*seeds, dated=False), "pip cannot be installed")
        else:
            self.uv = None
            must(run([sys.executable, "-m", "venv", ENV]), "no virtual environment can be made")

    def install(self, *words: str, **more: Any) -> bool:
        """Install requirements; `dated=False` takes the newest."""
        if not self.uv:
            return run([ENV + "/bin/python", "-m", "pip", "install", "-q", *words])
        argv = [self.uv, "pip", "install", "--python", ENV + "/bin/python", "--compile-bytecode"]
        if self.as_of and more.get("dated", True):
            argv += ["--exclude-newer", self.as_of]
        for _ in range(5):
            if not os.path.exists(PINS):
                break
            if self.run([*argv, "-c", PINS, *words]):
                return True
            with open(PINS) as stream:
                pins = stream.read().splitlines()
            guilty = self.guilty(pins)
            if not guilty:
                break
            with open(PINS, "w") as stream:
                stream.write("\n".join(pin for pin in pins if pin not in guilty))
        return self.run([*argv, *words])

    def as_on(self, python: str, lines: List[str]) -> None:
        """Find the versions that these requirements would get on another Python, for this one to prefer.

        A project that was tested there may not know newer ones.
        """
        if not self.uv or not python or not lines:
            return
        argv = [self.uv, "pip", "compile", "-q", "--no-annotate", "--no-header"]
        argv += ["--python-version", python, "-o", PINS, "-"] + (["--exclude-newer", self.as_of] if self.as_of else [])
        for _ in range(8):
            say(" ".join(argv))
            done = subprocess.run(argv, input="\n".join(lines).encode(), stderr=subprocess.PIPE, check=False)
            self.said = done.stderr.decode("utf-8", "replace")
            guilty = self.guilty(lines)
            if not done.returncode or not guilty:
                return
            lines = [line for line in lines if line not in guilty]

    def guilty(self, lines: List[str]) -> List[str]:
        """Return the lines that uv names as what cannot be built, or is not there."""
        names = re.findall(
            r"(?:Failed to (?:download|build|prepare)[^`]*|download and build )`([A-Za-z0-9._-]+)", self.said
        )
        names += re.findall(r"Because (?:there are no versions of )?([A-Za-z0-9._-]+) was not found", self.said)
        return [line for line in lines if normal(line) in {normal(name) for name in names}]

    def run(self, argv: List[str]) -> bool:
        """Run uv, and keep what it complains about."""
        say(" ".join(argv))
        done = subprocess.run(argv, stderr=subprocess.PIPE, check=False)
        self.said = done.stderr.decode("utf-8", "replace")
        sys.stdout.write(self.said)
        return done.returncode == 0

    def wanted(self, lines: List[str]) -> None:
        """Install what can be had, and note the rest."""
        for _ in range(8):
            if not lines or self.install(*lines):
                return
            guilty = self.guilty(lines)
            if not guilty:
                break
            for line in guilty:
                note("left out: %s" % line)
            lines = [line for line in lines if line not in guilty]
        for line in lines:
            if not self.install(line):
                note("left out: %s" % line)


def requirement_lines(path: str) -> List[str]:
    """Return the lines of a requirements file, with those that it includes; the project itself is left out."""
    lines = []  # type: List[str]
    with open(path) as stream:
        text = stream.read().replace("\\\n", " ")
    for raw in text.split("\n"):
        line = re.sub(r"(^|\s)#.*|\s--hash=\S+", "", raw).strip()
        include = re.match(r"(-r|--requirement|-c|--constraint)[ =]?\s*(\S+)", line)
        if include:
            inner = os.path.join(os.path.dirname(path), include.group(2))
            if include.group(1) in ("-r", "--requirement") and os.path.exists(inner):
                lines += requirement_lines(inner)
        elif line and not line.startswith(("-", ".", "/")) and applies(line):
            lines.append(re.sub(r"^types-pkg_resources\b.*", "types-setuptools", line))
    return lines


def normal(line: str) -> str:
    """Return the normalised name that a requirement line begins with."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;@(]", line.strip(), maxsplit=1)[0]).lower()


def applies(line: str) -> bool:
    """Leave out what is only for other systems; the installers know the other markers."""
    return not re.search(r";.*(sys_platform|sys\.platform|platform_system)\s*==\s*['\"](win32|Windows|darwin)", line)


def debian(packages: List[str]) -> None:
    """Install Debian packages as far as they can be had."""
    if not packages:
        return
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")  # noqa: TID251  (the build's own)
    get = ["apt-get", "install", "-q", "-y", "--no-install-recommends"]
    if not (run(["apt-get", "update", "-q"]) and run(get + packages, env=quiet)):
        for name in packages:
            if not run([*get, name], env=quiet):
                note("left out: the Debian package %s" % name)
    shutil.rmtree("/var/lib/apt/lists", ignore_errors=True)
    run(["apt-get", "clean"])


def base(plan: Dict[str, Any]) -> None:
    """The tools, and the locale and the entrance that published scripts expect."""
    debian(["build-essential", "python3-dev"] if plan["compiled"] else [])
    if sys.version_info >= (3, 8) and run([sys.executable, "-m", "venv", "--without-pip", TOOLS]):
        run([sys.executable, "-m", "pip", "install", "-q", "--target", FETCHED, "uv"])
        for name in ("uv", "bin/uv"):
            if os.path.isfile(FETCHED + "/" + name):
                shutil.copy(FETCHED + "/" + name, TOOLS + "/bin/uv")
        shutil.rmtree(FETCHED, ignore_errors=True)
    plain, wanted = "/usr/lib/locale/C.utf8", "/usr/lib/locale/en_US.utf8"
    plain = plain if os.path.isdir(plain) else "/usr/lib/locale/C.UTF-8"
    if os.path.isdir(plain) and not os.path.exists(wanted):
        shutil.copytree(plain, wanted)
    os.makedirs(CONDA + "/bin", exist_ok=True)
    with open(CONDA + "/bin/activate", "w") as stream:
        stream.write(ACTIVATE)
    run(["git", "config", "--system", "safe.directory", "*"])


def variables(plan: Dict[str, Any]) -> None:
    """Set what holds for all commands from here on."""
    os.environ.update(plan["env"])  # noqa: TID251  (the build's own)
    os.environ.update(VIRTUAL_ENV=ENV, PATH=ENV + "/bin:" + os.environ["PATH"], PIP_DISABLE_PIP_VERSION_CHECK="1")  # noqa: TID251


def project(plan: Dict[str, Any], packages: Packages, quick: bool = False) -> bool:
    """Install the project from the tree."""
    for command in plan["prepare"]:
        if not run(["bash", "-c", command], cwd=TESTBED):
            note("failed: %s" % command)
    if plan["install"]:
        return all(run(["bash", "-c", command], cwd=TESTBED) for command in plan["install"])
    target = TESTBED + ("[%s]" % plan["extras"] if plan["extras"] else "")
    isolation = ["--no-build-isolation"] if plan["compiled"] else []
    if quick and packages.install("--no-build-isolation", "-e", target):
        return True  # what it is built with is there already
    if packages.install(*isolation, "-e", target):
        return True
    # Extras may be out of date, and old projects need an old setuptools.
    if packages.install(*isolation, "-e", TESTBED) or packages.install("--no-build-isolation", "-e", TESTBED):
        note("left out: the extras %s" % plan["extras"]) if plan["extras"] else None
        return True
    return packages.install("setuptools<58", "wheel") and run(
        [ENV + "/bin/python", "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "-e", TESTBED]
    )


def by_path() -> None:
    """Put the folders of packages on the path that an editable installation finds by an import hook alone.

    Installers of the projects' time put the tree on the path, and some projects look for their own modules there.
    """
    for hook in glob.glob(ENV + "/lib/python*/site-packages/__editable__*_finder.py"):
        with open(hook) as stream:
            mapping = re.search(r"^MAPPING\b[^=]*= (\{.*\})$", stream.read(), re.MULTILINE)
        places = ast.literal_eval(mapping.group(1)).values() if mapping else ()
        tops = sorted({os.path.dirname(place) for place in places if place.startswith(TESTBED)})
        with open(os.path.join(os.path.dirname(hook), "winnow-tree.pth"), "a") as stream:
            stream.write("".join(top + "\n" for top in tops))


def web(hosts: List[str]) -> None:
    """Install servers that answer for hosts of the web."""
    uv = TOOLS + "/bin/uv"
    pip = [uv, "pip", "install", "-q", "--python", WEB + "/bin/python"]
    if not os.path.exists(uv):
        pip = [WEB + "/bin/python", "-m", "pip", "install", "-q"]
    must(
        run([sys.executable, "-m", "venv", WEB])
        and run([*pip, "httpbin==0.10.2", "gunicorn==23.0.0", "setuptools<81"]),
        "httpbin cannot be installed, which answers for %s" % ", ".join(hosts),
    )
    names = "subjectAltName=" + ",".join("DNS:" + host for host in hosts)
    key, cert = WEB + "/key.pem", WEB + "/cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "36500", "-addext"]
    must(run([*make, names, "-subj", "/CN=" + hosts[0], "-keyout", key, "-out", cert]), "no certificate can be made")
    os.chmod(key, 0o644)  # servers run as a user whose number is not known here
    with open(WEB + "/serve", "w") as stream:
        stream.write(SERVE)
    with open(WEB + "/python", "w") as stream:
        stream.write('#!/bin/bash\n. %s/serve >/dev/null 2>&1\nexec %s/bin/python "$@"\n' % (WEB, ENV))
    os.chmod(WEB + "/python", 0o755)  # noqa: S103 (whoever works in the image runs it)


def trust() -> None:
    """Add the servers' certificate to every bundle of authorities that tests may consult: the system's, packages', the project's own."""
    bundles = glob.glob(ENV + "/lib/python*/site-packages/**/cacert.pem", recursive=True)
    with open(WEB + "/cert.pem") as stream:
        ours = stream.read()
    for path in [AUTHORITIES, *bundles, *glob.glob(TESTBED + "/**/cacert.pem", recursive=True)]:
        if os.path.exists(path):
            with open(path, "a") as bundle:
                bundle.write("\n" + ours)


def environment(plan: Dict[str, Any]) -> None:
    """Everything that tasks of one version share."""
    debian(list(plan["apt"]))
    if plan.get("web"):
        web(plan["web"])
    packages = Packages(plan["as_of"])
    packages.create()
    variables(plan)
    present = [os.path.join(TESTBED, name) for name in plan["requirement_files"]]
    present = [path for path in present if os.path.exists(path)]
    lines = requirement_lines(present[0]) if present else []
    for line in plan["requirements"]:
        include = re.match(r"-r\s*(\S+)", line)
        path = os.path.join(TESTBED, include.group(1)) if include else ""
        lines += (requirement_lines(path) if os.path.exists(path) else []) if include else [line]
    packages.as_on(plan.get("like", ""), lines)
    packages.wanted(lines)
    if plan["packages"]:
        must(packages.install(*plan["packages"]), "the packages %s cannot be installed" % " ".join(plan["packages"]))
    if not plan["compiled"] and os.path.isdir(TESTBED):
        project(plan, packages)  # for its dependencies; what does not install here may do so from the task's tree


def task(plan: Dict[str, Any]) -> None:
    """The tree of one task, installed, with bytecode, and clean for git."""
    packages = Packages(plan["as_of"])
    variables(plan)
    must(project(plan, packages, quick=not plan.get("isolated")), "the project cannot be installed")
    by_path()
    if plan.get("web"):
        trust()
    os.chdir(TESTBED)
    if subprocess.run(["git", "diff", "--quiet"], check=False).returncode:
        must(run([*GIT, "commit", "-q", "-a", "-m", "Prepared for the tests"]), "the tree cannot be committed")
    others = subprocess.run(
        ["git", "ls-files", "-o", "--exclude-standard", "--directory"], stdout=subprocess.PIPE, check=True
    )
    with open(".git/info/exclude", "ab") as stream:
        stream.write(b"".join(b"/" + line + b"\n" for line in others.stdout.split(b"\n") if line))
    found = subprocess.run(["git", "ls-files", "*__init__.py"], stdout=subprocess.PIPE, check=True).stdout.decode()
    tops = re.findall(r"(?m)^((?:src/|lib/)?(?!tests?/|docs?/|examples?/|testing/)[^/\n]+)/__init__\.py$", found)
    # What is compiled here is not compiled again in every container.
    if tops:
        subprocess.run([ENV + "/bin/python", "-m", "compileall", "-q", *tops], stdout=subprocess.DEVNULL, check=False)
    # Commands run as a user whose number is not known here.
    run(["sh", "-c", "find . ! -perm -o+w ! -type l -exec chmod a+rwX {} +"])


def beat() -> None:
    """Print something every now and then, so that whoever waits for this build can leave it."""
    while True:
        time.sleep(BEAT_S)
        sys.stdout.write(BEAT + "\n")
        sys.stdout.flush()


def main() -> None:
    """Follow the plan."""
    threading.Thread(target=beat, daemon=True).start()
    with open(sys.argv[1]) as stream:
        plan = json.load(stream)
    os.makedirs(KEPT, exist_ok=True)
    open(NOTES, "a").close()
    {"base": base, "environment": environment, "task": task}[sys.argv[2]](plan)
    if sys.argv[2] == "environment":
        shutil.rmtree(TESTBED, ignore_errors=True)
    shutil.rmtree("/root/.cache", ignore_errors=True)


if __name__ == "__main__":
    main()
