"""The rules themselves: each is broken once, and seen."""

import json
import os
import random

import numpy as np
import pytest

from tests.fuzz import files, flags, guard, judge
from tests.fuzz.__main__ import FULL, SHORT, all_keys
from tests.fuzz.case import Outcome, Setting, Step
from tests.fuzz.damage import damage
from tests.fuzz.foreign import FOREIGN
from tests.fuzz.trial import site_of

PREDICT = Step(("predict", "photo.jpg"))
GOOD = Outcome(0, b"photo.jpg (64x48)\n", b"")


def kinds(step, outcome, *, ran=False):
    return [one.kind for one in judge.judge(step, outcome, ran=ran)]


def test_good_runs_have_no_failures():
    assert kinds(PREDICT, GOOD) == []
    assert kinds(PREDICT, Outcome(2, b"", b"mfh: no such file: photo.jpg; expected a picture file\n")) == []
    assert kinds(Step(("predict", "x", "--json")), Outcome(2, b'{"photos": []}\n', b"mfh: no such file\n")) == []


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome(1, b"", b"mfh: KeyError: 'x'; this is a fault in mfh, please report it\n"), "fault"),
        (Outcome(1, b"", b"mfh: anything\n"), "fault"),
        (Outcome(0, b"", b"Traceback (most recent call last)\n  File x\nKeyError: 1\n"), "traceback"),
        (Outcome(-11, b"", b""), "crash"),
        (Outcome(120, b"", b""), "code"),
        (Outcome(2, b"", b""), "silent"),
        (Outcome(2, b"", b"mfh: one\nmfh: two\n"), "lines"),
        (Outcome(0, b"", b"/x.py:3: RuntimeWarning: divide by zero\n"), "noise"),
        (Outcome(2, b"", b"mfh: no such file: \x1b[31m.jpg\n"), "control"),
        (Outcome(0, b"", b"", hung=True, seconds=20.0), "hang"),
        (Outcome(0, b"", b"", grown_mb=3000.0), "memory"),
        (Outcome(0, b"", b"", notes=("starts gs",)), "starts"),
        (Outcome(0, b"", b"", notes=("writes /etc/x",)), "writes"),
    ],
)
def test_every_rule_can_be_broken(outcome, expected):
    assert kinds(PREDICT, outcome) == [expected]


def test_planted_code_that_ran_is_a_failure():
    assert kinds(PREDICT, GOOD, ran=True) == ["ran"]


@pytest.mark.parametrize("out", [b"", b"{}\n{}\n", b"[]\n", b'{"a": NaN}\n', b"photo.jpg\n{}\n"])
def test_json_is_one_object(out):
    assert kinds(Step(("predict", "x", "--json")), Outcome(0, out, b"")) == ["json"]


def test_lost_changed_stray_and_left_over_files_are_seen(tmp_path):
    for name in ("kept", "changed", "gone", "out/own"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    before = guard.snapshot(tmp_path)
    (tmp_path / "changed").write_text("another")
    (tmp_path / "gone").unlink()
    (tmp_path / "out" / "own").unlink()
    for name in ("stray", "out/new", "out/.x.1.tmp.png", "out/a\nb", "out/CON.txt", "out/dot.", "out/\udcff"):
        (tmp_path / name).write_text("")
    found = guard.compare(before, guard.snapshot(tmp_path), outputs=("out",), owned=("out/own",))
    seen = sorted((one.kind, one.detail.split(" ")[0]) for one in found)
    assert seen == [
        ("changed", "changed"),
        ("leftover", "out/.x.1.tmp.png"),
        ("lost", "gone"),
        ("name", "'out/CON.txt'"),
        ("name", "'out/\\udcff'"),
        ("name", "'out/a\\nb'"),
        ("name", "'out/dot.'"),
        ("stray", "stray"),
    ]


def test_results_without_an_answer_or_of_another_run_are_seen(tmp_path):
    def result(depth_m, valid_mask, median):
        np.savez(tmp_path / "depth.npz", depth_m=depth_m, valid_mask=valid_mask)
        (tmp_path / "receipt.json").write_text(json.dumps({"depth_m": {"median": median}}))
        return [one.kind for one in judge.check_result(tmp_path)]

    metres, everywhere = np.full((4, 4), 3.0), np.ones((4, 4), bool)
    assert result(metres, everywhere, 3.0) == []
    assert result(metres, ~everywhere, 3.0) == ["number"]
    assert result(metres * np.nan, everywhere, 3.0) == ["number"]
    assert result(metres, everywhere, 5.0) == ["mixed"]
    (tmp_path / "depth.npz").unlink()
    assert [one.kind for one in judge.check_result(tmp_path)] == ["result"]


def test_a_traceback_names_the_last_place_in_the_package():
    err = 'Traceback\n  File "/a/src/mfh/io/maps.py", line 9, in f\n  File "/lib/zip.py", line 2, in g\nKeyError: 1'
    assert site_of(err.encode()) == "io/maps.py:9 KeyError"


def test_the_same_seed_and_key_make_the_same_case(tmp_path):
    one, same, other = (Setting(seed, tmp_path, tmp_path, tmp_path) for seed in (1, 1, 2))
    assert one.rng("files:photo:3").random() == same.rng("files:photo:3").random()
    assert one.rng("files:photo:3").random() != other.rng("files:photo:3").random()
    command = flags.commands()["predict"]
    assert flags.draw(command, one.rng("flags:predict:1")) == flags.draw(command, same.rng("flags:predict:1"))


def test_amounts_are_what_was_asked_for():
    counts = {group: sum(key.startswith(f"{group}:") for key in all_keys(FULL)) for group in ("files", "flags")}
    assert counts["files"] >= 3000 and counts["flags"] >= 1000 and FULL.faults >= 100 and FULL.kills >= 50
    keys = all_keys(SHORT)
    assert len(set(keys)) == len(keys) < 300
    assert {key.split(":")[1] for key in all_keys(FULL) if key.startswith("files:")} == set(files.READERS)


def test_every_command_is_tried():
    from typer.main import get_command

    from mfh.cli.app import app

    top = {name.partition(" ")[0] for name in flags.commands()}
    assert top == set(get_command(app).commands)  # pyright: ignore[reportAttributeAccessIssue]
    assert {key.split(":")[1] for key in flags.keys(1)} == set(flags.commands())


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "npy", "npz", "json", "csv", "pickle", "anything"])
def test_damage_changes_what_it_is_given_and_is_the_same_again(name):
    from tests.fuzz.corpus import maps, photos

    content = {
        "png": photos.MAKES["plain.png"],
        "jpeg": photos.MAKES["camera.jpg"],
        "tiff": photos.MAKES["turned.tif"],
        "npy": maps.MAPS["f4.npy"],
        "npz": maps.MAPS["several.npz"],
        "json": lambda: maps.INTRINSICS["sized.json"],
        "csv": lambda: b"photo,angle,distance\na,level,wide\n",
        "pickle": lambda: FOREIGN[[one for one, _ in FOREIGN].index("a planted pickle")][1](random.Random(0)),
        "anything": lambda: bytes(range(256)) * 8,
    }[name]()
    made = {damage(content, random.Random(number)) for number in range(60)}
    assert made == {damage(content, random.Random(number)) for number in range(60)}
    assert len({changed for changed, _ in made} - {content}) > 45


@pytest.mark.parametrize(("name", "make"), FOREIGN)
def test_foreign_files_can_be_made(name, make):
    content = make(random.Random(1))
    assert isinstance(content, bytes) and (len(content) < 5_000_000), name
    assert os.environ.get("FUZZ_MARK") is None
