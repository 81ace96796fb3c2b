"""The checkpoint of HMR 2.0 wherever a user has it: in a file, a folder, an archive."""

import io
import os
import re
import tarfile

import pytest
import torch

from mfh.cli.main import main
from mfh.errors import InputError, WeightsError
from mfh.models.human_mesh import hmr2_source
from mfh.models.human_mesh.hmr2_checkpoint import load_network
from mfh.models.human_mesh.hmr2_source import convert_source, pick_file
from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint

NAME = "epoch=35-step=1000000.ckpt"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> bytes:
    """The checkpoint."""
    folder = tmp_path_factory.mktemp("published")
    state = dict(random_network(TINY).state_dict())
    return save_training_checkpoint(state, folder / NAME, library="omegaconf", sizes=TINY).read_bytes()


def packed(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("names", "picked"),
    [
        (
            ["README.md", f"train/multiruns/hmr2/0/checkpoints/{NAME}", "hmr2_data.tar.gz"],
            f"train/multiruns/hmr2/0/checkpoints/{NAME}",
        ),
        ([f"b/{NAME}", f"a/{NAME}", "other.ckpt"], f"a/{NAME}"),
        (["only.ckpt", "hmr2_data.tar.gz"], "only.ckpt"),
        (["smpl/SMPL_NEUTRAL.pkl", "x/hmr2_data.tar.gz", "other.tar.gz"], "x/hmr2_data.tar.gz"),
        (["only.tgz"], "only.tgz"),
    ],
)
def test_which_file_is_picked(names, picked):
    assert pick_file(names, "it") == pick_file(names[::-1], "it") == picked


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["a.ckpt", "b.ckpt"],
            r"it has 2 files that may be the HMR 2\.0 checkpoint \(a\.ckpt, b\.ckpt\): expected one",
        ),
        (["a.tar.gz", "b.tgz"], "it has 2 files that may be"),
        (
            ["README.md", "smpl/SMPL_NEUTRAL.pkl"],
            r"it has no epoch=35.*only README\.md, smpl/SMPL_NEUTRAL\.pkl: expected",
        ),
        ([], "only nothing"),
        ([f"{k}.txt" for k in range(30)], "and 22 more"),
    ],
)
def test_where_there_is_none_or_more_than_one_all_that_was_found_is_named(names, message):
    with pytest.raises(WeightsError, match=message) as caught:
        pick_file(names, "it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w:gz", "w", "w:bz2", "w:xz"])
def test_the_archive_is_converted_and_nothing_else_of_it_is_unpacked(tmp_path, published, mode):
    members = {
        "data/smpl/SMPL_NEUTRAL.pkl": b"not touched",
        "../../escape.ckpt.txt": b"out",
        "/tmp/escape-hmr2.yaml": b"out",
        f"../../logs/checkpoints/{NAME}": published,
    }
    source = tmp_path / "in" / "hmr2_data.tar.gz"
    source.parent.mkdir()
    source.write_bytes(packed(members, mode))
    steps = []
    written = convert_source(source, tmp_path / "out" / "hmr2.safetensors", report=lambda *step: steps.append(step))
    assert load_network(written).state_dict().keys() == random_network(TINY).state_dict().keys()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "in/hmr2_data.tar.gz",
        "out/hmr2.safetensors",
    ]
    assert not os.path.exists("/tmp/escape-hmr2.yaml")
    fractions = [fraction for _, fraction in steps]
    assert [step for step, _ in steps][0] == "unpack" and steps[-1][0] == "convert" and fractions == sorted(fractions)


def test_links_and_folders_in_an_archive_are_no_checkpoints(tmp_path, published):
    (tmp_path / "secret.ckpt").write_bytes(published)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for kind, name in ((tarfile.SYMTYPE, NAME), (tarfile.LNKTYPE, f"a/{NAME}"), (tarfile.DIRTYPE, f"b/{NAME}")):
            about = tarfile.TarInfo(name)
            about.type, about.linkname = kind, str(tmp_path / "secret.ckpt")
            archive.addfile(about)
    source = tmp_path / "hmr2_data.tar.gz"
    source.write_bytes(stream.getvalue())
    with pytest.raises(WeightsError, match=f"has no {NAME}, only"):
        convert_source(source, tmp_path / "hmr2.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hmr2_data.tar.gz", "secret.ckpt"]


