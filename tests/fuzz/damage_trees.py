"""Damage to text that machines read: JSON trees with one thing wrong, lists and tables with odd cells."""

import json
import re
from random import Random
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    -0.0,
    0.5,
    2**53 + 1,
    2**64,
    10**400,
    "",
    "x",
    "0",
    "1e5",
    "NaN",
    "\x1b[31mred\x07",
    "\N{SNOWMAN}" * 40,
    "\ud800",
    "a\nmfh: b",
    "../../up",
    "/etc/passwd",
    "C:\\x",
    "..",
    "x" * 100_000,
    [],
    [1],
    [[]],
    {},
    {"a": 1},
    [None, None],
)
_LITERALS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "0." + "3" * 5000,
    "[" * 3000 + "]" * 3000,
    '{"a":' * 3000 + "1" + "}" * 3000,
    "'x'",
    "01",
    "tru",
    "",
    '"\\ud800"',
    '"\\u0000"',
)
_CELLS = (
    "",
    "nan",
    "inf",
    "-1",
    "1e999",
    "0",
    "x" * 5000,
    '"',
    '"open',
    "a\0b",
    "\x1b[2J",
    "\N{SNOWMAN}",
    "../x",
    "9" * 5000,
)


def change_tree(text: str, rng: Random) -> tuple[str, str]:
    """Change one thing in a JSON text, or how it is written."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        # It may be nested deeply already.
        return text[: len(text) // 2], "cut in half"
    which = rng.random()
    if which < 0.12:
        literal = rng.choice(_LITERALS)
        mark = "@here@"
        changed = _replaced(tree, rng, mark)
        return json.dumps(changed).replace(f'"{mark}"', literal, 1), f"literal {literal[:20]!r}"
    if which < 0.2:
        whole = rng.choice(
            (*_LITERALS, "null", "[]", "{}", "5", '"x"', "[[[[]]]]", text + text, text + "x", f"[{text}]")
        )
        return whole, f"the whole is {whole[:20]!r}"
    if which < 0.35:
        return _without(tree, rng)
    if which < 0.42:
        key = rng.choice(("__class__", "", "extra", "\ud800", "x" * 1000))
        if isinstance(tree, dict):
            return json.dumps({**tree, key: 1}), f"with a key {key[:20]!r}"
        return json.dumps([*tree, None] if isinstance(tree, list) else [tree]), "with one more"
    value = rng.choice(ODD_VALUES)
    return json.dumps(_replaced(tree, rng, value)), f"a value is {json.dumps(value)[:40]}"


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value."""
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += _paths(value, (*path, key))
    return found


def _replaced(tree: Any, rng: Random, value: Any) -> Any:
    paths = _paths(tree)
    if not paths:
        return value
    # Deep lists of numbers must not take all the attention.
    path = rng.choice([one for one in paths if len(one) == rng.randint(1, max(map(len, paths)))] or paths)
    return _with(tree, path, value)


def _with(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = _with(tree[path[0]], path[1:], value)
    return copy


def _without(tree: Any, rng: Random) -> tuple[str, str]:
    paths = _paths(tree)
    if not paths:
        return "", "nothing"
    path = rng.choice(paths)
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    copy = dict(parent) if isinstance(parent, dict) else list(parent)
    del copy[path[-1]]
    return json.dumps(_with(tree, path[:-1], copy)), f"without {'.'.join(map(str, path))[:60]}"


def json_file(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change a JSON file: one thing in it, or its encoding."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content[:-1], "cut"
    if rng.random() < 0.12:
        encoding = rng.choice(("utf-16", "utf-8-sig", "utf-32", "latin-1"))
        return text.encode(encoding, "replace"), f"as {encoding}"
    changed, done = change_tree(text, rng)
    return changed.encode("utf-8", "surrogatepass"), f"json: {done}"


def lines_file(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change a text of lines: one cell, one line, or the encoding; a file of JSON lines has one line changed."""
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return content[:-1], "cut"
    if not lines:
        return b"\n\n\n", "empty lines"
    k = rng.randrange(len(lines))
    which = rng.randrange(8)
    if which == 0:
        encoding = rng.choice(("utf-16", "utf-8-sig", "latin-1"))
        return content.decode("utf-8").encode(encoding, "replace"), f"as {encoding}"
    if which == 1:
        return "\n".join([*lines[:k], *lines[k + 1 :]]).encode(), f"without line {k + 1}"
    if which == 2:
        return "\n".join([*lines, lines[k]]).encode(), f"line {k + 1} twice"
    if which == 3:
        return "\n".join([*lines[:k], "", " ,,, ,", *lines[k:]]).encode(), f"odd lines before {k + 1}"
    if lines[k].startswith("{"):
        lines[k], done = change_tree(lines[k], rng)
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass"), f"line {k + 1}: {done}"
    cells = re.split(r"([\s,:]+)", lines[k])
    cell = rng.randrange(0, len(cells), 2)
    cells[cell] = rng.choice(_CELLS)
    lines[k] = "".join(cells)
    return ("\n".join(lines) + "\n").encode(
        "utf-8", "surrogatepass"
    ), f"line {k + 1}, cell {cell // 2}: {cells[cell][:20]!r}"
