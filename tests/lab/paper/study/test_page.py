"""The page's contract: blind, complete, seeded, and without a network."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.viz.drawing import colour_depth
from mfh_lab.evaluation.given_files import find_photos, parse_predictions
from mfh_lab.paper.study.meter_bar import MeterBar, bar_to
from mfh_lab.paper.study.page import draw_depth, make_study
from mfh_lab.paper.study.plan import draw_plan, read_key
from tests.lab.paper.study.conftest import LABELS


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def make(material, tmp_path, *, out="study.html", seed=1, **options):
    folders = parse_predictions([f"{label}={folder}" for label, folder in material.folders.items()])
    photos = find_photos([material.photos])
    key = tmp_path / f"{out}-{seed}-key.json"
    return make_study(photos, folders, out=tmp_path / out, key=key, seed=seed, **options)


@pytest.mark.slow
@pytest.mark.parametrize("out", ["study.html", "folder"])
def test_no_name_that_the_user_gave_is_in_the_page(material, tmp_path, out):
    made = make(material, tmp_path, out=out)
    files = [made.page] if out.endswith(".html") else [p for p in (tmp_path / out).rglob("*") if p.is_file()]
    assert len(files) == (1 if out.endswith(".html") else 1 + 3 * 4)
    for file in files:
        content = file.read_bytes().lower() + file.name.lower().encode()
        for word in (*LABELS, "secret", "kitchen", "run0", "run1", str(tmp_path)):
            assert word.lower().encode() not in content, f"{word} in {file.name}"


@pytest.mark.slow
def test_every_photo_has_every_method_once_and_the_key_says_which(material, tmp_path):
    made = make(material, tmp_path)
    key, data = read_key(made.key), data_of(made.page)
    assert key.study == data["study"] == made.id
    assert {one.photo for one in key.questions.values()} == {"secretkitchen", "secrethall", "street/secretroad"}
    assert [one["id"] for one in data["questions"]] == list(key.questions)
    for shown in data["questions"]:
        methods = key.questions[shown["id"]].methods
        assert [one["letter"] for one in shown["choices"]] == list(methods) == ["A", "B", "C"]
        assert sorted(methods.values()) == sorted(LABELS)
        assert len({one["image"] for one in shown["choices"]}) == 3


@pytest.mark.slow
def test_a_letter_shows_the_method_that_the_key_names(material, tmp_path):
    made = make(material, tmp_path)
    key, data = read_key(made.key), data_of(made.page)
    for shown in data["questions"]:
        secret = key.questions[shown["id"]]
        bar = next(one.bar for one in made.questions if one.id == shown["id"])
        for one in shown["choices"]:
            number = LABELS.index(secret.methods[one["letter"]])
            file = material.folders[LABELS[number]] / "predictions" / f"{secret.photo}.npz"
            expected = draw_depth(np.load(file)["depth_m"], (shown["width"], shown["height"]), bar)
            assert base64.b64decode(one["image"].partition(",")[2]) == expected.content


@pytest.mark.slow
def test_orders_come_from_the_seed(material, tmp_path):
    first, again, other = (make(material, tmp_path / place, seed=seed) for place, seed in _places(tmp_path))
    assert first.page.read_bytes() == again.page.read_bytes() and first.id == again.id
    assert [one.order for one in first.questions] != [one.order for one in other.questions] and first.id != other.id


def _places(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    return (("a", 1), ("b", 1), ("c", 2))


def test_orders_differ_between_photos_and_no_method_keeps_a_place():
    questions = draw_plan({f"p{k}": bar_to(10.0) for k in range(300)}, LABELS, seed=0)
    firsts = [one.order[0] for one in questions]
    for label in LABELS:
        # Binomial with n = 300, p = 1/3: 5 deviations are 41.
        assert abs(firsts.count(label) - 100) < 41
    assert [one.photo for one in questions] != sorted(one.photo for one in questions)


@pytest.mark.slow
def test_all_pictures_of_a_photo_have_its_shape(material, tmp_path):
    data = data_of(make(material, tmp_path).page)
    for shown in data["questions"]:
        for url in (shown["photo"], *(one["image"] for one in shown["choices"])):
            with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
                assert image.size == (shown["width"], shown["height"])
                assert not {"comment", "exif", "Software", "Description"} & image.info.keys()


def test_depth_has_the_exact_colours_of_the_bar_and_stops_at_its_ends():
    bar = MeterBar(1.0, 10.0)
    depth_m = np.array([[0.2, 1.0, 3.0, 10.0, 500.0, np.nan]], np.float32).repeat(4, axis=0)
    with Image.open(io.BytesIO(draw_depth(depth_m, (6, 4), bar).content)) as image:
        assert image.mode == "P"
        seen = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(seen, colour_depth(depth_m, np.isfinite(depth_m), (1.0, 10.0)))
    np.testing.assert_array_equal(seen[:, 0], seen[:, 1])
    np.testing.assert_array_equal(seen[:, 3], seen[:, 4])


@pytest.mark.slow
def test_the_page_can_reach_no_network_and_says_what_is_truncated(material, tmp_path):
    made = make(material, tmp_path, note="To whom? </script><b>x")
    text = made.page.read_text(encoding="utf-8")
    assert "connect-src 'none'" in text and "default-src 'none'" in text
    assert not re.search(r"(src|href)=.?(https?:|//)", text) and "http://" not in text and "https://" not in text
    assert "has the colour of that end" in text and "None is reasonable" in text
    assert "</script><b>x" not in text and data_of(made.page)["note"] == "To whom? </script><b>x"
    assert "{{" not in text


@pytest.mark.slow
def test_ticks_lie_on_the_bar(material, tmp_path):
    for shown in data_of(make(material, tmp_path).page)["questions"]:
        places = [place for place, _ in shown["bar"]["ticks"]]
        assert places == sorted(places) and 0 <= places[0] and places[-1] <= 1
        assert float(shown["bar"]["max"]) in (10, 15, 20, 40, 80)


def test_the_key_stays_out_of_the_folder_that_is_handed_out(material, tmp_path):
    folders, photos = material.folders, find_photos([material.photos])
    with pytest.raises(InputError, match="inside the study's folder"):
        make_study(photos, folders, out=tmp_path / "site", key=tmp_path / "site" / "key.json", seed=0)


def test_a_missing_prediction_is_refused_before_anything_is_written(material, tmp_path):
    (material.folders["Rival-K"] / "predictions" / "secrethall.npz").unlink()
    with pytest.raises(InputError, match="Rival-K has no prediction for 1 of 3 photos, first 'secrethall'"):
        make(material, tmp_path)
    assert not list(tmp_path.glob("study*"))


def test_another_crop_is_refused(material, tmp_path):
    np.savez(material.folders["Rival-K"] / "predictions" / "secrethall.npz", depth_m=np.ones((40, 40), np.float32))
    with pytest.raises(InputError, match="Rival-K's prediction for 'secrethall' is 40x40 and its photo 48x64"):
        make(material, tmp_path)
