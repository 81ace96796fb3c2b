"""What the page shows while people are painted: thumbnails, and the interval in words and as a picture."""

import base64
import io
import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

pytest.importorskip("fastapi")

from PIL import Image  # noqa: E402

from mfh.app.paintings import THUMB_PX, Paintings  # noqa: E402
from mfh.pipeline.solve import DepthSoFar  # noqa: E402
from tests.app.emitting import so_far  # noqa: E402


def filled(verdicts, **options) -> Paintings:
    paintings, usable = Paintings(), 0
    for number, used in enumerate(verdicts):
        usable += used
        paintings.add(so_far(number, used, usable=usable, **options))
    return paintings


def svg_of(paintings: Paintings) -> ElementTree.Element:
    return ElementTree.fromstring(re.findall(r"<svg.*</svg>", paintings.panel())[0])


def test_a_painting_is_a_small_jpeg_with_its_person_and_its_reason():
    paintings = filled([True, False], size=(600, 400))
    used, rejected = paintings.pictures
    assert (used.used, rejected.used) == (True, False)
    assert used.boxes == ((0.25, 0.25, 0.5, 1.0),)
    with Image.open(io.BytesIO(base64.b64decode(used.jpeg))) as image:
        assert image.size == used.size == (107, THUMB_PX) and image.format == "JPEG"
    strip = ElementTree.fromstring(f"<div>{paintings.strip()}</div>")
    assert [one.get("class") for one in strip] == ["mfh-used", "mfh-rejected"]
    alt = strip[1].find("span/img").get("alt")
    assert alt == strip[1].get("title") == "painting 1, rejected: hidden: 1 <b>of</b> the sprite"
    assert "painted 1" in "".join(strip[1].itertext())


def test_the_strip_only_grows_at_its_end_until_thumbnails_go():
    verdicts, paintings, before = [False, True, False, True], Paintings(), ""
    for number, used in enumerate(verdicts):
        paintings.add(so_far(number, used, usable=1, wanted=4))
        assert paintings.strip().startswith(before) and len(paintings.strip()) > len(before)
        before = paintings.strip()


def test_no_more_thumbnails_are_kept_than_paintings_are_wanted():
    paintings = filled([False, True, False, False, True, False, True], wanted=3)
    assert [one.number for one in paintings.pictures] == [1, 4, 6], "the used ones stay"
    assert len(paintings.steps) == 7
    assert "4 older ones" in paintings.closed() and "<summary>7 paintings (3 used)</summary>" in paintings.closed()
    assert [one.number for one in filled([False] * 5, wanted=2).pictures] == [3, 4]


def test_the_words_have_the_last_number():
    paintings = Paintings()
    assert paintings.panel() == paintings.closed() == paintings.strip() == ""
    paintings.add(so_far(0, False, usable=0))
    assert paintings.words() == "After 1 painting (0 used): no scale yet"
    paintings.add(so_far(1, True, usable=1))
    assert paintings.words() == "After 2 paintings (1 used): 2.40 m (1.60-3.60)"
    paintings.add(replace(so_far(2, True, usable=2), depth=DepthSoFar(2.4, (1.5, math.inf))))
    assert paintings.words().endswith("2.40 m (1.50 or more)")
    assert "The photo alone: 3.10 m (1.20-7.50)" in svg_of(paintings).get("aria-label")
    assert "role=status" in paintings.panel() and "role=status" not in paintings.closed()


@pytest.mark.parametrize("attempts", [1, 3, 8, 13, 64])
def test_the_picture_is_of_the_intervals_on_a_log_axis(attempts):
    paintings = filled([number % 2 == 0 for number in range(attempts)])
    svg = svg_of(paintings)
    width, height = (float(one) for one in svg.get("viewBox").split()[2:])
    dots = [(float(one.get("cx")), float(one.get("cy"))) for one in svg.iter("circle")]
    assert len(dots) == 1 + attempts, "the photo alone, then each painting"
    assert all(0 < x < width and 0 < y < height for x, y in dots)
    assert [x for x, _ in dots] == sorted({x for x, _ in dots}), "to the right"
    labels = {one.text: float(one.get("y")) for one in svg.iter("text")}
    ticks = {float(text[:-2]): y for text, y in labels.items() if text.endswith(" m")}
    (one, y1), (two, y2), *rest = sorted(ticks.items())
    for tick_m, y in rest:
        # By ratio: as far apart as their logarithms, up to what the numbers are rounded to.
        assert (y1 - y) / (y1 - y2) == pytest.approx(math.log(tick_m / one) / math.log(two / one), abs=0.02)
    (photo, first) = [one for _, one in dots][:2]
    expected = (y1 - y2) * math.log(3.1 / 2.4) / math.log(two / one)
    assert first - photo == pytest.approx(expected, abs=0.2), "metres upwards"
    assert "photo" in labels and ("0" in labels) == (attempts <= 8), "numbered as on the receipt"
    assert len(labels) < 22


def test_an_interval_that_is_open_is_left_out_of_the_picture():
    paintings = Paintings()
    paintings.add(replace(so_far(0, True, usable=1), depth=DepthSoFar(2.4, (1.5, math.inf)), before=None))
    assert not list(svg_of(paintings).iter("circle"))
