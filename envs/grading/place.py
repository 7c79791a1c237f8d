"""A candidate patch and the hidden tests, put into a task's tree inside a container."""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from envs.grading.script import touched
from envs.values import Patch
from sandbox.port import Sandbox

SECONDS = 300.0
PATCH, TESTS = "/tmp/patch.diff", "/tmp/tests.diff"  # noqa: S108 (inside)
GIT = "git -c safe.directory='*' -c core.hooksPath=/dev/null -c core.fsmonitor=false -c advice.detachedHead=false"
WAYS = (
    f"{GIT} apply --verbose",
    f"{GIT} apply --verbose --3way",
    f"{GIT} apply --verbose --reject",
    "patch --batch --forward --fuzz=5 -p1 -i",
)
"""In the harness' order."""
STEERING = re.compile(
    r"(.*/)?(conftest\.py|pytest\.ini|\.pytest\.ini|tox\.ini|setup\.cfg|pyproject\.toml|sitecustomize\.py|usercustomize\.py|[^/]+\.pth)"
)
"""Files that steer the test runner or every start of Python."""
_APPLY = """
cd {tree} || exit 9
export GIT_CONFIG_GLOBAL=/dev/null LC_ALL=C
first=1
try() {{
    if [ -z "$first" ]; then {git} reset -q --hard; {git} clean -qfd; fi
    first=
    "$@" {patch} && {{ echo ">>>>> Applied Patch: $*"; exit 0; }}
}}
{tries}
{git} apply --check --reverse {patch} && {{ echo ">>>>> Applied Patch: it was there already"; exit 0; }}
echo ">>>>> Patch Apply Failed"
exit 1
"""
_HIDE = """
cd {tree} || exit 9
export GIT_CONFIG_GLOBAL=/dev/null GIT_LITERAL_PATHSPECS=1 LC_ALL=C
base={base}
{git} cat-file -e "$base^{{commit}}" 2>/dev/null || base=HEAD
for path in {steering}; do
    rm -rf -- "$path"
    if {git} cat-file -e "HEAD:$path" 2>/dev/null; then {git} checkout -q HEAD -- "$path" || exit 1; fi
done
for path in {hidden}; do
    rm -rf -- "$path"
    if {git} cat-file -e "$base:$path" 2>/dev/null; then {git} checkout -q "$base" -- "$path" || exit 1; fi
done
[ -s {tests} ] || exit 0
{git} apply -v --whitespace=nowarn {tests}
"""


_WRITABLE = """
cd {tree} && [ -w . ] && [ -w .git ] && {git} ls-files -z | head -z -n 500 | xargs -0 sh -c '
for path; do
    [ -w "$path" ] || [ -L "$path" ] || exit 1
    case "$path" in */*) [ -w "${{path%/*}}" ] || exit 1;; esac
done' sh
"""


class Applied(NamedTuple):
    """What became of putting something into the tree."""

    ok: bool
    log: str


def apply_candidate(box: Sandbox, tree: str, patch: Patch) -> Applied:
    """Apply a candidate as the official harness does: in four ways, each on a clean tree."""
    text = patch.diff if patch.diff.endswith("\n") else f"{patch.diff}\n"
    box.write(PATCH, _bytes(text))
    tries = "\n".join(f"try {way}" for way in WAYS)
    script = _APPLY.format(tree=shlex.quote(tree), git=GIT, tries=tries, patch=PATCH)
    done = box.exec(("bash", "-c", script), timeout=SECONDS)
    return Applied(done.ok, done.out + done.err)


def steering(candidate: Patch, reference: Patch) -> tuple[str, ...]:
    """Return the files of a candidate that steer the test runner; what the reference touches as well is not among them."""
    allowed = {*touched(reference)}
    return tuple(path for path in touched(candidate) if STEERING.fullmatch(path) and path not in allowed)


def put_tests(box: Sandbox, tree: str, *, base: str, tests: Patch, steered: Sequence[str]) -> Applied:
    """Take every file of the hidden tests from their side, whatever a candidate did to it, and what steers the runner from the base."""
    box.write(TESTS, _bytes(tests.diff))
    script = _HIDE.format(
        tree=shlex.quote(tree),
        git=GIT,
        base=shlex.quote(base),
        steering=" ".join(map(shlex.quote, steered)),
        hidden=" ".join(map(shlex.quote, touched(tests))),
        tests=TESTS,
    )
    done = box.exec(("bash", "-c", script), timeout=SECONDS)
    return Applied(done.ok, done.out + done.err)


def _bytes(text: str) -> bytes:
    """The text as a file: bytes that were no UTF-8 as they were; half pairs of JSON have none, and then it is no diff that applies."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def is_ours(box: Sandbox, tree: str) -> bool:
    """Say whether the sandbox's user may change the tree; images that others made may have it for root alone."""
    return box.exec(("bash", "-c", _WRITABLE.format(tree=shlex.quote(tree), git=GIT)), timeout=SECONDS).ok
