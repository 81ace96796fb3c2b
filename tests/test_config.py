"""Presets and changes to them."""

from dataclasses import replace

import pytest

from mfh.config import changes, preset
from mfh.errors import InputError


def test_changes_are_what_makes_the_configuration_again():
    config = replace(preset("pocket"), seed=5, people="only")
    assert changes(config) == {"seed": 5, "people": "only"}
    assert replace(preset("pocket"), **changes(config)) == config
    assert changes(preset("pocket")) == {}


def test_changes_of_no_preset():
    with pytest.raises(InputError, match="unknown preset 'mine'"):
        changes(replace(preset("pocket"), name="mine"))
