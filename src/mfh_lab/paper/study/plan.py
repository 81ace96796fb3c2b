"""Which method stands behind which letter: drawn from a seed, kept in a key that never travels with the page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from mfh.errors import InputError, shown
from mfh.io.reading import read_json, reading
from mfh_lab.paper.study.meter_bar import RANGES, MeterBar, RangeName

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NONE = "none"
"""The answer that no picture is reasonable."""

_KEY_FORMAT, _VERSION = "mfh-study-key", 1


@dataclass(frozen=True)
class Question:
    """One photo of the study.

    Attributes:
        id: "q001", ...: all that the page holds about it.
        photo: its name.
        bar: its meter bar.
        order: labels of the methods behind the letters A, B, ...
    """

    id: str
    photo: str
    bar: MeterBar
    order: tuple[str, ...]


@dataclass(frozen=True)
class KeyQuestion:
    """What the key keeps of a question.

    Attributes:
        photo: its name.
        range_name: of its meter bar.
        methods: letter -> label.
    """

    photo: str
    range_name: RangeName
    methods: Mapping[str, str]


@dataclass(frozen=True)
class Key:
    """The researcher's secret.

    Attributes:
        study: id that page and answers carry too.
        labels: methods in the order given.
        questions: by id.
    """

    study: str
    labels: tuple[str, ...]
    questions: Mapping[str, KeyQuestion]


def draw_plan(bars: Mapping[str, MeterBar], labels: Sequence[str], *, seed: int) -> list[Question]:
    """Draw the order of the photos, and for each photo the order of the methods.

    Args:
        bars: photo -> meter bar.
        labels: of the methods.
        seed: the same seed, photos and labels give the same study.

    Returns:
        The questions in the order they are asked; every method stands behind one letter of each.

    Raises:
        InputError: for no photo, fewer than two methods, or more than there are letters.
    """
    if not bars:
        raise InputError("no photo: a study needs at least one")
    if not 2 <= len(labels) <= len(LETTERS):
        raise InputError(f"{len(labels)} methods: a study compares 2 to {len(LETTERS)}")
    rng = np.random.default_rng(seed)
    photos = sorted(bars)
    asked = [photos[int(number)] for number in rng.permutation(len(photos))]
    return [
        Question(f"q{number:03d}", photo, bars[photo], tuple(labels[int(k)] for k in rng.permutation(len(labels))))
        for number, photo in enumerate(asked, start=1)
    ]


def key_text(questions: Sequence[Question], labels: Sequence[str], *, study: str, seed: int) -> str:
    """Return the key as JSON; it is not to be handed to participants.

    Args:
        questions: of the study.
        labels: of the methods, as given.
        study: its id.
        seed: that drew it.
    """
    key = {
        "format": _KEY_FORMAT,
        "version": _VERSION,
        "study": study,
        "seed": seed,
        "labels": list(labels),
        "questions": {
            one.id: {
                "photo": one.photo,
                "range": one.bar.range_name,
                "bar_m": [one.bar.min_m, one.bar.max_m],
                "methods": dict(zip(LETTERS, one.order, strict=False)),
            }
            for one in questions
        },
    }
    return json.dumps(key, indent=1, ensure_ascii=False) + "\n"


def read_key(path: Path) -> Key:
    """Read a key.

    Args:
        path: that mfh study make wrote.

    Raises:
        InputError: for a file that is missing or is no such key.
    """
    content = read_object(path, _KEY_FORMAT, _VERSION)
    with reading(path, what="key", expected="the key.json that mfh study make wrote"):
        labels = tuple(shown(label) for label in cast(list[object], content["labels"]))
        questions = {
            name: KeyQuestion(shown(one["photo"]), one["range"], {str(a): shown(b) for a, b in one["methods"].items()})
            for name, one in cast(dict[str, dict], content["questions"]).items()
        }
        study = str(content["study"])
    for name, one in questions.items():
        if one.range_name not in RANGES or sorted(one.methods.values()) != sorted(labels):
            raise InputError(f"{path} question {name}: expected every method once and a range of {', '.join(RANGES)}")
    return Key(study, labels, questions)


def read_object(path: Path, kind: str, version: int) -> dict[str, object]:
    """Read a JSON object with its format and version.

    Args:
        path: the file.
        kind: its "format".
        version: its "version".

    Raises:
        InputError: for a file that is missing, is no JSON, or is something else.
    """
    content = read_json(path, what="", expected=f"a {kind} file")
    if not isinstance(content, dict) or content.get("format") != kind:
        raise InputError(f"{path} is no {kind} file: expected one made by mfh study or its page")
    if content.get("version") != version:
        raise InputError(f"{path} has version {content.get('version')!r}: expected {version}")
    return content
