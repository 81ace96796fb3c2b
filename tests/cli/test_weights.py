"""``mfh weights`` and ``mfh doctor``: what is there, what is not, and the command that fixes it."""

import os
import tomllib
from pathlib import Path

import pytest

from mfh.cli.doctor import CORE, EXTRAS, package_status
from mfh.config import changed, preset
from mfh.weights import store as weights

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.slow
def test_list_names_place_licence_and_the_command_that_gets_them(run_mfh, empty_cache):
    run = run_mfh("weights", "list")
    assert run.code == 0 and run.err == ""
    for expected in ("blazepose", "missing", "9.6 MB", "Apache-2.0", "mfh weights fetch blazepose", str(empty_cache)):
        assert expected in run.out


def test_verify_says_what_is_missing_and_how_to_get_it(run_mfh, empty_cache):
    run = run_mfh("weights", "verify", "blazepose")
    assert run.code == 2 and "mfh weights fetch blazepose" in run.error_line and run.out == ""


def test_verify_without_a_name_looks_at_the_default_preset_and_at_all_that_is_here(run_mfh, monkeypatch, empty_cache):
    (empty_cache / "smpl").mkdir(parents=True)
    asked = []
    monkeypatch.setattr(weights, "verify", lambda name: asked.append(name) or name != "smpl")
    run = run_mfh("weights", "verify")
    assert run.code == 0 and sorted(asked) == ["blazepose", "pocket-depth", "pocket-painter", "scale-prior", "smpl"]
    assert "blazepose: as expected" in run.out and "smpl: here, with no digest" in run.out


@pytest.mark.parametrize("words", [["fetch", "nope"], ["verify", "nope"]])
def test_unknown_name(run_mfh, words):
    run = run_mfh("weights", *words)
    assert run.code == 2 and "unknown model files 'nope'" in run.error_line


def test_fetch_says_where_the_files_are(run_mfh, empty_cache, monkeypatch):
    monkeypatch.setattr(
        weights, "fetch", lambda name, *, replace, progress: progress("download", 0.5) or empty_cache / name
    )
    run = run_mfh("weights", "fetch", "blazepose")
    assert run.code == 0 and run.out == f"blazepose: in {empty_cache / 'blazepose'}\n"


def test_fetch_without_a_name_gets_the_default_preset(run_mfh, empty_cache, monkeypatch):
    fetched = []
    monkeypatch.setattr(weights, "fetch", lambda name, *, replace, progress: fetched.append(name) or empty_cache / name)
    assert run_mfh("weights", "fetch").code == 0
    assert sorted(fetched) == ["blazepose", "nanodet", "pocket-depth", "pocket-painter", "scale-prior"]


def test_a_preset_is_fetched_without_what_is_optional(run_mfh, empty_cache, tmp_path, monkeypatch):
    fetch = weights.fetch

    def fetch_or_not(name, *, replace, progress):
        return fetch(name, replace=replace, progress=progress) if name == "nanodet" else empty_cache / name

    monkeypatch.setattr(weights, "fetch", fetch_or_not)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for words in ((), ("--preset", "pocket")):
        run = run_mfh("weights", "fetch", *words)
        assert run.code == 0 and "blazepose: in" in run.out
        assert run.error_line.startswith("mfh: nanodet is fetched with npm, which is not on the path: install Node.js")
        assert run.error_line.endswith("; until then objects are not looked for")
    run = run_mfh("weights", "fetch", "nanodet")
    assert run.code == 2 and "which is not on the path" in run.error_line
    assert "install Node.js, then mfh weights fetch nanodet" in run_mfh("weights", "list", "--preset", "pocket").out


def test_doctor_runs_the_pocket_preset_without_objects_and_fetches_nothing(run_mfh, empty_cache, monkeypatch):
    from mfh.cli.doctor import preset_status
    from mfh.pipeline.pipeline import MetricFromHuman

    asked = []

    class Pipeline:
        def __init__(self, config):
            self.config = config

    def from_preset(name, **overrides):
        asked.append(overrides)
        return Pipeline(changed(preset(name), **overrides))

    monkeypatch.setattr(MetricFromHuman, "from_preset", from_preset)
    state, text = preset_status("pocket")
    assert state == "ok" and asked == [{"object_detector": None}]
    assert "objects are not looked for: " in text and "mfh weights fetch nanodet" in text
    monkeypatch.setattr(weights, "is_here", lambda name: True)
    assert "objects nanodet" in preset_status("pocket")[1] and asked[1] == {}


