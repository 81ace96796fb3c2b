"""The command line of this process, as results keep it: what made the depth, without what is about output."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

_WITH_VALUE = ("--out", "-o", "--format", "--max-points")
_ALONE = ("--json", "--quiet", "--save-paintings", "--save-evidence", "--report")


class _Typed:
    words: "tuple[str, ...]" = ()


def note(words: Sequence[str]) -> None:
    """Keep the words of the command that begins.

    Args:
        words: after ``mfh``.
    """
    _Typed.words = tuple(words)


def commands_for(photo: Path, others: Iterable[Path] = ()) -> tuple[str, ...]:
    """Return the command that measures one photo as this one does; none where no command runs.

    Args:
        photo: the file.
        others: photos of the same command.
    """
    left_out = {str(one) for one in others} - {str(photo)}
    kept = [word for word in without_output(_Typed.words) if word not in left_out]
    return (shlex.join(["mfh", *kept]),) if kept else ()


def without_output(words: Sequence[str]) -> list[str]:
    """Return words without the options that say where and in what form results are written.

    Args:
        words: of a command line.
    """
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        name = word.partition("=")[0]
        if word in _WITH_VALUE:
            next(rest, None)
        elif name not in (*_WITH_VALUE, *_ALONE) and not word.startswith("-o"):
            kept.append(word)
    return kept
