"""Whoever reads the answer learns that its people were painted: pictures, table, receipt, warnings."""

import re
from dataclasses import replace

import pytest

import mfh.viz.result
from mfh.cli.measure import Measured
from mfh.cli.predict import table
from mfh.config import HeadConfig
from mfh.io.receipt import receipt
from mfh.pipeline.conclude import conclude
from mfh.pipeline.messages import no_person_found, notes_for
from mfh.scale.known_sizes import KnownDistance, KnownSizes
from mfh.types import MetricDepth, kinds_of_landmarks, used_landmarks
from mfh.viz import preview

COUNTED = re.compile(r"\b(?:\d+|one|the|all|more) (?:people|person)\b")


@pytest.fixture
def painted(gathered):
    """Nobody but painted people."""
    return replace(gathered, evidence=gathered.evidence[1:])


def captions(result: MetricDepth, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def fit(text, *_):
        said.append(text)
        return text

    monkeypatch.setattr(mfh.viz.result, "fit", fit)
    preview(result)
    return said


def test_a_painted_scale_says_so_everywhere(painted, monkeypatch, tmp_path):
    scattered = tuple(
        replace(one, depth_m=one.depth_m * factor) for one, factor in zip(painted.evidence, (0.5, 1, 2), strict=True)
    )
    result = conclude(replace(painted, evidence=scattered), head=HeadConfig())
    said = [*captions(result, monkeypatch), *result.warnings, result.interval.limited_by]
    said.append(table(tmp_path, Measured(result, {**receipt(result), "contents": {}}, tmp_path, 1.0)))
    assert any("scale from 3 painted people" in line for line in said)
    assert any("the 3 painted people contradict each other" in line for line in said)
    assert any("the painted people are too few" in line for line in said) == (not result.head.shift_determined)
    assert "3 painted people of 3 considered" in said[-1] and "(painted people " in said[-1]
    wrong = [line for line in "\n".join(said).splitlines() if COUNTED.search(line.replace("painting 0 at", ""))]
    assert not wrong, wrong
    assert receipt(result)["painted_people_used"] == receipt(result)["people_used"] == 3


@pytest.mark.parametrize("count", [1, 2])
def test_painted_people_are_named_in_every_warning(painted, count):
    landmarks = [one for image in painted.evidence for one in image.landmarks][:count]
    undetermined = conclude(painted, head=HeadConfig()).head
    said = [
        note.text
        for note in notes_for(
            painted.photo, replace(undetermined, shift_determined=False), landmarks, people_spread=0.5
        )
    ]
    assert not [line for line in said if COUNTED.search(line)]
    assert sum("painted" in line for line in said) == 3 - (count != 1)


def test_people_in_the_photo_are_just_people(gathered, monkeypatch):
    seen = replace(gathered, evidence=gathered.evidence[:1], attempts=0)
    result = conclude(seen, head=HeadConfig())
    assert any("scale from 1 person ·" in line for line in captions(result, monkeypatch))
    assert not any("painted" in line for line in result.warnings if line != gathered.provenance)
    both = conclude(gathered, head=HeadConfig())
    assert any("scale from 1 person and 3 painted people" in line for line in captions(both, monkeypatch))


def test_given_sizes_are_named_where_they_give_the_scale(gathered, monkeypatch):
    known = KnownSizes((KnownDistance(20.0, 40.0, 3.0), KnownDistance(50.0, 10.0, 5.0)))
    alone = conclude(replace(gathered, evidence=(), attempts=0), head=HeadConfig(), known=known)
    (said,) = [line for line in captions(alone, monkeypatch) if line.startswith("scale from")]
    assert said.startswith("scale from 2 given sizes ·") and alone.interval.sources == "what is given"
    one = conclude(gathered, head=HeadConfig(), known=replace(known, distances=known.distances[:1]))
    (said,) = [line for line in captions(one, monkeypatch) if line.startswith("scale from")]
    assert said.startswith("scale from 1 given size and 1 person and 3 painted people")
    assert one.interval.sources == "what is given and people and painted people"


def test_counts_in_words(gathered):
    landmarks = [one for image in gathered.evidence for one in image.landmarks]
    assert used_landmarks(landmarks) == "1 person and 3 painted people"
    assert kinds_of_landmarks(landmarks) == "people and painted people"
    chair = replace(landmarks[0], label="chair")
    assert used_landmarks([chair, chair, *landmarks]) == "1 person, 2 objects and 3 painted people"
    assert (
        used_landmarks([chair]) == "1 object"
        and kinds_of_landmarks([chair, landmarks[2]]) == "objects and painted people"
    )
    assert (
        used_landmarks(landmarks[2:3]) == "1 painted person" and kinds_of_landmarks(landmarks[2:]) == "painted people"
    )
    assert used_landmarks([]) == "0 people" and kinds_of_landmarks([]) == "people"


@pytest.mark.parametrize(("people", "has_painter"), [("auto", True), ("only", True), ("auto", False)])
def test_whoever_finds_nobody_is_told_what_would_answer(gathered, people, has_painter):
    from mfh.config import preset

    said = no_person_found(gathered.photo, replace(preset("pocket"), people=people), ["x"], has_painter=has_painter)
    assert "--known-distance" in said and "--known-length" in said and "known=KnownSizes" in said
    # No option of the library without the command's own.
    assert ("--attempts" in said) == ("max_attempts" in said) == (people == "auto" and has_painter)
    assert ("--people auto" in said) == (people == "only")
