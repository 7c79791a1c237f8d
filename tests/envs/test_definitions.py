from envs.definitions import find_definitions

SOURCE = b'''\
import os
LIMIT: int = 3
a, b = 1, 2

@cached
async def first(
    x: int,  # why
    y=None,
) -> int:
    def inner(): pass
    return x

class Outer(Base):
    """Doc."""
    field = 1
    class Inner:
        def deep(self): return 1

    @property
    def size(self): ...

if os.name == "posix":
    def conditional(): pass
else:
    other = 1
try:
    pass
except ValueError:
    def fallback(): pass
'''


def test_definitions_of_a_file() -> None:
    found = [(item.name, item.kind, item.line, item.end_line) for item in find_definitions("a.py", SOURCE)]
    assert found == [
        ("LIMIT", "constant", 2, 2),
        ("first", "function", 5, 11),
        ("Outer", "class", 13, 20),
        ("Outer.field", "constant", 15, 15),
        ("Outer.Inner", "class", 16, 17),
        ("Outer.Inner.deep", "method", 17, 17),
        ("Outer.size", "method", 19, 20),
        ("conditional", "function", 23, 23),
        ("other", "constant", 25, 25),
        ("fallback", "function", 29, 29),
    ]
    signatures = {item.name: item.signature for item in find_definitions("a.py", SOURCE)}
    assert signatures["first"] == "async def first( x: int, # why y=None, ) -> int"
    assert signatures["Outer"] == "class Outer(Base)"


def test_what_cannot_be_read_gives_what_can_be_made_out() -> None:
    assert [item.name for item in find_definitions("a.py", b"def f(): pass\n\nclass (:\n\ndef g(): pass\n")][:1] == [
        "f"
    ]
    assert find_definitions("a.py", b"\xff\xfe\0") == ()
    assert find_definitions("a.js", b"function f() {}") == ()
    assert find_definitions("a.py", b"") == ()