@pytest.mark.slow
def test_doctor_names_the_person_model_and_the_fix(run_mfh, empty_cache):
    run = run_mfh("doctor")
    assert run.code == 2
    assert "finding and measuring people" in run.out
    preset_line = next(line for line in run.out.splitlines() if line.startswith("  pocket  "))
    assert "missing" in preset_line and ("mfh weights fetch" in preset_line or "reinstall" in preset_line)


@pytest.mark.slow
def test_doctor_is_content_where_the_presets_can_run(run_mfh, monkeypatch):
    monkeypatch.setattr("mfh.cli.doctor.preset_status", lambda name: ("ok", "can run"))
    assert run_mfh("doctor").code == 0


def test_package_status():
    assert package_status(("numpy",), fix="x")[0] == "ok"
    assert package_status(("numpy", "no-such-package"), fix="pip install it") == (
        "missing",
        "no no-such-package: pip install it",
    )


def test_doctor_lists_painters_with_their_sense_of_size(run_mfh, monkeypatch):
    from mfh.errors import WeightsError
    from mfh.models import registry

    class Painter:
        provenance = "sizes learned in a made-up world"

    def load_models(names):
        if names["painter"] == "absent":
            raise WeightsError("its files are missing: fetch them")
        return {"painter": Painter()}

    entry = registry.Entry("nowhere:Painter", "pip install nothing")
    monkeypatch.setitem(registry.REGISTRY, "painter", {"made-up": entry, "absent": entry})
    monkeypatch.setattr(registry, "load_models", load_models)
    monkeypatch.setattr("mfh.cli.doctor.preset_status", lambda name: ("ok", "can run"))
    rows = [line.split(maxsplit=2) for line in run_mfh("doctor").out.splitlines()]
    assert ["made-up", "ok", "can run; sizes learned in a made-up world"] in rows
    assert ["absent", "missing", "its files are missing: fetch them"] in rows


def test_doctor_knows_the_packages_of_pyproject():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements):
        return {requirement.split(">")[0].split("=")[0] for requirement in requirements}

    assert names(project["dependencies"]) == set(CORE)
    assert {extra: names(packages) for extra, packages in project["optional-dependencies"].items()} == {
        extra: set(packages) for extra, packages in EXTRAS.items()
    }


def test_commercial_ok_leaves_out_what_is_not_permitted_and_says_why(run_mfh, empty_cache):
    run = run_mfh("weights", "list", "--preset", "paper", "--commercial-ok")
    assert run.code == 0
    assert (
        "sd2 " in run.out and "smpl                     left out: its licence is for non-commercial research" in run.out
    )
    everything = run_mfh("weights", "list").out
    assert "(not commercial)" in everything and "(gated)" in everything


def test_fetching_a_preset_gets_what_it_can_and_says_what_blocks(run_mfh, empty_cache, monkeypatch):
    from mfh.weights import hub

    fetched = []
    monkeypatch.setattr(hub, "offline_reason", lambda url="": "")
    monkeypatch.setattr(weights, "fetch", lambda name, *, replace, progress: fetched.append(name) or empty_cache / name)
    run = run_mfh("weights", "fetch", "--preset", "paper", "--commercial-ok")
    assert fetched == ["depth-anything-v1-large", "mask_rcnn", "blazepose", "sd2"]
    assert run.code == 0 and "smpl is left out" in run.err and "hmr2 is left out" in run.err
    assert "blazepose takes the place of the human mesh hmr2" in run.err
    assert run_mfh("weights", "fetch", "mask2former", "--commercial-ok").code == 2
    assert "mask2former" not in fetched
    assert run_mfh("weights", "fetch", "--preset", "pocket").code == 0


def test_all_that_is_missing_is_told_at_once_and_doctor_says_the_same(run_mfh, empty_cache, monkeypatch):
    monkeypatch.setattr("mfh.cli.doctor.painter_status", lambda name: ("ok", ""))
    run = run_mfh("weights", "fetch", "--preset", "standard")
    smpl, hub, summary = run.err.splitlines()
    assert run.code == 2 and run.out == ""
    assert smpl.startswith("mfh: only you can get smpl: register at smplify.is.tue.mpg.de or smpl.is.tue.mpg.de")
    assert str(empty_cache / "smpl") in smpl and "SMPL_NEUTRAL.pkl" in smpl and "MFH_SMPL" in smpl
    assert hub.startswith("mfh: depth-anything-v2-large, mask2former, hmr2, sdxl, lcm-sdxl cannot be fetched")
    assert "(MFH_OFFLINE is set): unset it, or bring" in hub and "mfh weights import" in hub
    assert summary.endswith("(see above): run 'mfh weights fetch --preset standard' again")
    told = [line.strip() for line in run_mfh("doctor").out.splitlines()]
    for line in (smpl, hub):
        assert line.removeprefix("mfh: ") in told


