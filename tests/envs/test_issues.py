import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from envs.errors import IssueUnusable
from envs.issues import GitHub, read_issue
from envs.remotes import slug_of

TOKEN = "ghp_canary123"


def read(reference, *, repository=None, stdin="", github=None):
    return read_issue(reference, repository=repository, stdin=io.StringIO(stdin), github=github or GitHub())


def refused(reference, **rest):
    with pytest.raises(IssueUnusable) as caught:
        read(reference, **rest)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert TOKEN not in f"{caught.value}{caught.value.hint}"
    return f"{caught.value} {caught.value.hint}"


class Tracker:
    """The part of GitHub's API that is asked, on loopback, with the faults that it is told to have."""

    def __init__(self):
        self.asked = []
        self.answers = {}
        self.once = []
        tracker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                tracker.asked.append((self.path, self.headers.get("Authorization")))
                status, headers, body = (
                    tracker.once.pop(0)
                    if tracker.once
                    else tracker.answers.get(self.path, (404, {}, {"message": "Not Found"}))
                )
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for key, value in (
                    {"Content-Type": "application/json", "Content-Length": str(len(data))} | headers
                ).items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def has(self, number=7, slug="o/r", comments=(), total=None, **fields):
        issue = {
            "title": "It breaks",
            "body": "When I run\r\nit.",
            "comments": len(comments) if total is None else total,
            "user": {"login": "ada"},
        } | fields
        self.answers[f"/repos/{slug}/issues/{number}"] = (200, {}, issue)
        self.answers[f"/repos/{slug}/issues/{number}/comments?per_page=30"] = (200, {}, list(comments))

    def github(self, token=TOKEN, **rest):
        return GitHub(token=SecretStr(token) if token else None, api_url=self.url, **rest)


@pytest.fixture
def tracker(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    tracker = Tracker()
    thread = threading.Thread(target=tracker.server.serve_forever, daemon=True)
    thread.start()
    yield tracker
    tracker.server.shutdown()
    thread.join()
    tracker.server.server_close()


class TestTexts:
    def test_words(self):
        issue = read("Sorting is wrong\n\nIt drops the last item.\n")
        assert (issue.title, issue.body, issue.source) == ("Sorting is wrong", "It drops the last item.", "text")
        assert read("NullPointerException").title == "NullPointerException"
        assert read("see https://github.com/o/r/issues/7 again").source == "text"
        assert read("# Heading\n\nwords").title == "Heading"
        long = "It " + "really " * 100 + "breaks a/b."
        assert (read(long).title, read(long).body) == ("", long)
        assert read("x" * 5000 + "/ y " + "z" * 300).text

    def test_standard_input(self):
        assert read("-", stdin="Title\nBody\n").model_dump() == {"title": "Title", "body": "Body", "source": "stdin"}
        assert "empty" in refused("-", stdin=" \n\t\n")
        assert "larger" in refused("-", stdin="x" * 1_000_001)
        raw = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfcaf\xc3\xa9"))
        assert read_issue("-", repository=None, stdin=raw, github=GitHub()).title == "café"
        closed = io.StringIO()
        closed.close()
        with pytest.raises(IssueUnusable, match="Standard input cannot be read"):
            read_issue("-", repository=None, stdin=closed, github=GitHub())

    @pytest.mark.parametrize("text", ["", "  ", "\n\t\n"])
    def test_nothing(self, text):
        assert "empty" in refused(text)

    @pytest.mark.parametrize("name", ["bug.md", "notes/bug", "./bug", "/no/such/file", "~/bug.txt"])
    def test_what_looks_like_a_file_must_exist(self, name):
        assert f"no file '{name}'" in refused(name)

    def test_a_bare_number_is_asked_about(self):
        assert "'#7'" in refused("7")


class TestFiles:
    @pytest.mark.parametrize(
        ("data", "title"),
        [
            (b"# Caf\xc3\xa9 closes\r\n\r\nBody\r\n", "Café closes"),
            (b"\xef\xbb\xbfCaf\xc3\xa9\n", "Café"),
            (b"Caf\xe9\n", "Café"),
            ("Café\nBody".encode("utf-16"), "Café"),
        ],
    )
    def test_encodings(self, tmp_path, data, title):
        path = tmp_path / "my bug.md"
        path.write_bytes(data)
        issue = read(str(path))
        assert (issue.title, issue.source) == (title, str(path))
        assert "\r" not in issue.body

    def test_what_cannot_be_used(self, tmp_path):
        (tmp_path / "big.md").write_bytes(b"x" * 1_000_001)
        (tmp_path / "empty.md").write_bytes(b"\n")
        (tmp_path / "image.png").write_bytes(b"\x89PNG\0\0")
        assert "larger than 1 MB" in refused(str(tmp_path / "big.md"))
        assert "empty" in refused(str(tmp_path / "empty.md"))
        assert "not text" in refused(str(tmp_path / "image.png"))
        assert "is a folder" in refused(str(tmp_path))

    def test_permission(self, unprivileged):
        path = unprivileged.top / "bug.md"
        path.write_text("x")
        path.chmod(0)
        assert "cannot be read: Permission denied" in refused(str(path))

    def test_a_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("From a pipe"))
        writer.start()
        assert read(str(tmp_path / "pipe")).title == "From a pipe"
        writer.join()


