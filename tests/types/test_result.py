"""A result prints, saves, plots and shows itself."""

import base64
import io
import json
import math
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mfh.config import HeadConfig
from mfh.errors import BackendError, InputError
from mfh.io.depth import read_depth_npz
from mfh.pipeline.conclude import conclude
from mfh.types import Region, Segment


@pytest.fixture
def result(gathered):
    asked = replace(gathered, region=Region(3, 20, 40, 40), lengths=(Segment((1.0, 30.0), (50.0, 40.0)),))
    return conclude(asked, head=HeadConfig())


def test_a_result_prints_as_a_few_lines_and_no_array(result):
    text = repr(result)
    assert text == str(result) and "array(" not in text and len(text.splitlines()) < 20
    nearest, median, farthest = result.depth_range_m
    assert f"{nearest:.2f} m nearest, {median:.2f} m median, {farthest:.2f} m farthest" in text
    low, high = result.interval.level_80
    assert f"{low - 1:+.0%} to {high - 1:+.0%} with 80 % probability" in text
    assert f"region        {result.region.depth_m:.2f} m at 3,20 to 40,40" in text
    assert f"length        {result.lengths[0].metres:.2f} m from 1,30 to 50,40" in text
    sky = replace(result.lengths[0], metres=math.nan)
    assert "none from 1,30 to 50,40: an end lies in the sky, or farther" in str(replace(result, lengths=(sky,)))
    assert all(warning in text for warning in result.warnings)


def test_a_name_with_a_line_break_stays_one_line(result):
    named = replace(result, photo=replace(result.photo, name="a\nb.jpg"))
    assert "a\\nb.jpg: 64x48" in str(named).splitlines()[0]


def test_notes_have_kinds_and_warnings_are_their_sentences(result):
    assert [note.text for note in result.notes] == list(result.warnings)
    assert {note.kind for note in result.notes} >= {"input", "focal", "painter"}


def test_saved_as_the_command_does(result, tmp_path):
    folder = result.save(tmp_path / "new" / "here")
    assert sorted(one.name for one in folder.iterdir()) == ["depth.npz", "depth.png", "preview.png", "receipt.json"]
    np.testing.assert_array_equal(read_depth_npz(folder / "depth.npz").depth_m, result.depth_m)
    assert json.loads((folder / "receipt.json").read_text())["people_used"] == result.people_used
    assert result.save(folder) == folder, "again, in place of the earlier one"


def test_the_results_of_another_photo_are_not_replaced(result, tmp_path):
    result.save(tmp_path / "here")
    other = replace(result, photo=replace(result.photo, name="other.jpg"))
    with pytest.raises(InputError, match=r"holds the results of .*photo\.jpg"):
        other.save(tmp_path / "here")


def test_a_figure_with_a_bar_in_metres(result):
    figure = result.plot()
    left, right, bar = figure.axes
    assert left.get_title() == "photo.jpg" and "(80 %)" in right.get_title() and bar.get_ylabel() == "depth [m]"
    np.testing.assert_array_equal(right.get_images()[0].get_array().filled(np.nan), result.map_m)
    figure.savefig(buffer := io.BytesIO(), format="png")
    assert buffer.tell() > 10_000


def test_without_matplotlib_one_line_says_what_to_install(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BackendError, match=r"pip install 'metric-from-human\[plot\]'"):
        result.plot()


def test_a_notebook_shows_the_picture_and_the_summary(result):
    html = replace(result, photo=replace(result.photo, name="<b>.jpg"))._repr_html_()
    picture = base64.b64decode(re.search(r"data:image/jpeg;base64,([^\"]+)", html)[1])
    assert Image.open(io.BytesIO(picture)).width > 900
    assert "&lt;b&gt;.jpg" in html and "<b>" not in html and "m nearest" in html
