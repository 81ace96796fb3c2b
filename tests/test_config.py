"""Presets and changes to them."""

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
