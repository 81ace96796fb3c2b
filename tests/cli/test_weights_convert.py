import pytest
from safetensors.torch import load_file

from mfh.cli.main import main
from mfh.models.human_mesh import hmar_network, hmr2_network
from tests.models.human_mesh import hmar_fixtures
from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint


def test_converts_to_where_the_model_looks_for_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("MFH_HMR2", raising=False)
    monkeypatch.setattr(hmr2_network, "PUBLISHED", TINY)
    state = dict(random_network(TINY).state_dict())
    checkpoint = save_training_checkpoint(state, tmp_path / "epoch=35-step=1000000.ckpt")
    assert main(["weights", "convert", "hmr2", str(checkpoint)]) == 0
    place = tmp_path / "cache" / "hmr2" / "hmr2.safetensors"
    assert str(place) in capsys.readouterr().out
    assert load_file(place).keys() == state.keys()
    assert main(["weights", "convert", "hmr2", str(checkpoint), "--out", str(tmp_path / "mine.safetensors")]) == 0
    assert (tmp_path / "mine.safetensors").read_bytes() == place.read_bytes()


def test_says_what_it_cannot_convert(tmp_path, capsys):
    assert main(["weights", "convert", "hmr3", "a.ckpt"]) == 2
    assert "nothing to convert for 'hmr3': expected one of hmr2" in capsys.readouterr().err
    assert main(["weights", "convert", "hmr2", str(tmp_path / "no.ckpt")]) == 2
    error = capsys.readouterr().err
    assert "no file" in error and error.count("\n") == 1
    (tmp_path / "page.ckpt").write_text("<html>")
    assert main(["weights", "convert", "hmr2", str(tmp_path / "page.ckpt")]) == 2
    assert "is not a checkpoint" in capsys.readouterr().err


@pytest.mark.slow
def test_a_file_that_is_there_is_not_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hmr2_network, "PUBLISHED", TINY)
    checkpoint = save_training_checkpoint(dict(random_network(TINY).state_dict()), tmp_path / "a.ckpt")
    before = checkpoint.read_bytes()
    (tmp_path / "mine.safetensors").write_bytes(b"mine")
    for out, message in (("mine.safetensors", "is there already"), ("a.ckpt", "is the checkpoint itself")):
        assert main(["weights", "convert", "hmr2", str(checkpoint), "--out", str(tmp_path / out)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert (tmp_path / "mine.safetensors").read_bytes() == b"mine" and checkpoint.read_bytes() == before
    for _ in range(2):
        assert main(["weights", "convert", "hmr2", str(checkpoint), "--out", str(tmp_path / "new.safetensors")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "mine.safetensors", "new.safetensors"]


def test_a_cache_that_is_none_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("x")
    monkeypatch.delenv("MFH_HMR2", raising=False)
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "file"))
    assert main(["weights", "convert", "hmr2", str(tmp_path / "a.ckpt")]) == 2
    error = capsys.readouterr().err
    assert "MFH_WEIGHTS is" in error and "which is a file" in error and error.count("\n") == 1


def test_converts_hmar_to_where_the_model_looks_for_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("MFH_HMAR", raising=False)
    monkeypatch.setattr(hmar_network, "PUBLISHED", hmar_fixtures.SMALLEST)
    state = hmar_fixtures.seeded_state(hmar_fixtures.network_shapes(hmar_fixtures.SMALLEST))
    checkpoint = hmar_fixtures.save_phalp(state, tmp_path / "hmar_v2_weights.pth", drop=("init_cam",))
    assert main(["weights", "convert", "hmar", str(checkpoint)]) == 2
    error = capsys.readouterr().err
    assert "has no smpl_head.init_cam" in error and "--means" in error and error.count("\n") == 1
    means = hmar_fixtures.save_means(state, tmp_path).rename(tmp_path / "mine.npz")
    assert main(["weights", "convert", "hmar", str(checkpoint), "--means", str(means)]) == 0
    place = tmp_path / "cache" / "hmar" / "hmar.safetensors"
    assert str(place) in capsys.readouterr().out and load_file(place).keys() == state.keys()
    assert main(["weights", "convert", "hmr2", str(checkpoint), "--means", str(means)]) == 2
    assert "--means is of hmar" in capsys.readouterr().err
