"""What presets need, and their models that may be used commercially."""

from dataclasses import replace

import pytest

from mfh.config import PRESETS
from mfh.errors import InputError
from mfh.models.needs import PERMITTED, needs_of, permitted
from mfh.models.registry import find_model, names_of


def test_what_the_presets_need():
    paper = needs_of(PRESETS["paper"])
    assert paper.models == ("depth-anything-v1-large", "mask_rcnn", "hmr2", "smpl", "sd2")
    assert {"torch", "diffusers", "torchvision"} <= set(paper.packages) and paper.gpu_gb > 5
    assert set(paper.blocked) == {"hmr2", "smpl"}
    assert 9e9 < paper.disk_bytes < 10e9
    standard = needs_of(PRESETS["standard"])
    assert {"sdxl", "lcm-sdxl"} <= set(standard.models) and "peft" in standard.packages
    pocket = needs_of(PRESETS["pocket"])
    assert pocket.packages == {} and pocket.gpu_gb == 0 and not pocket.blocked
    assert pocket.optional == ("nanodet",) and "nanodet" in pocket.models
    assert paper.optional == standard.optional == ()
    assert "depth-pro" in needs_of(replace(PRESETS["pocket"], field_of_view="depth-pro")).models


def test_a_configuration_names_one_model_a_role():
    assert names_of(PRESETS["paper"]) == {
        "relative_depth": "depth-anything-v1-large",
        "person_segmenter": "mask_rcnn",
        "human_mesh": "hmr2",
        "painter": "sd2",
    }
    assert "painter" not in names_of(replace(PRESETS["paper"], painter=None))


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_has_a_permitted_form_that_changes_no_more_than_it_must(name):
    config, sentences = permitted(PRESETS[name])
    assert not needs_of(config).blocked
    before, after = names_of(PRESETS[name]), names_of(config)
    changed = {role for role in before if before[role] != after[role]}
    assert all(needs_of_role(role, before[role]) for role in changed)
    assert len(sentences) == len(changed)
    for role in changed:
        assert after[role] == PERMITTED[role]
        assert any(f" {before[role]}, which may not be used commercially (" in one for one in sentences)


def needs_of_role(role, name: str) -> dict[str, str]:
    """The models of one model that are blocked."""
    from mfh.weights.store import blocked_commercially

    return blocked_commercially(find_model(role, name).weights)


def test_the_standard_preset_takes_the_small_model_where_a_permissive_licence_is_asked_for():
    config, _ = permitted(PRESETS["standard"])
    assert config.relative_depth == "depth-anything-v2-small" and config.painter == "sdxl-lcm"


def test_unknown_licences_and_models_without_a_substitute_are_refused():
    with pytest.raises(InputError, match="the licence of the painter hf:org/name is not known here"):
        permitted(replace(PRESETS["pocket"], painter="hf:org/name"))
    with pytest.raises(InputError, match=r"the field of view depth-pro may not be used commercially \(depth-pro: its"):
        permitted(replace(PRESETS["pocket"], field_of_view="depth-pro"))