def test_of_a_preset_what_can_be_fetched_is_and_the_rest_is_told_before_and_after(run_mfh, empty_cache, monkeypatch):
    from mfh.errors import WeightsError

    def fetch(name, *, replace, progress):
        fetched.append(name)
        if name == "mask_rcnn":
            raise WeightsError("the download of mask_rcnn broke off (why): again")
        return empty_cache / name

    fetched = []
    monkeypatch.setattr("mfh.weights.hub.offline_reason", lambda: "")
    monkeypatch.setattr("mfh.models.fetching.fetch_model", fetch)
    run = run_mfh("weights", "fetch", "--preset", "paper")
    assert run.code == 2 and fetched == ["depth-anything-v1-large", "mask_rcnn", "hmr2", "sd2"]
    smpl, broken, summary = run.err.splitlines()
    assert "only you can get smpl" in smpl and broken == "mfh: the download of mask_rcnn broke off (why): again"
    assert summary == (
        "mfh: preset paper still needs smpl, mask_rcnn (see above): run 'mfh weights fetch --preset paper' again"
    )
    assert run.out.splitlines()[0] == "fetching depth-anything-v1-large, mask_rcnn, hmr2, sd2 (9.39 GB)"


def test_without_the_hubs_library_the_rest_is_fetched_too(run_mfh, empty_cache, monkeypatch):
    fetched = []
    monkeypatch.setattr("mfh.weights.hub.find_spec", lambda name: None)
    monkeypatch.setattr(weights, "fetch", lambda name, *, replace, progress: fetched.append(name) or empty_cache / name)
    run = run_mfh("weights", "fetch", "--preset", "paper")
    assert run.code == 2 and fetched == ["mask_rcnn"]
    assert "the package 'huggingface_hub' is not installed: pip install 'metric-from-human[hub]'): bring" in run.err


def test_export_and_import_by_command(run_mfh, empty_cache, tmp_path, monkeypatch):
    (empty_cache / "smpl").mkdir(parents=True)
    (empty_cache / "smpl" / "SMPL_NEUTRAL.npz").write_bytes(b"body")
    run = run_mfh("weights", "export", tmp_path / "carry")
    assert run.code == 2 and "no model files here to export" in run.error_line
    run = run_mfh("weights", "export", tmp_path / "carry", "smpl")
    assert run.code == 0 and run.out == f"smpl: in {tmp_path / 'carry' / 'smpl'}\n"
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "there"))
    run = run_mfh("weights", "import", tmp_path / "carry")
    assert run.code == 0 and run.out == f"smpl: in {tmp_path / 'there'}\n"
    assert (tmp_path / "there" / "smpl" / "SMPL_NEUTRAL.npz").read_bytes() == b"body"


def test_fetch_wants_one_thing(run_mfh):
    assert "expected one name or --preset" in run_mfh("weights", "fetch", "sd2", "--preset", "paper").error_line
    assert (
        "licence of hf:org/name is not known"
        in run_mfh("weights", "fetch", "hf:org/name", "--commercial-ok").error_line
    )


@pytest.mark.slow
def test_doctor_says_what_each_preset_needs_without_loading_it(run_mfh, empty_cache, monkeypatch):
    monkeypatch.setattr("mfh.cli.doctor.painter_status", lambda name: ("ok", ""))
    out = run_mfh("doctor").out
    assert "needs about 14 GB of GPU memory, 9.43 GB of model files" in out
    assert "mfh weights fetch --preset paper" in out and "not for commercial use: hmr2, smpl" in out


@pytest.mark.slow
def test_doctor_names_packages_that_are_on_no_index_and_how_to_install_them(run_mfh, empty_cache, monkeypatch):
    from mfh.models import registry

    monkeypatch.setattr("mfh.cli.doctor.painter_status", lambda name: ("ok", ""))
    monkeypatch.setattr("mfh.cli.doctor.find_spec", lambda module: None)
    rows = {line.split()[0]: line for line in run_mfh("doctor").out.splitlines() if line.startswith("  ")}
    for name, text in {
        "moge": "no package moge: pip install git+https://github.com/microsoft/MoGe.git; mfh weights fetch moge",
        "multi-hmr2": "no package multihmr2: pip install git+https://github.com/naver/multi-hmr2.git; read the licence",
        "sam-3d-body": "no package sam_3d_body: git clone https://github.com/facebookresearch/sam-3d-body, install",
    }.items():
        assert f" -        {text}" in rows[name]
    monkeypatch.setattr("mfh.cli.doctor.find_spec", lambda module: module)
    monkeypatch.setattr("mfh.weights.store.installed", lambda name: True)
    out = run_mfh("doctor").out
    assert out.count("package and model files are here") >= 4
    # What a preset needs is told the same way.
    entry = registry.Entry("nowhere:Body", "git clone it", ("smpl",), module="no_such_package")
    monkeypatch.setitem(registry.REGISTRY["human_mesh"], "blazepose", entry)
    monkeypatch.setattr("mfh.cli.doctor.find_spec", lambda module: None)
    monkeypatch.setattr("mfh.cli.doctor.preset_status", lambda name: ("ok", ""))
    assert "package missing: no_such_package: git clone it" in run_mfh("doctor").out


