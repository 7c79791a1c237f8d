"""What a file defines."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from envs.symbols import Symbol, SymbolCache, find_symbols

SOURCE = b'''"""Docs."""
import os

LIMIT: int = 3
names = ["a",
         "b"]


@cache
@register.on("x",
             1)
async def fetch(url: str, *,
                retries=3) -> bytes:  # note
    def inner():
        pass
    later = 1


class Shape(Base, metaclass=Meta):
    sides = 0

    @property
    def area(self) -> float:
        return 0.0

    class Corner:
        async def move(self): ...


if os.name == "nt":
    def join(): ...
else:
    try:
        def join(x): ...
    except ImportError:
        class Join: ...
'''


def shown(symbols: tuple[Symbol, ...]) -> list[tuple[str, str, int, int]]:
    return [(s.name, s.kind, s.line, s.end_line) for s in symbols]


def test_everything_that_has_a_name_outside() -> None:
    assert shown(find_symbols("a.py", SOURCE)) == [
        ("LIMIT", "constant", 4, 4),
        ("names", "constant", 5, 6),
        ("fetch", "function", 9, 16),
        ("Shape", "class", 19, 27),
        ("Shape.area", "method", 22, 24),
        ("Shape.Corner", "class", 26, 27),
        ("Shape.Corner.move", "method", 27, 27),
        ("join", "function", 31, 31),
        ("join", "function", 34, 34),
        ("Join", "class", 36, 36),
    ]


def test_signatures_stand_on_one_line_with_their_decorators() -> None:
    said = {s.name: s.signature for s in find_symbols("a.py", SOURCE)}
    assert said["fetch"] == '@cache @register.on("x", 1) async def fetch(url: str, *, retries=3) -> bytes'
    assert said["Shape"] == "class Shape(Base, metaclass=Meta)"
    assert said["Shape.area"] == "@property def area(self) -> float"
    assert said["names"] == 'names = ["a", "b"]'


def test_a_long_signature_is_clipped() -> None:
    source = f"def f({', '.join(f'parameter_{n}=None' for n in range(50))}): pass\nT = {list(range(500))}\n".encode()
    function, constant = find_symbols("a.py", source)
    assert len(function.signature) == 240 and function.signature.endswith("…")
    assert len(constant.signature) == 100 and constant.signature.endswith("…")


def test_a_broken_file_gives_what_could_be_read() -> None:
    names = [
        s.name
        for s in find_symbols("a.py", b"def good(): pass\n\ndef bad(:\n  pass\n\nclass After:\n  def m(self): pass\n")
    ]
    assert {"good", "After", "After.m"} <= set(names)


def test_other_languages_and_no_text_give_nothing() -> None:
    assert find_symbols("a.js", b"function f() {}") == ()
    assert find_symbols("a.py", b"") == ()


def test_encodings() -> None:
    assert [s.name for s in find_symbols("a.py", b"\xef\xbb\xbfdef f(): pass\r\n")] == ["f"]
    assert [s.name for s in find_symbols("a.py", "# café\ndef grün(): pass\n".encode("latin-1"))] == ["grün"]


def test_an_endless_elif_chain_is_no_recursion() -> None:
    source = "if a: pass\n" + "elif b: pass\n" * 3000 + "else:\n    def last(): pass\n"
    nested = "".join(f"{' ' * n}class C{n}:\n" for n in range(200)) + " " * 200 + "pass\n"
    assert [s.name for s in find_symbols("a.py", source.encode())] == ["last"]
    assert len(find_symbols("a.py", nested.encode())) == 21


@given(st.binary(max_size=300) | st.text(alphabet="def clas()=:@\n  xy.,'\"", max_size=200).map(str.encode))
def test_nothing_breaks_it(source: bytes) -> None:
    for symbol in find_symbols("a.py", source):
        assert 1 <= symbol.line <= symbol.end_line <= source.count(b"\n") + source.count(b"\r") + 1


def test_the_cache_gives_the_same_and_parses_once() -> None:
    cache = SymbolCache()
    found: list[tuple[Symbol, ...]] = []
    threads = [threading.Thread(target=lambda: found.append(cache.find("a.py", SOURCE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == find_symbols("x.py", SOURCE) for one in found)
    assert cache.find("b.py", SOURCE) is cache.find("c.py", SOURCE)
    assert cache.find("c.js", SOURCE) == ()
