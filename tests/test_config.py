"""Presets and changes to them."""

import subprocess
import sys
from dataclasses import replace

import pytest

from mfh.config import changed, preset
from mfh.errors import InputError


def test_changed_fields_are_those_of_the_configuration():
    assert changed(preset("pocket"), seed=5, people="only") == replace(preset("pocket"), seed=5, people="only")
    assert changed(preset("pocket")) == preset("pocket")


def test_an_unknown_field_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"unknown option 'pepole': expected one of name, .*people"):
        changed(preset("pocket"), pepole="only")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"people": "Only"}, "people is 'Only': expected one of 'auto', 'only', 'paint'"),
        ({"photo_evidence": "contakt"}, "photo_evidence is 'contakt': expected one of 'body', 'contact', 'either'"),
        ({"painted_people": "guessed"}, "painted_people is 'guessed'"),
        ({"max_depth_m": -1.0}, "max_depth_m is -1.0: expected a positive number"),
        ({"seed": -1}, "seed is -1: expected 0 or more"),
    ],
)
def test_a_misspelt_choice_is_refused_and_never_another_one(overrides, message):
    """In a process of its own: under these tests, annotations are checked before."""
    code = f"from mfh.config import changed, preset\nchanged(preset('pocket'), **{overrides!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and f"mfh.errors.InputError: {message}" in done.stderr


def test_choices_of_the_head_and_of_painting_are_checked_too():
    code = "from mfh.config import {0}\n{0}({1})"
    for kind, argument, name in (
        ("HeadConfig", "'frob'", "kind"),
        ("PaintingConfig", "mask_shape='disc'", "mask_shape"),
    ):
        done = subprocess.run([sys.executable, "-c", code.format(kind, argument)], capture_output=True, text=True)
        assert f"InputError: {name} is" in done.stderr