class TestReferences:
    def test_address_and_short_forms(self, tracker):
        tracker.has()
        host = tracker.url.removeprefix("http://")
        for reference in (
            f"{tracker.url}/o/r/issues/7",
            f"https://{host}/o/r/issues/7/",
            f"{tracker.url}/o/r/issues/7#issuecomment-1",
            "o/r#7",
            " o/r#7\n",
        ):
            issue = read(reference, github=tracker.github())
            assert issue.model_dump() == {
                "title": "It breaks",
                "body": "When I run\nit.",
                "source": f"{tracker.url}/o/r/issues/7",
            }
        assert set(tracker.asked) == {("/repos/o/r/issues/7", f"Bearer {TOKEN}")}

    @pytest.mark.parametrize("remote", ["{url}/o/r.git", "git@127.0.0.1:o/r.git"])
    def test_number_in_a_clone(self, tracker, repo, remote):
        tracker.has()
        repo.git("remote", "add", "origin", remote.format(url=tracker.url))
        assert read("#7", repository=repo.top / "pkg", github=tracker.github()).title == "It breaks"

    def test_number_outside_of_a_clone_or_without_a_remote(self, repo):
        assert "outside of a repository" in refused("#7")
        assert "no remote" in refused("#7", repository=repo.top)

    @pytest.mark.parametrize(
        ("address", "why"),
        [
            ("https://gitlab.com/o/r/-/issues/7", "GitHub"),
            ("https://evil.example/o/r/issues/7", "not at github.com"),
            ("https://github.com.evil.example/o/r/issues/7", "not at github.com"),
            ("https://github.com@evil.example/o/r/issues/7", "not the address"),
            ("https://github.com/o/r/pull/7", "a pull request"),
            ("https://github.com/o/r/discussions/7", "a discussion"),
            ("https://github.com/o/r/issues", "not the address of one issue"),
            ("https://github.com/o/r", "not the address"),
            ("https://github.com/", "not the address"),
            ("http://[::1", "not the address"),
        ],
    )
    def test_addresses_that_are_not_read(self, address, why):
        assert why in refused(address, github=GitHub(token=SecretStr(TOKEN)))

    def test_enterprise(self, tracker):
        github = GitHub(api_url="https://ghe.example/api/v3", token=SecretStr(TOKEN))
        assert "not at ghe.example" in refused("https://github.com/o/r/issues/7", github=github)


REMOTES = [
    ("https://github.com/o/r.git", "o/r"),
    ("https://github.com/o/r", "o/r"),
    ("https://token@github.com/o/r.git/", "o/r"),
    ("http://www.github.com/o/r", "o/r"),
    ("git@github.com:o/r.git", "o/r"),
    ("github.com:o/r", "o/r"),
    ("ssh://git@github.com/o/r.git", "o/r"),
    ("ssh://git@ssh.github.com:443/o/r.git", "o/r"),
    ("git://github.com/o/r.js.git", "o/r.js"),
    ("git@gitlab.com:o/r.git", None),
    ("https://github.com/group/sub/r.git", None),
    ("/srv/git/r.git", None),
    ("git@work-alias:o/r.git", None),
]


@pytest.mark.parametrize(("address", "slug"), REMOTES)
def test_remotes(repo, address, slug):
    repo.git("remote", "add", "origin", address)
    if slug is not None:
        assert slug_of(repo.top, "https://api.github.com") == slug
        return
    with pytest.raises(IssueUnusable):
        slug_of(repo.top, "https://api.github.com")
    repo.git("remote", "add", "upstream", "https://github.com/up/stream")
    assert slug_of(repo.top, "https://api.github.com") == "up/stream"


def test_users_own_abbreviations_of_addresses(repo, home):
    (home / ".gitconfig").write_text('[url "git@github.com:"]\n\tinsteadOf = gh:\n')
    repo.git("remote", "add", "origin", "gh:o/r")
    assert slug_of(repo.top, "https://api.github.com") == "o/r"
    repo.git("remote", "set-url", "origin", "https://ghe.example/o/r")
    assert slug_of(repo.top, "https://ghe.example/api/v3") == "o/r"


