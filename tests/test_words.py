"""The field's words: no private word of ours stands in the source, in the documentation, or in what commands print.

What to say instead stands beside each; the terms are explained in docs/reference/glossary.md.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

PRIVATE = {
    r"clues?": "measurement",
    r"belief|believe[sd]?|believing": "posterior",
    r"outvot\w+": "rejected as an outlier",
    r"(?<!anti-)trust(?:s|ed|ing)?": "inlier probability",
    r"(?<!standard )(?<!absolute )deviations?": "standard deviation, residual",
    r"people agree(?: on)?": "robust consensus",
    r"meets? relative depth": "is paired with relative depth",
    r"good for metres": "usable as scale evidence",
    r"h[oe]ld(?:s|ing)? back": "regularized by the prior",
    r"as far (?:away )?as can be": "at infinity",
    r"how far (?:a|the|this|its) photo(?:'s depth)? reach\w*": "depth range",
    r"by lot": "sampled at random",
    r"goes on where": "resumes",
    r"without a sound": "silently",
    r"look(?:s|ed|ing)? at": "runs on, takes as input",
    r"opinions?": "outputs, test-time augmentation",
    r"is shown": "is input",
    r"artefacts?": "model",
    r"nobody|somebody|everybody|anybody|whoever": "no person, a person, all people",
    r"said|told": "reported, informative",
    r"(?:gives?|gave|giving|has|have|without|no|people's|their|puts?|into) metres": "metric depth, scale",
    r"(?:of the|the|all|same|known|true) metres": "depth, distances",
}
"""A private word -> what the field says."""

_PRIVATE = re.compile("|".join(rf"(?<![\w-])(?:{one})(?![\w-])" for one in PRIVATE), re.IGNORECASE)


def texts(roots: list[Path]) -> Iterator[Path]:
    for root in roots:
        files = [root] if root.is_file() else sorted(root.rglob("*"))
        yield from (
            one for one in files if one.suffix in {".py", ".md", ".js", ".ts", ".html", ".css"} and one.is_file()
        )


def joined(text: str) -> tuple[str, list[int]]:
    """Return text with each line break, and the indentation after it, as one space; and each character's old place."""
    pieces, places, end = [], [], 0
    for gap in re.finditer(r"[ \t]*\n\s*(?:# )?", text):
        pieces += [text[end : gap.start()], " "]
        places += [*range(end, gap.start()), gap.start()]
        end = gap.end()
    return "".join([*pieces, text[end:]]), [*places, *range(end, len(text))]


def offences(roots: list[Path]) -> list[str]:
    found = []
    for path in texts(roots):
        name = path.resolve().relative_to(REPOSITORY).as_posix()
        text = path.read_text(encoding="utf-8")
        flat, places = joined(text)
        for match in _PRIVATE.finditer(flat):
            place = places[match.start()]
            number = text.count("\n", 0, place) + 1
            found.append(f"{name}:{number}: {match.group()!r} in {text.splitlines()[number - 1].strip()[:110]}")
    return found


def test_the_words_are_those_of_the_field():
    found = offences(
        [REPOSITORY / one for one in ("src", "web/src", "docs", "examples", "README.md", "CONTRIBUTING.md")]
    )
    assert not found, f"{len(found)} private words, see docs/reference/glossary.md:\n" + "\n".join(found[:40])


def test_a_private_word_is_found_over_two_lines_too(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_words.REPOSITORY", tmp_path)
    (tmp_path / "a.md").write_text("The models look\n    at it.\nOne standard deviation is none.\n")
    assert [one.split(":")[1] for one in offences([tmp_path])] == ["1"]


if __name__ == "__main__":
    print(*offences([Path(one).resolve() for one in sys.argv[1:]]), sep="\n")
