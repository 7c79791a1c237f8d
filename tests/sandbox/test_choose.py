"""The strongest wall that can be had is chosen; none at all only when named."""

import pytest

from sandbox import choose as chooser
from sandbox.choose import check_all, choose
from sandbox.errors import SandboxUnavailable
from sandbox.values import Availability


@pytest.fixture
def world(monkeypatch):
    """Decides which kinds can be had."""

    def set_(*available: str) -> None:
        def check(kind, url):
            return Availability(kind=kind, available=kind in available, detail=f"{kind} says no", hint=f"Fix {kind}.")

        monkeypatch.setattr(chooser, "_check", check)

    return set_


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        (("docker", "bubblewrap", "unshare", "host"), "docker"),
        (("bubblewrap", "unshare", "host"), "bubblewrap"),
        (("unshare", "host"), "unshare"),
    ],
)
def test_order(world, available, chosen):
    world(*available)
    assert choose().kind == chosen


def test_host_is_never_chosen_unnamed(world):
    world("host")
    with pytest.raises(SandboxUnavailable, match=r"docker says no. Fix docker.*unshare says no") as caught:
        choose()
    assert "--sandbox host" in caught.value.hint
    assert choose("host").kind == "host"


@pytest.mark.parametrize("kind", ["docker", "bubblewrap", "unshare", "host"])
def test_named(kind):
    assert choose(kind).kind == kind


def test_every_kind_is_checked():
    found = check_all()
    assert [entry.kind for entry in found] == ["docker", "bubblewrap", "unshare", "host"]
    assert all(entry.available or (entry.detail and entry.hint) for entry in found)


def test_without_a_socket_docker_is_not_even_imported(monkeypatch):
    monkeypatch.setattr(chooser, "usual_url", lambda: None)
    docker = check_all()[0]
    assert not docker.available
    assert "Install Docker" in docker.hint