class TestAnswers:
    def test_comments_are_attributed_and_limited(self, tracker):
        comments = [
            {"user": {"login": "bob"}, "body": "Me too.\r\n"},
            {"user": None, "body": "Same."},
            {"user": {"login": "eve"}, "body": None},
        ]
        tracker.has(comments=comments, total=40, body=None)
        body = read("o/r#7", github=tracker.github()).body
        assert (
            body
            == "@bob commented:\n\nMe too.\n\nA deleted user commented:\n\nSame.\n\n(37 more comments are left out.)"
        )

    def test_without_a_token_none_is_sent(self, tracker):
        tracker.has()
        read("o/r#7", github=tracker.github(token=None))
        assert tracker.asked == [("/repos/o/r/issues/7", None)]

    def test_pull_requests_and_empty_issues(self, tracker):
        tracker.has(pull_request={"url": "x"})
        assert "is a pull request" in refused("o/r#7", github=tracker.github())
        tracker.has(title=" ", body=None)
        assert "is empty" in refused("o/r#7", github=tracker.github())

    def test_one_failure_of_the_server_is_forgiven(self, tracker):
        tracker.has()
        tracker.once = [(502, {}, b"<html>bad gateway</html>")]
        assert read("o/r#7", github=tracker.github()).title == "It breaks"
        tracker.once = [(502, {}, b""), (503, {}, b"")]
        assert "status 503" in refused("o/r#7", github=tracker.github())

    @pytest.mark.parametrize(
        ("status", "headers", "token", "words"),
        [
            (401, {}, TOKEN, "does not accept the token"),
            (
                403,
                {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225600"},
                None,
                "until 2026-01-01 00:00 UTC",
            ),
            (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, None, "set GITHUB_TOKEN"),
            (429, {"Retry-After": "30"}, TOKEN, "for 30 s"),
            (403, {}, TOKEN, "token needs to read"),
            (403, {}, None, "Set GITHUB_TOKEN"),
            (404, {}, None, "If the repository is private, set GITHUB_TOKEN"),
            (404, {}, TOKEN, "may not see this repository"),
            (410, {}, None, "deleted"),
            (418, {}, None, "status 418"),
        ],
    )
    def test_refusals(self, tracker, status, headers, token, words):
        tracker.answers["/repos/o/r/issues/7"] = (status, headers, {"message": "no"})
        assert words in refused("o/r#7", github=tracker.github(token))

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"[]", b"null", {"title": None}, {"body": "x"}, b"\xff\xfe", b"[" * 100_000]
    )
    def test_answers_that_are_not_the_apis(self, tracker, body):
        tracker.answers["/repos/o/r/issues/7"] = (200, {}, body)
        assert "not what GitHub's API gives" in refused("o/r#7", github=tracker.github())

    def test_renamed_repository_is_followed_on_the_same_host_only(self, tracker):
        tracker.has(slug="new/name", number=9)
        tracker.answers["/repos/o/r/issues/7"] = (301, {"Location": f"{tracker.url}/repos/new/name/issues/9"}, {})
        assert read("o/r#7", github=tracker.github()).title == "It breaks"
        other = Tracker()
        thread = threading.Thread(target=other.server.serve_forever, daemon=True)
        thread.start()
        for location in (
            f"{other.url}/repos/o/r/issues/7",
            "//127.0.0.2/x",
            "ftp://127.0.0.1/x",
            "",
            "http://[",
            f"{tracker.url}/repos/o/r/issues/7",
        ):
            tracker.answers["/repos/o/r/issues/7"] = (302, {"Location": location}, {})
            refused("o/r#7", github=tracker.github())
        assert other.asked == []
        other.server.shutdown()
        thread.join()
        other.server.server_close()

    def test_network_down_slow_or_broken(self, tracker):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            down = GitHub(api_url=f"http://127.0.0.1:{port}", token=SecretStr(TOKEN))
            assert "cannot be reached" in refused("o/r#7", github=down)
            listener.listen()
            start = time.monotonic()
            assert "does not answer in time" in refused("o/r#7", github=down.model_copy(update={"timeout_s": 0.2}))
            assert time.monotonic() - start < 5
        tracker.answers["/repos/o/r/issues/7"] = (200, {"Content-Length": "500"}, b"{}")
        assert "cannot be reached" in refused("o/r#7", github=tracker.github(timeout_s=1))
        assert "cannot be reached" in refused("o/r#7", github=GitHub(api_url="http://nowhere.invalid"))
        assert "cannot be reached" in refused("o/r#7", github=GitHub(api_url="not a url"))
        assert "not the address of an API" in refused(
            "https://github.com/o/r/issues/7", github=GitHub(api_url="http://[")
        )
        assert "cannot be reached" in refused("o/r#7", github=GitHub(api_url="http://["))

    def test_answer_without_an_end(self, tracker):
        tracker.answers["/repos/o/r/issues/7"] = (200, {}, b" " * 9_000_000)
        assert "larger than" in refused("o/r#7", github=tracker.github())

    @pytest.mark.parametrize("token", [f"{TOKEN}\nX: y", f"{TOKEN} x", f"{TOKEN}é", ""])
    def test_token_that_is_none_is_not_repeated(self, tracker, token):
        tracker.has()
        if token:
            assert "holds characters" in refused("o/r#7", github=tracker.github(token))
        assert tracker.asked == []
        assert read("o/r#7", github=tracker.github(f"{TOKEN}\n")).title == "It breaks"


def test_reading_a_file_needs_no_http_client_and_no_git(tmp_path):
    (tmp_path / "bug.md").write_text("x")
    code = f"""
import io, sys
from envs.issues import GitHub, read_issue
from envs.remotes import slug_of
read_issue({str(tmp_path / "bug.md")!r}, repository=None, stdin=io.StringIO(), github=GitHub())
import envs.snapshot, envs.patches, envs.delivery, envs.normal_form
print([name for name in ("httpx", "git", "tree_sitter") if name in sys.modules])
"""
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"
    )
