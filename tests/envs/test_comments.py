"""Comments go, everything else stays."""

import ast
import tokenize
from io import BytesIO

import pytest

from envs.comments import comments, without_comments

SOURCE = b'''#!/usr/bin/env python
# first
x = "# no comment"  # second

def f(a,  # third
      b):
    # fourth
    """# a docstring"""
    return a  # second
'''


def test_comments_go_and_code_stays() -> None:
    bare = without_comments(SOURCE)
    assert ast.dump(ast.parse(bare)) == ast.dump(ast.parse(SOURCE))
    assert not [t for t in tokenize.tokenize(BytesIO(bare).readline) if t.type == tokenize.COMMENT]
    assert bare == b'x = "# no comment"\n\ndef f(a,\n      b):\n    """# a docstring"""\n    return a\n'


def test_some_are_kept() -> None:
    assert comments(SOURCE) == ("#!/usr/bin/env python", "# first", "# second", "# third", "# fourth", "# second")
    kept = without_comments(SOURCE, keep={"# second", "#!/usr/bin/env python"})
    assert comments(kept) == ("#!/usr/bin/env python", "# second", "# second")


@pytest.mark.parametrize(
    ("source", "bare"),
    [(b"", b""), (b"# only", b""), (b"x = 1 # c", b"x = 1"), (b"def (:  # c\n", b"def (:\n"), (b"\xff # c\n", "\xff\n".encode()),
     (b"x = 1\r\n# c\r\ny = 2\r\n", b"x = 1\r\ny = 2\r\n")],
)  # fmt: skip
def test_edges(source: bytes, bare: bytes) -> None:
    assert without_comments(source) == bare
