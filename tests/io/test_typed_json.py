"""JSON as dataclasses: every type that fields have, and one line for everything else."""

import math
import re
from dataclasses import dataclass, field
from typing import Literal

import pytest

from mfh.io.json_text import from_json


@dataclass(frozen=True)
class Inner:
    x: int
    y: float = 2.0


@dataclass(frozen=True)
class Outer:
    inner: Inner
    word: str
    flag: bool
    kind: Literal["a", "b"]
    pair: tuple[float, int]
    several: tuple[Inner, ...]
    maybe: float | None
    by_name: dict[str, tuple[int, ...]]
    extra: list[int] | None = field(default=None)


GOOD = {
    "inner": {"x": 3},
    "word": "größe",
    "flag": True,
    "kind": "b",
    "pair": [1, 2],
    "several": [{"x": 1, "y": 2}, {"x": 2, "y": 0.5}],
    "maybe": None,
    "by_name": {"k": [1, 2]},
}


def test_every_type_of_field():
    made = from_json(Outer, GOOD)
    inner = (Inner(1, 2.0), Inner(2, 0.5))
    assert made == Outer(Inner(3), "größe", True, "b", (1.0, 2), inner, None, {"k": (1, 2)})
    assert type(made.pair[0]) is float and type(made.several[0].y) is float
    assert from_json(Outer, {**GOOD, "maybe": 4}).maybe == 4.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inner": None}, "inner is None: expected an object"),
        ({"inner": {}}, "no field inner.x"),
        ({"inner": {"x": 1, "z": 2}}, "there is a field inner.z: expected x, y"),
        ({"inner": {"x": 1.0}}, "inner.x is 1.0: expected int"),
        ({"inner": {"x": True}}, "inner.x is True: expected int"),
        ({"inner": {"x": 1, "y": False}}, "inner.y is False: expected float"),
        ({"inner": {"x": 1, "y": math.inf}}, "inner.y is inf: expected float"),
        ({"word": 3}, "word is 3: expected str"),
        ({"flag": 1}, "flag is 1: expected bool"),
        ({"kind": "c"}, "kind is 'c': expected 'a' or 'b'"),
        ({"kind": ["a"]}, "kind is ['a']: expected 'a' or 'b'"),
        ({"pair": [1]}, "pair has 1 items: expected 2"),
        ({"pair": [1, 2.5]}, "pair[1] is 2.5: expected int"),
        ({"pair": "12"}, "pair is '12': expected tuple"),
        ({"several": [{"x": 1}, 2]}, "several[1] is 2: expected an object"),
        ({"maybe": "4"}, "maybe is '4': expected float"),
        ({"by_name": [["k", [1]]]}, "by_name is [['k', [1]]]: expected dict"),
        ({"by_name": {"k": [None]}}, "by_name.k[0] is None: expected int"),
        ({"by_name": {"k\x1b": 1}}, "by_name.k\\x1b is 1: expected tuple"),
        ({"unknown": 1}, "there is a field unknown: expected inner, word"),
        ({"w" * 1000: 1}, f"there is a field {'w' * 60}: "),
        ({"word": "w" * 2001}, "word has 2,001 letters"),
        ({"several": [{"x": 1}] * 20_001}, "several has 20,001 items"),
        ({"by_name": {str(k): [] for k in range(20_001)}}, "by_name has 20,001 items"),
        ({"extra": [1]}, "extra is [1]: expected list"),
    ],
)
def test_anything_else_says_where(changes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        from_json(Outer, {**GOOD, **changes})


@pytest.mark.parametrize("tree", [None, 3, [], "text"])
def test_what_is_no_object(tree):
    with pytest.raises(ValueError, match="it is"):
        from_json(Outer, tree)


def test_text_is_made_printable():
    made = from_json(Outer, {**GOOD, "word": "a\n\x1b[31m\udc80é\u202f", "by_name": {"\x07": []}})
    assert made.word == "a\\n\\x1b[31m\\udc80é\u202f" and list(made.by_name) == ["\\x07"]