def test_a_name_of_a_gigabyte_is_not_read(tmp_path):
    """A long name is a member of its own, whose size the archive announces."""
    about = tarfile.TarInfo("long")
    about.type, about.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    source = tmp_path / "hmr2_data.tar"
    source.write_bytes(about.tobuf() + bytes(10_000))
    with pytest.raises(WeightsError, match=r"hmr2_data\.tar is damaged .*a header of 1,073,741,824 bytes"):
        convert_source(source, tmp_path / "a.safetensors")
    sparse = tarfile.TarInfo(NAME)
    sparse.type = tarfile.GNUTYPE_SPARSE
    source.write_bytes(sparse.tobuf() + bytes(10_000))
    with pytest.raises(WeightsError, match=r"hmr2_data\.tar (is damaged|has no)"):
        convert_source(source, tmp_path / "a.safetensors")


def test_a_folder_is_searched(tmp_path, published):
    place = tmp_path / "4DHumans" / "logs" / "train" / "multiruns" / "hmr2" / "0" / "checkpoints"
    place.mkdir(parents=True)
    (place / NAME).write_bytes(published)
    (place / "notes.txt").write_text("mine")
    convert_source(tmp_path / "4DHumans", tmp_path / "a.safetensors")
    (place / NAME).unlink()
    (tmp_path / "4DHumans" / "hmr2_data.tar.gz").write_bytes(packed({NAME: published}))
    convert_source(tmp_path / "4DHumans", tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="empty has no .*only nothing"):
        convert_source(tmp_path / "empty", tmp_path / "c.safetensors")
    with pytest.raises(
        InputError, match=r"no file .*nowhere: expected epoch=35-step=1000000\.ckpt, hmr2_data\.tar\.gz"
    ):
        convert_source(tmp_path / "nowhere", tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[: len(content) // 2], r"hmr2_data\.tar\.gz is damaged"),
        (lambda content: content[:-9], r"hmr2_data\.tar\.gz is damaged|^$"),
        (
            lambda content: content[:2000] + bytes(500) + content[2500:],
            r"is damaged|cannot read the checkpoint in .*hmr2_data\.tar\.gz",
        ),
        (lambda content: b"\x1f\x8b" + os.urandom(4000), r"is damaged .*expected the hmr2_data\.tar\.gz of 4D-Humans"),
        (lambda content: b"", "is empty"),
        (lambda content: b"<html>not found</html>" * 100, r"is not a checkpoint \(neither a zip archive"),
        (lambda content: packed({"readme": b"x"}), f"has no {NAME}, only readme"),
        (lambda content: packed({"a.ckpt": b"x", "b.ckpt": b"y"}), "has 2 files that may be"),
        (lambda content: packed({NAME: b"not a checkpoint"}), "is not a checkpoint"),
    ],
)
def test_a_damaged_archive_is_one_line_and_leaves_nothing(tmp_path, published, spoil, message):
    source = tmp_path / "hmr2_data.tar.gz"
    source.write_bytes(spoil(packed({"data/x": b"x" * 1000, NAME: published})))
    try:
        convert_source(source, tmp_path / "hmr2.safetensors")
    except WeightsError as error:
        assert re.search(message, str(error)) and "\n" not in str(error)
        assert [path.name for path in tmp_path.iterdir()] == ["hmr2_data.tar.gz"]
    else:
        # What is cut off after the checkpoint's last byte is of no matter.
        assert message.endswith("^$")


def test_a_disk_without_room_is_told_before_anything_is_unpacked(tmp_path, published, monkeypatch):
    source = tmp_path / "hmr2_data.tar.gz"
    source.write_bytes(packed({NAME: published}))
    monkeypatch.setattr(hmr2_source, "free_bytes", lambda folder: 1000)
    with pytest.raises(
        InputError, match=r"unpacking and converting needs 0\.00 GB and .* has 0\.00 GB free: free some"
    ):
        convert_source(source, tmp_path / "hmr2.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["hmr2_data.tar.gz"]


def test_an_archive_converts_by_command_and_says_that_it_is_another_network(tmp_path, published, monkeypatch, capsys):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("MFH_HMR2", raising=False)
    source = tmp_path / "hmr2_data.tar.gz"
    source.write_bytes(packed({NAME: published}))
    assert main(["weights", "convert", "hmr2", str(source)]) == 0
    captured = capsys.readouterr()
    place = tmp_path / "cache" / "hmr2" / "hmr2.safetensors"
    assert captured.out == f"hmr2: in {place}\n"
    assert "hmr2 is not the published network" in captured.err and captured.err.count("\n") == 1
    assert [path.name for path in place.parent.iterdir()] == ["hmr2.safetensors"]
    assert not torch.equal(load_network(place).state_dict()["smpl_head.init_cam"], torch.zeros(1, 3))
