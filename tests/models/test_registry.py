from collections import Counter

import pytest

from mfh.config import PRESETS
from mfh.errors import BackendError, InputError, WeightsError
from mfh.models import registry
from mfh.models.registry import Entry, find_model, load_models, names_of


def test_a_class_named_in_two_roles_is_made_once(monkeypatch: pytest.MonkeyPatch):
    stand_in = Entry("collections:Counter", "pip install nothing")
    for role in ("person_segmenter", "human_mesh", "painter"):
        monkeypatch.setitem(registry.REGISTRY[role], "stand-in", stand_in)
    monkeypatch.setitem(registry.REGISTRY["painter"], "other", Entry("collections:OrderedDict", "pip install nothing"))
    models = load_models({"person_segmenter": "stand-in", "human_mesh": "stand-in", "painter": "other"})
    assert isinstance(models["human_mesh"], Counter)
    assert models["human_mesh"] is models["person_segmenter"]
    assert models["painter"] is not models["human_mesh"]


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        InputError, match="unknown relative depth model 'pokcet': expected one of: .*pocket.* or hf:org/name"
    ):
        load_models({"relative_depth": "pokcet"})
    with pytest.raises(InputError, match="unknown painter model 'sd3'"):
        find_model("painter", "sd3")
    with pytest.raises(InputError, match="unknown human mesh model 'hf:org/name': expected one of"):
        find_model("human_mesh", "hf:org/name")


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(registry.REGISTRY["painter"], "absent", Entry("package_that_is_not:Painter", "pip install it"))
    with pytest.raises(
        BackendError, match="needs the package 'package_that_is_not', which is not installed: pip install it"
    ):
        load_models({"painter": "absent"})


def test_a_hole_in_the_project_itself_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        registry.REGISTRY["painter"], "lost", Entry("mfh.models.relative_depth.lost:Painter", "pip install it")
    )
    with pytest.raises(ModuleNotFoundError, match=r"mfh\.models\.relative_depth\.lost"):
        load_models({"painter": "lost"})


def test_every_preset_names_models_that_are_registered():
    for config in PRESETS.values():
        for role, name in names_of(config).items():
            assert find_model(role, name).target.startswith("mfh.models."), (config.name, role)


def test_models_named_by_their_place_are_told_it(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setitem(registry.NAMED_BY_PLACE, "painter", Entry("builtins:str", "pip install nothing"))
    assert load_models({"painter": "hf:org/name@v1"}) == {"painter": "hf:org/name@v1"}
    assert load_models({"painter": str(tmp_path)}) == {"painter": str(tmp_path)}


def test_every_entry_names_artefacts_and_extras_that_are_there():
    from mfh.weights.catalog import CATALOG

    for role in registry.REGISTRY.values():
        for entry in role.values():
            assert set(entry.weights) <= set(CATALOG) and entry.weights
            # What no index has may have to be cloned.
            assert entry.install.startswith("pip install " if not entry.module else ("pip install git+", "git clone "))
            assert (entry.gpu_gb > 0) == bool(entry.packages)


def test_all_missing_files_are_named_with_the_first(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as error:
        load_models({"human_mesh": "blazepose", "object_detector": "nanodet"})
    assert str(error.value).startswith("BlazePose files are not here")
    assert str(error.value).endswith("; also missing: nanodet ('mfh doctor' says how to get each)")
    with pytest.raises(WeightsError) as error:
        load_models({"human_mesh": "blazepose"})
    assert "also missing" not in str(error.value)
