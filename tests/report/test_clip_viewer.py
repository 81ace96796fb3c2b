"""The report of a clip in a browser: the slider through time, readings and lengths, against the files beside it."""

import math
import re

import numpy as np
import pytest

from mfh import Request, Segment, refit
from mfh.scale.interval import probable_log_depth
from tests.report.clip_scene import FARTHER, FRAMES, HEIGHT, STEP_M, WIDTH
from tests.report.scene import room
from tests.report.test_viewer import LENGTH, lengths_in

# Each starts a page.
pytestmark = pytest.mark.slow

PLACES = [(75, 150), (200, 210), (300, 100), (160, 190)]
READING = re.compile(r"([\d.]+) m \(([\d.]+)-([\d.]+)\)")


def place(page, pixel, overlay="overlay"):
    box = page.locator(f"#{overlay}").bounding_box()
    x, y = ((pixel[0] + 0.5) * box["width"] / WIDTH, (pixel[1] + 0.5) * box["height"] / HEIGHT)
    return box["x"] + x, box["y"] + y


def go(page, number):
    """Bring the slider to a frame."""
    page.locator("#time").focus()
    page.keyboard.press("Home")
    for _ in range(number):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("number => document.getElementById('photo').dataset.frame === String(number)", arg=number)
    page.wait_for_function("text => document.getElementById('now').textContent.endsWith(text)", arg=f"frame {number}")


def reading(page, pixel, overlay="overlay"):
    page.mouse.move(*place(page, pixel, overlay))
    found = READING.search(page.locator("#readout").inner_text())
    assert found is not None
    return [float(one) for one in found.groups()]


@pytest.fixture
def clip_open(open_page, clip_filmed):
    one = open_page(clip_filmed.page)
    yield one
    assert one.requests == [] and one.complaints == []


def test_readings_are_the_depth_of_the_zip_in_every_frame_that_the_slider_shows(clip_open, clip_filmed):
    page = clip_open.page
    for number in (0, 3, FRAMES - 1):
        go(page, number)
        true_m = clip_filmed.depth_m(number)
        for overlay in ("overlay", "overlay-depth"):
            shown = [reading(page, (x, y), overlay)[0] for x, y in PLACES]
            np.testing.assert_allclose(shown, [true_m[y, x] for x, y in PLACES], rtol=0.01)
    page.mouse.move(*place(page, (150, 3)))
    assert page.locator("#readout").inner_text() == "no depth here"


def test_the_interval_of_a_reading_is_that_of_the_scale(clip_open, clip_filmed):
    page, result = clip_open.page, clip_filmed.result
    solution = result.basis.solution
    for number in (0, 4):
        go(page, number)
        for x, y in PLACES:
            _, low, high = reading(page, (x, y))
            # The place as the frame that stands for all would have it.
            value = (1 / clip_filmed.depth_m(number)[y, x] - result.head.shift) / result.head.scale
            common = solution.errors.common.log_sigma()
            expected = np.exp(probable_log_depth(solution.fit.consensus.posterior, float(value), 0.8, common))
            np.testing.assert_allclose([low, high], expected, rtol=0.015)


def test_the_slider_changes_picture_and_depth_and_arrow_keys_do(clip_open):
    page = clip_open.page
    middle = """id => { const canvas = document.createElement("canvas"), from = document.getElementById(id);
        canvas.width = canvas.height = 8; const context = canvas.getContext("2d"); context.drawImage(from, 0, 0, 8, 8);
        return Array.from(context.getImageData(4, 6, 1, 1).data); }"""
    seen = []
    for number in (0, 4, 8):
        go(page, number)
        assert page.evaluate(middle, "photo")[0] == pytest.approx(20 + 20 * number, abs=6)
        seen.append(page.evaluate(middle, "map"))
    assert seen[0] != seen[1] != seen[2]
    # The keys work without the slider, too.
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.getElementById('photo').dataset.frame === '7'")
    assert page.locator("#time").input_value() == "7"


def test_it_plays_to_the_end_and_pauses(clip_open):
    page = clip_open.page
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "Pause"
    page.wait_for_function("last => document.getElementById('photo').dataset.frame === last", arg=str(FRAMES - 1))
    page.wait_for_function("() => document.getElementById('play').textContent === 'Play'")
    page.locator("#play").click()
    page.wait_for_function("last => Number(document.getElementById('photo').dataset.frame) < last", arg=FRAMES - 1)
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "Play"


