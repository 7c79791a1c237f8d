"""Asks GitHub's REST API for one issue. The only place that knows its addresses and answers."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from envs.errors import IssueUnusable
from envs.remotes import web_host

_COMMENTS = 30
_MAX_BYTES = 8_000_000
_MAX_REDIRECTS = 3
_RETRY_AFTER_S = 0.5
_MAX_SECONDS = 60.0

T = TypeVar("T")


class Fetched(NamedTuple):
    """An issue as the tracker has it."""

    title: str
    body: str
    """With the comments below it, each under its author's name."""
    source: str


class _User(BaseModel):
    login: str


class _Comment(BaseModel):
    user: _User | None = None
    body: str | None = None


class _Issue(BaseModel):
    title: str
    body: str | None = None
    user: _User | None = None
    comments: int = 0
    pull_request: dict[str, object] | None = None


def fetch_issue(api_url: str, slug: str, number: int, *, token: str | None, timeout_s: float) -> Fetched:
    """Fetch an issue with its first 30 comments.

    Raises:
        IssueUnusable: says whether it is not there, not allowed, a pull request, or the tracker cannot be reached.
    """
    name = f"{slug}#{number}"
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "winnow"}
    if token:
        # The HTTP client would repeat a malformed header in its error.
        if not re.fullmatch(r"[!-~]+", token.strip()):
            raise IssueUnusable("The GitHub token holds characters that no token has.", hint="Check GITHUB_TOKEN.")
        headers["Authorization"] = f"Bearer {token.strip()}"
    with _reaching(api_url, name), httpx.Client(headers=headers, timeout=timeout_s, follow_redirects=False) as client:
        here = f"{api_url.rstrip('/')}/repos/{slug}/issues/{number}"
        issue = _ask(client, here, name, TypeAdapter(_Issue))
        if issue.pull_request is not None:
            raise IssueUnusable(f"{name} is a pull request, not an issue.", hint="Give the issue that it belongs to.")
        found: list[_Comment] = []
        if issue.comments:
            found = _ask(client, f"{here}/comments?per_page={_COMMENTS}", name, TypeAdapter(list[_Comment]))[:_COMMENTS]
    parts = [_tidy(issue.body)]
    parts += [f"{_author(comment)} commented:\n\n{_tidy(comment.body)}" for comment in found if _tidy(comment.body)]
    if issue.comments > len(found):
        parts.append(f"({issue.comments - len(found)} more comments are left out.)")
    scheme = urlsplit(api_url).scheme
    source = f"{scheme}://{web_host(api_url)}/{slug}/issues/{number}"
    return Fetched(issue.title.strip(), "\n\n".join(part for part in parts if part), source)


def _author(comment: _Comment) -> str:
    return f"@{comment.user.login}" if comment.user else "A deleted user"


def _tidy(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()


@contextmanager
def _reaching(api_url: str, name: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise IssueUnusable(
            f"{api_url} does not answer in time, so {name} is not known.",
            hint="Try again later, or save the issue to a file.",
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise IssueUnusable(
            f"{api_url} cannot be reached for {name}: {error}.",
            hint="Check the network and GITHUB_API_URL, or save the issue to a file.",
        ) from error


def _ask(client: httpx.Client, address: str, name: str, shape: TypeAdapter[T]) -> T:
    """Get one answer: follow redirects on the same host (renamed repositories), try once more when the server fails."""
    origin = httpx.URL(address).copy_with(path="/", query=None)
    deadline = time.monotonic() + _MAX_SECONDS
    redirects = failures = 0
    while True:
        response, content = _get(client, address, deadline)
        if response.is_redirect:
            redirects += 1
            address = str(httpx.URL(address).join(response.headers.get("location", "")))
            if (
                redirects > _MAX_REDIRECTS
                or httpx.URL(address).copy_with(path="/", query=None, fragment=None) != origin
            ):
                raise IssueUnusable(
                    f"{name} has moved to where Winnow does not follow, {address}.", hint="Give its new address."
                )
        elif response.status_code >= 500 and failures == 0:
            failures += 1
            time.sleep(_RETRY_AFTER_S)
        elif response.is_success:
            break
        else:
            raise _refusal(response, name, signed_in="authorization" in client.headers)
    try:
        return shape.validate_json(content)
    except ValidationError as error:
        raise IssueUnusable(
            f"The answer for {name} is not what GitHub's API gives.", hint="Check GITHUB_API_URL."
        ) from error


def _get(client: httpx.Client, address: str, deadline: float) -> tuple[httpx.Response, bytes]:
    content = bytearray()
    with client.stream("GET", address) as response:
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _MAX_BYTES:
                raise IssueUnusable(
                    f"The answer from {address} is larger than {_MAX_BYTES:,} bytes.", hint="Save the issue to a file."
                )
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer took too long")
    return response, bytes(content)


def _refusal(response: httpx.Response, name: str, *, signed_in: bool) -> IssueUnusable:
    status, headers = response.status_code, response.headers
    limited = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers
    if status == 401:
        message, hint = (
            f"GitHub does not accept the token (401), so {name} is not known.",
            "Check or renew GITHUB_TOKEN.",
        )
    elif status == 429 or (status == 403 and limited):
        message = f"GitHub's limit of requests is used up{_until(headers)}, so {name} is not known."
        hint = "Wait." if signed_in else "Wait, or set GITHUB_TOKEN for a higher limit."
    elif status == 403:
        message = f"GitHub does not let you see {name} (403)."
        hint = "The token needs to read issues of this repository." if signed_in else "Set GITHUB_TOKEN."
    elif status == 404:
        message = f"{name} is not there (404)."
        hint = "Check owner, repository and number."
        hint += (
            " The token may not see this repository."
            if signed_in
            else " If the repository is private, set GITHUB_TOKEN."
        )
    elif status == 410:
        message, hint = f"{name} was deleted, or the repository has no issues (410).", "Give another issue."
    else:
        message, hint = (
            f"GitHub failed with status {status} for {name}.",
            "Try again later, or save the issue to a file.",
        )
    return IssueUnusable(message, hint=hint)


def _until(headers: httpx.Headers) -> str:
    try:
        if "retry-after" in headers:
            return f" for {int(headers['retry-after'])} s"
        return f" until {datetime.fromtimestamp(int(headers['x-ratelimit-reset']), UTC):%Y-%m-%d %H:%M} UTC"
    except (KeyError, ValueError, OverflowError, OSError):
        return ""
