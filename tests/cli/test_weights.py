"""``mfh weights`` and ``mfh doctor``: what is there, what is not, and the command that fixes it."""

import tomllib
from pathlib import Path

import pytest

from mfh.cli.doctor import CORE, EXTRAS, package_status
from mfh.models import weights

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


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
    assert run.code == 0 and sorted(asked) == ["blazepose", "pocket-depth", "pocket-painter", "smpl"]
    assert "blazepose: as expected" in run.out and "smpl: here, with no digest" in run.out


@pytest.mark.parametrize("words", [["fetch", "nope"], ["verify", "nope"]])
def test_unknown_name(run_mfh, words):
    run = run_mfh("weights", *words)
    assert run.code == 2 and "unknown model files 'nope'" in run.error_line


def test_fetch_says_where_the_files_are(run_mfh, empty_cache, monkeypatch):
    monkeypatch.setattr(weights, "fetch", lambda name, *, progress: progress("download", 0.5) or empty_cache / name)
    run = run_mfh("weights", "fetch", "blazepose")
    assert run.code == 0 and run.out == f"blazepose: in {empty_cache / 'blazepose'}\n"


def test_fetch_without_a_name(run_mfh):
    run = run_mfh("weights", "fetch")
    assert run.code == 2 and "see mfh weights fetch --help" in run.error_line


def test_doctor_names_the_person_model_and_the_fix(run_mfh, empty_cache):
    run = run_mfh("doctor")
    assert run.code == 2
    assert "finding and measuring people" in run.out
    preset_line = next(line for line in run.out.splitlines() if line.startswith("  pocket  "))
    assert "missing" in preset_line and ("mfh weights fetch" in preset_line or "reinstall" in preset_line)


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