def test_two_clicks_are_a_length_of_their_frame(clip_open, clip_filmed):
    page = clip_open.page
    go(page, 4)
    start, end = (75.0, 150.0), (200.0, 210.0)
    page.mouse.click(*place(page, start))
    page.mouse.click(*place(page, end, "overlay-depth"))
    # All is so much farther in this frame.
    (length,) = refit(room(WIDTH, HEIGHT), Request(lengths=(Segment(start, end),))).lengths
    assert lengths_in(page)[0][0] == pytest.approx(length.metres * (1 + 4 * FARTHER), rel=0.015)
    note = page.locator("#lengths .note").inner_text()
    assert note.startswith(f"at {4 / 30:.2f} s")
    # Half a length does not go on into another frame.
    page.mouse.click(*place(page, start))
    go(page, 6)
    page.mouse.click(*place(page, end))
    assert page.locator("#lengths li").count() == 1
    page.keyboard.press("Escape")
    assert LENGTH.search(page.locator("#lengths .metres").inner_text())


def test_a_length_is_measured_by_keyboard(clip_open):
    page = clip_open.page
    page.locator("#overlay").focus()
    for key in ("Enter", "Shift+ArrowDown", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert len(lengths_in(page)) == 1
    assert page.locator("#status").inner_text() == page.locator("#lengths .metres").first.inner_text()


def test_every_track_is_listed_and_leads_to_where_it_was_seen(clip_open, clip_filmed):
    page = clip_open.page
    tracks = clip_filmed.written.receipt["clip"]["tracks"]
    used = [one for one in tracks if one["verdict"] == "used"]
    assert page.locator("#used li").count() == len(used)
    assert page.locator("#rejected li").count() == len(tracks) - len(used) > 0
    assert "too small: 12 px" in page.locator("#rejected li").first.text_content()
    people = [one for one in used if one["label"] == "person"]
    assert page.locator("#distances path.line:not(.thing)").count() == len(people)
    assert "1.70 m tall" in page.locator("#used li").filter(has_text="#0").inner_text()
    go(page, 6)
    page.locator("#used li").filter(has_text="#0").click()
    page.wait_for_function("() => document.getElementById('photo').dataset.frame === '0'")


def test_the_marks_of_the_time_move(clip_open):
    page = clip_open.page
    go(page, 4)
    lines = page.locator(".now-line").evaluate_all("all => all.map((one) => parseFloat(one.style.left))")
    assert len(lines) > 3 and lines == pytest.approx([50.0] * len(lines), abs=0.1)


def test_the_path_is_drawn_to_scale(clip_open):
    page = clip_open.page
    assert f"moved along {8 * STEP_M:.2f} m" in page.locator("#plan-note").inner_text()
    camera = ".plan g circle:last-child"
    at = []
    for number in (0, 8):
        go(page, number)
        at.append(float(page.locator(camera).first.get_attribute("cx")))
    assert at[1] - at[0] == pytest.approx(8 * STEP_M, abs=1e-3)


def test_a_still_camera_moves_the_picture_only_and_says_so(open_page, still_filmed):
    one = open_page(still_filmed.page)
    page = one.page
    assert "moves the picture only" in page.locator("#still").inner_text()
    assert "stands still" in page.locator("#plan-note").inner_text()
    first = [reading(page, pixel) for pixel in PLACES]
    page.mouse.click(*place(page, PLACES[0]))
    go(page, 5)
    assert [reading(page, pixel) for pixel in PLACES] == first
    true_m = still_filmed.depth_m(5)
    np.testing.assert_allclose([one[0] for one in first], [true_m[y, x] for x, y in PLACES], rtol=0.01)
    # Its depth is that of all frames: the other end may be chosen in any.
    page.mouse.click(*place(page, PLACES[1]))
    assert len(lengths_in(page)) == 1
    assert one.requests == [] and one.complaints == []


@pytest.mark.parametrize(("width", "height", "dark"), [(1366, 900, False), (390, 844, True)])
def test_no_page_is_wider_than_its_screen(open_page, clip_filmed, width, height, dark):
    one = open_page(clip_filmed.page, width=width, height=height, dark=dark)
    wide = one.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] == wide[1]
    boxes = [one.page.locator(f"#{name}").bounding_box() for name in ("overlay", "overlay-depth")]
    assert (boxes[0]["x"] < boxes[1]["x"]) == (width > 860)
    assert math.isclose(boxes[0]["width"], boxes[1]["width"], abs_tol=1)
    # The slider stays in sight.
    bar = one.page.locator("#time").bounding_box()
    one.page.locator("#overlay").scroll_into_view_if_needed()
    assert bar["y"] < height
    assert one.requests == [] and one.complaints == []