@pytest.mark.parametrize(
    "words",
    [
        *(
            ["list"],
            ["fetch", "blazepose"],
            ["fetch", "smpl"],
            ["fetch", "hf:org/name"],
            ["verify"],
            ["verify", "smpl"],
        ),
        *(["export", "carry"], ["export", "carry", "sd2"], ["doctor"]),
    ],
)
@pytest.mark.parametrize("fault", ["file", "link", "nobody"])
def test_a_cache_that_is_none_is_one_line_whatever_is_asked(run_mfh, tmp_path, monkeypatch, words, fault):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "cache"
    if fault == "file":
        place.write_text("x")
    elif fault == "link":
        place.symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv("MFH_WEIGHTS", "~nobody-has-this-name" if fault == "nobody" else str(place))
    monkeypatch.setattr("mfh.cli.doctor.preset_status", lambda name: ("ok", "can run"))
    run = run_mfh(*(words if words == ["doctor"] else ["weights", *words]))
    assert run.code == 2 and run.error_line.startswith("mfh: MFH_WEIGHTS is ")
    assert sorted(path.name for path in tmp_path.iterdir()) == (["cache"] if fault != "nobody" else [])


def test_a_cache_whose_name_is_no_utf8_is_shown(run_mfh, tmp_path, monkeypatch):
    place = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    monkeypatch.setenv("MFH_WEIGHTS", place)
    run = run_mfh("weights", "list")
    assert run.code == 0 and rf"kept in {tmp_path}/caf\xe9" in run.out
    (Path(place) / "smpl").mkdir(parents=True)
    (Path(place) / "smpl" / "SMPL_NEUTRAL.npz").write_bytes(b"body")
    run = run_mfh("weights", "export", tmp_path / "carry", "smpl")
    assert run.code == 0
    run = run_mfh("weights", "import", tmp_path / "carry")
    assert run.code == 0 and rf"smpl: in {tmp_path}/caf\xe9" in run.out


def test_an_import_over_the_users_own_model_is_refused_until_it_is_asked_for(
    run_mfh, empty_cache, tmp_path, monkeypatch, caplog
):
    (empty_cache / "smpl").mkdir(parents=True)
    (empty_cache / "smpl" / "SMPL_NEUTRAL.npz").write_bytes(b"body")
    assert run_mfh("weights", "export", tmp_path / "carry", "smpl").code == 0
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "there"))
    mine = tmp_path / "there" / "smpl" / "SMPL_NEUTRAL.pkl"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    run = run_mfh("weights", "import", tmp_path / "carry")
    assert run.code == 2 and "holds SMPL_NEUTRAL.pkl, which this would replace" in run.error_line
    assert "--replace" in run.error_line and mine.read_bytes() == b"mine"
    run = run_mfh("weights", "import", tmp_path / "carry", "--replace")
    assert run.code == 0
    kept = tmp_path / "there" / "smpl.replaced-1" / "SMPL_NEUTRAL.pkl"
    assert kept.read_bytes() == b"mine" and f"it is kept in {kept.parent}" in caplog.text


def test_a_damaged_list_of_one_models_files_does_not_hide_the_others(run_mfh, empty_cache, tmp_path, monkeypatch):
    folder = weights.path("sd2")
    folder.mkdir(parents=True)
    (folder / "mfh-weights.json").write_text("{")
    monkeypatch.setattr("mfh.cli.doctor.preset_status", lambda name: ("ok", "can run"))
    monkeypatch.setattr("mfh.cli.doctor.painter_status", lambda name: ("ok", ""))
    for words in (["weights", "list"], ["doctor"]):
        run = run_mfh(*words)
        assert run.code == 0 and run.err == "" and "damaged" in run.out and "blazepose" in run.out
    (empty_cache / "smpl").mkdir()
    (empty_cache / "smpl" / "SMPL_NEUTRAL.npz").write_bytes(b"body")
    assert run_mfh("weights", "export", tmp_path / "carry", "smpl").code == 0
    run = run_mfh("weights", "verify", "sd2")
    assert run.code == 2 and "mfh-weights.json is damaged" in run.error_line
