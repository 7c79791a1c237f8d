"""The only place that starts git.

Two kinds of repository are worked on: the user's, which is never trusted and only read, and scratch ones of our own. Both get the
same closed environment. Only the few questions whose answer is the user's own setting (name, excludes, remote) are asked `as_user`.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from envs.disk import room_for
from envs.errors import RepositoryUnusable
from sandbox.errors import DiskFull

if TYPE_CHECKING:
    from git.cmd import Git as GitPython

# A repository's own configuration can name programs. Each of these keys is one that the commands used here could reach:
_NEUTRAL = {
    "core.fsmonitor": "false",  # a hook that `status` and `ls-files` ask what has changed
    "core.hooksPath": "/dev/null",  # post-index-change and reference-transaction run for plumbing, too
    "core.pager": "cat",
    "core.editor": "false",
    "core.askPass": "",
    "core.sshCommand": "false",  # an object that is missing from a partial clone would be fetched
    "core.gitProxy": "",
    "core.alternateRefsCommand": "",
    "credential.helper": "",
    "diff.external": "",  # and --no-ext-diff --no-textconv wherever a diff is made
    "gpg.program": "false",
    "commit.gpgSign": "false",
    # The rest keeps answers the same whatever the repository prefers.
    "core.safecrlf": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "apply.whitespace": "nowarn",
    "apply.ignoreWhitespace": "no",
    "submodule.recurse": "false",
    "core.splitIndex": "false",  # a scratch index must not leave its base in the user's .git
    "core.untrackedCache": "false",
    "index.sparse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "i18n.commitEncoding": "UTF-8",
}
# Aliases cannot replace built-in commands, so they need no key. `filter.*` is emptied by name: see `envs.repository`.

_CLOSED = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}

_ALWAYS = {
    "GIT_OPTIONAL_LOCKS": "0",  # `status` must not refresh the user's index
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # nothing here may use the network, whatever is missing
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}

# What the caller's environment may hold when it is started from a hook or an alias; each would point git at another repository,
# index or configuration. They cannot be set to "nothing", so `env -u` takes them away.
_FOREIGN = """
ALTERNATE_OBJECT_DIRECTORIES ATTR_SOURCE CEILING_DIRECTORIES COMMON_DIR CONFIG CONFIG_COUNT CONFIG_PARAMETERS DEFAULT_HASH
DIFF_OPTS DIR EXTERNAL_DIFF GLOB_PATHSPECS GRAFT_FILE ICASE_PATHSPECS IMPLICIT_WORK_TREE INDEX_FILE INDEX_VERSION
LITERAL_PATHSPECS NAMESPACE NOGLOB_PATHSPECS NO_REPLACE_OBJECTS OBJECT_DIRECTORY PREFIX QUARANTINE_PATH REPLACE_REF_BASE
SHALLOW_FILE SSH SSH_COMMAND PROXY_COMMAND ASKPASS TRACE TRACE2 TRACE2_EVENT TRACE2_PERF WORK_TREE
AUTHOR_NAME AUTHOR_EMAIL AUTHOR_DATE COMMITTER_NAME COMMITTER_EMAIL COMMITTER_DATE
"""


_NO_GIT_HINT = "Install git and make sure that it is on PATH."


class Answer(NamedTuple):
    """What git said. A status other than 0 is an answer, not an error."""

    status: int
    out: bytes
    err: str

    @property
    def reason(self) -> str:
        """The line of standard error that says what went wrong, for people."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal:", "error:"))]
        return (told or lines or [f"exit code {self.status}"])[0].removeprefix("fatal: ").removeprefix("error: ")


class Git:
    """Runs git on one repository.

    Args:
        folder: where git starts.
        git_dir: the repository; None lets git search upward from `folder`. With it, git asks nothing about ownership.
        work_tree: top of the work tree, with `git_dir`.
        config: keys on top of the neutral ones; none holds `=`, where git would end it.
        as_user: with the user's own configuration and identity, for questions only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        config: Mapping[str, str] | None = None,
        as_user: bool = False,
    ) -> None:
        self._place = ["-C", str(folder)]
        if git_dir is not None:
            self._place += [f"--git-dir={git_dir}", f"--work-tree={work_tree or folder}"]
        keys = ({} if as_user else _NEUTRAL) | dict(config or {})
        self._place += [word for key, value in keys.items() for word in ("-c", f"{key}={value}")]
        self._env = _ALWAYS | ({} if as_user else _CLOSED)

    def ask(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Answer:
        """Run one command to its end and return what it said.

        Raises:
            RepositoryUnusable: git is not installed.
            DiskFull: git says that no room is left.
        """
        given = self._env | dict(env or {})
        with tempfile.TemporaryFile() as feed, room_for("what git is given"):
            feed.write(stdin)
            feed.seek(0)
            status, out, err = _gitpython().execute(
                self._command(given, words),
                istream=feed,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                env=given,
            )
        assert isinstance(out, bytes)
        answer = Answer(status, out, str(err))
        _check_machine(answer)
        return answer

    def run(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run one command that has no reason to fail and return its standard output.

        Raises:
            RepositoryUnusable: it failed all the same; or as `ask`.
            DiskFull: as `ask`.
        """
        answer = self.ask(*words, stdin=stdin, env=env)
        if answer.status != 0:
            raise RepositoryUnusable(
                f"git {words[0]} failed: {answer.reason}", hint="Run `git fsck` to see what is wrong."
            )
        return answer.out

    @contextmanager
    def feed(self, *words: str) -> Iterator[IO[bytes]]:
        """Run one command that reads a long standard input, written by the block; its output is not kept.

        Raises:
            RepositoryUnusable, DiskFull: as `run`, at the end of the block.
        """
        running = _gitpython().execute(self._command(self._env, words), istream=-1, as_process=True, env=self._env)
        process = running.proc
        assert process is not None and process.stdin is not None
        broken = False
        try:
            yield process.stdin
        except BrokenPipeError:
            broken = True  # git died first, and what it said is the reason
        except BaseException:
            process.kill()
            process.communicate()
            raise
        _, err = process.communicate()
        answer = Answer(process.returncode, b"", err.decode("utf-8", "replace"))
        _check_machine(answer)
        if answer.status != 0 or broken:
            raise RepositoryUnusable(f"git {words[0]} failed: {answer.reason}")

    def _command(self, env: Mapping[str, str], words: tuple[str, ...]) -> list[str]:
        removed = (f"GIT_{name}" for name in _FOREIGN.split() if f"GIT_{name}" not in env)
        return ["env", *(word for name in removed for word in ("-u", name)), "git", "--no-pager", *self._place, *words]


def _gitpython() -> "GitPython":
    try:
        from git.cmd import Git as GitPython  # noqa: PLC0415 (a tenth of a second that most commands do not need)
    except ImportError as error:  # GitPython looks for the program when it is imported
        raise RepositoryUnusable("git cannot be run here.", hint=_NO_GIT_HINT) from error
    return GitPython()


def _check_machine(answer: Answer) -> None:
    if answer.status == 127:
        raise RepositoryUnusable("git cannot be run here.", hint=_NO_GIT_HINT)
    if answer.status != 0 and "No space left on device" in answer.err:
        raise DiskFull(
            "The disk is full: git could not write.",
            hint="Make room on the disk that holds the run and the repository.",
        )
