"""Presets: those that are offered can be asked for, one at a time is in memory, and what is missing is one line."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

import mfh.app.presets
from mfh.app.presets import PresetModels
from mfh.app.schema import Health
from mfh.app.work import Refusal
from mfh.config import Config, preset
from mfh.errors import WeightsError
from mfh.models.needs import what_is_missing
from mfh.models.registry import CONFIG_FIELDS
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request
from tests.app.live import live_server, picture
from tests.app.test_limits import error_of
from tests.report.scene import room
from tests.toy_world import render


class Loaded(MetricFromHuman):
    """A pipeline that records what it was asked."""

    made: list[weakref.ref]
    asked: list[tuple[Config, Request]]

    def __init__(self, config: Config, **models) -> None:
        self.config, self.missing_objects = config, ""
        self.__dict__.update(dict.fromkeys(CONFIG_FIELDS), **models)

    @classmethod
    def from_config(cls, config: Config, *, models=None) -> "Loaded":
        gc.collect()
        assert all(one() is None for one in cls.made), "two presets are in memory"
        one = cls(config)
        cls.made.append(weakref.ref(one))
        return one

    def gather(self, photo, request=Request()):
        Loaded.asked.append((self.config, request))
        return replace(room(64, 48), preset=self.config.name)


@pytest.fixture
def models(monkeypatch):
    Loaded.made, Loaded.asked = [], []
    monkeypatch.setattr(mfh.app.presets, "MetricFromHuman", Loaded)
    monkeypatch.setattr(mfh.app.presets, "what_is_missing", lambda config: "no sd2" if config.name == "paper" else "")
    return PresetModels(["pocket", "standard", "paper"])


def gathered(models: PresetModels, name: str, request: Request = Request(), **options):
    options = {"people": None, "seed": None, **options}
    return models.gather(render([]), request, preset=name, **options).preset


def test_the_last_preset_asked_for_is_in_memory(models):
    assert list(models.configs) == ["pocket", "standard", "paper"]
    for name in ("pocket", "pocket", "standard", "standard", "pocket"):
        stages = []
        assert gathered(models, name, Request(progress=lambda *stage, to=stages: to.append(stage))) == name
    assert len(Loaded.made) == 3 and stages == [("loading preset pocket", 0.0)]


def test_a_preset_that_is_not_here_leaves_the_other_in_memory(models):
    with pytest.raises(Refusal, match="preset paper cannot run here: no sd2") as refused:
        gathered(models, "paper")
    assert refused.value.status == 503
    assert gathered(models, "pocket") == "pocket" and len(Loaded.made) == 1


def test_people_are_painted_one_by_one_where_each_is_reported(models):
    gathered(models, "pocket", seed=7, people="paint")
    gathered(models, "pocket", Request(on_painting=lambda one: None))
    (plain, _), (reported, _) = Loaded.asked
    assert (plain.seed, plain.people, plain.painting) == (7, "paint", preset("pocket").painting)
    assert reported.painting.batch_size == 1


def test_what_is_missing_names_packages_files_and_commands(monkeypatch, tmp_path):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("mfh.models.needs.split_installed", lambda packages: (["diffusers"], []))
    line = what_is_missing(preset("standard"))
    assert "no package diffusers: pip install 'metric-from-human[hub" in line
    assert "no model files of" in line and "sdxl" in line and "mfh weights fetch --preset standard" in line
    assert str(tmp_path) not in line and "\n" not in line
    monkeypatch.setattr("mfh.models.needs.split_installed", lambda packages: ([], []))
    line = what_is_missing(preset("pocket"))
    assert line.startswith("no model files of blazepose: mfh weights fetch --preset pocket"), "without what is optional"


def test_models_that_do_not_load_are_one_line_without_a_path(models, monkeypatch):
    def broken(config):
        raise WeightsError("/home/user/model is damaged")

    monkeypatch.setattr(Loaded, "from_config", broken)
    with pytest.raises(Refusal, match="preset standard cannot run here: its models cannot be loaded") as refused:
        gathered(models, "standard")
    assert "/home" not in refused.value.line


def test_a_request_names_a_preset_that_is_offered(live):
    assert live.upload(picture(), preset="paper").tree["receipt"]["preset"] == "paper"
    assert live.upload(picture()).tree["receipt"]["preset"] == "pocket"
    assert live.models.presets == ["paper", "pocket"]
    reply = live.upload(picture(), preset="standard")
    assert reply.status == 422 and error_of(reply) == "preset is 'standard': expected one of pocket, paper"
    health = live.ask("GET", "/healthz").tree
    assert Health.model_validate(health).presets == ["pocket", "paper"] and health["preset"] == "pocket"
    assert "preset" in live.ask("GET", "/openapi.json").tree["components"]["schemas"]["Receipt"]["properties"]


def test_a_result_is_fitted_again_with_the_head_of_its_own_preset(live):
    paper, pocket = (live.upload(picture(), preset=name).tree for name in ("paper", "pocket"))
    assert paper["receipt"]["head"] != pocket["receipt"]["head"], "the paper has another head"
    for one in (paper, pocket):
        again = live.post("/v1/refit", {"id": one["id"]}).tree
        assert again["receipt"]["head"]["scale"] == pytest.approx(one["receipt"]["head"]["scale"])
        length = live.post("/v1/measure", {"id": one["id"], "start_xy": [10, 60], "end_xy": [80, 60]}).tree
        same = live.post("/v1/measure", {"id": again["id"], "start_xy": [10, 60], "end_xy": [80, 60]}).tree
        assert length["metres"] == pytest.approx(same["metres"]) and np.isfinite(length["metres"])
    assert len(live.models.presets) == 2, "no model ran again"


def test_a_preset_that_is_not_here_is_one_line_without_a_path(tmp_path, monkeypatch):
    def gather(*_, **__):
        raise Refusal(503, "preset paper cannot run here: no model files of sd2: mfh weights fetch --preset paper")

    with live_server(tmp_path / "temporary", monkeypatch) as live:
        monkeypatch.setattr(live.models, "gather", gather)
        reply = live.upload(picture(), preset="paper")
        assert reply.status == 503 and "mfh weights fetch --preset paper" in error_of(reply)
