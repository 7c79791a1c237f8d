"""Reads an issue, wherever the user has it: in a file, in words, on standard input or on GitHub."""

import re
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from envs.errors import IssueUnusable
from envs.remotes import slug_of, web_host
from envs.values import Issue
from sandbox.values import Value

MAX_BYTES = 1_000_000
"""Largest issue from a file or standard input, in bytes."""

_FORMS = "Give a file, a text in quotes, - for standard input, #7, owner/repository#7 or the address of a GitHub issue."
_SLUG = r"(?P<slug>[A-Za-z0-9][A-Za-z0-9-]*/(?!\.{1,2}[#/])[\w.-]+)"
_SHORT = re.compile(rf"(?:{_SLUG})?#(?P<number>\d{{1,10}})")
_ADDRESS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>[^/@\s]+)/{_SLUG}/(?P<kind>[a-z]+)(?:/(?P<number>\d{{1,10}}))?(?:[/?#]\S*)?"
)
_TITLE = 200  # a first line that is longer is a paragraph


class GitHub(Value):
    """How the tracker is reached."""

    token: SecretStr | None = None
    """None: without signing in, which is enough for public repositories and 60 requests an hour. It is sent to `api_url` only."""
    api_url: str = "https://api.github.com"
    """Where the API is; `https://HOST/api/v3` for GitHub Enterprise."""
    timeout_s: float = 15.0
    """For connecting, and for each piece of an answer."""


def read_issue(reference: str, *, repository: Path | None, stdin: TextIO, github: GitHub) -> Issue:
    """Read an issue from what the user gave.

    Args:
        reference: `-`; `https://HOST/o/r/issues/7`, where HOST is the API's; `o/r#7`; `#7` of the repository that `origin` names, or
            else `upstream`; an existing file; or else the issue's text.
        repository: whose remotes `#7` is looked up in; None when there is none.
        stdin: what `-` reads.
        github: how addresses and numbers are looked up.

    Raises:
        IssueUnusable: it is empty, cannot be read or fetched, or looks like a file that does not exist.
    """
    given = reference.strip()
    if not given:
        raise _empty("the command line")
    if given == "-":
        return _from_bytes(_read_stdin(stdin), "stdin")
    if short := _SHORT.fullmatch(given):
        slug = short["slug"] or slug_of(repository, github.api_url)
        return _fetched(github, slug, int(short["number"]))
    if re.fullmatch(r"https?://\S+", given):
        return _from_address(given, github)
    data = _read_file(reference)
    if data is not None:
        return _from_bytes(data, reference)
    if re.fullmatch(r"\d+", given):
        raise IssueUnusable(
            f"{given!r} could be anything.", hint=f"Write '#{given}' for the issue of that number, in quotes."
        )
    if re.fullmatch(r"\S*/\S*|\S+\.\w{1,5}", given):
        raise IssueUnusable(f"There is no file {given!r}.", hint=_FORMS)
    return _from_text(reference, "text")


def _from_address(address: str, github: GitHub) -> Issue:
    match = _ADDRESS.fullmatch(address)
    host = web_host(github.api_url)
    if match is not None and match["host"].lower().removeprefix("www.") != host:
        raise IssueUnusable(
            f"{address} is not at {host}, which is the GitHub that Winnow is set to ask.",
            hint="For GitHub Enterprise set GITHUB_API_URL (https://HOST/api/v3). From other trackers, save the issue to a file.",
        )
    if match is None or match["number"] is None or match["kind"] != "issues":
        kinds = {"pull": "a pull request", "discussions": "a discussion"}
        what = (
            kinds.get(match["kind"], "not the address of one issue") if match else "not the address of a GitHub issue"
        )
        raise IssueUnusable(
            f"{address} is {what}, which Winnow cannot read.", hint="Save its text to a file and give that."
        )
    return _fetched(github, match["slug"], int(match["number"]))


def _fetched(github: GitHub, slug: str, number: int) -> Issue:
    from envs.github import fetch_issue  # noqa: PLC0415 (brings in an HTTP client)

    title, body, source = fetch_issue(
        github.api_url,
        slug,
        number,
        token=github.token.get_secret_value() if github.token else None,
        timeout_s=github.timeout_s,
    )
    if not f"{title}{body}".strip():
        raise _empty(source)
    return Issue(title=title, body=body, source=source)


def _read_stdin(stdin: TextIO) -> bytes:
    binary = getattr(stdin, "buffer", None)
    try:
        return (
            binary.read(MAX_BYTES + 1) if binary is not None else stdin.read(MAX_BYTES + 1).encode("utf-8", "replace")
        )
    except (OSError, ValueError) as error:
        raise IssueUnusable(f"Standard input cannot be read: {error}.", hint=_FORMS) from error


def _read_file(name: str) -> bytes | None:
    """Content of an existing file or pipe; None when there is none of this name."""
    path = Path(name)
    try:
        if path.is_dir():
            raise IssueUnusable(f"{name} is a folder.", hint="Name a file in it.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte, so it is no name
        return None
    except OSError as error:
        if "\n" in name or len(name) > 255:  # a text is too long for a name
            return None
        raise IssueUnusable(f"{name} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def _from_bytes(data: bytes, source: str) -> Issue:
    if len(data) > MAX_BYTES:
        raise IssueUnusable(
            f"The issue in {source} is larger than 1 MB.", hint="Keep what matters: cut logs down to their ends."
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    elif b"\0" in data:
        raise IssueUnusable(f"The issue in {source} is not text.", hint=_FORMS)
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return _from_text(text, source)


def _from_text(text: str, source: str) -> Issue:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise _empty(source)
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise IssueUnusable("The issue is larger than 1 MB.", hint="Keep what matters: cut logs down to their ends.")
    title, _, body = text.partition("\n")
    if len(title) > _TITLE:
        return Issue(body=text, source=source)
    return Issue(title=title.lstrip("#").strip() or title, body=body.strip(), source=source)


def _empty(source: str) -> IssueUnusable:
    return IssueUnusable(
        f"The issue from {source} is empty.", hint="Say what is wrong: what happens, and what should happen."
    )
