"""The page in a browser: hover, two clicks, the slider and the keyboard, against the numbers of the Python side."""

import re

import numpy as np
import pytest

from mfh import FocalRequest, Request, Segment, refit
from mfh.report.page import report_html
from tests.report.scene import room
from tests.report.test_page import EVIL

# Each starts a page in software rendering: a second or two.
pytestmark = pytest.mark.slow

LENGTH = re.compile(r"([\d.]+) m \(([\d.]+)-([\d.]+)\)")
ENDS = [((150.0, 300.0), (400.0, 420.0)), ((100.0, 200.0), (560.0, 230.0)), ((320.0, 460.0), (330.0, 250.0))]


def place(page, pixel, *, width=640, height=480):
    """Where a pixel of the photo is on the screen."""
    box = page.locator("#overlay").bounding_box()
    return box["x"] + (pixel[0] + 0.5) * box["width"] / width, box["y"] + (pixel[1] + 0.5) * box["height"] / height


def click(page, pixel):
    page.mouse.click(*place(page, pixel))


def settle(page):
    """Wait until what was asked for is drawn: the page does so in the next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixel_shown(page, pixel):
    """The pixel that a click there means: clicks come in whole pixels of the screen."""
    box = page.locator("#overlay").bounding_box()
    x, y = (round(one) for one in place(page, pixel))
    return (x - box["x"]) / box["width"] * 640 - 0.5, (y - box["y"]) / box["height"] * 480 - 0.5


def lengths_in(page):
    found = [LENGTH.search(text) for text in page.locator("#lengths .metres").all_inner_texts()]
    return [tuple(float(one) for one in match.groups()) for match in found if match is not None]


def as_command(gathered, pairs, **options):
    """What --measure says of pairs of pixels."""
    asked = Request(lengths=tuple(Segment(start, end) for start, end in pairs))
    return [(one.metres, *one.level_80) for one in refit(gathered, asked, **options).lengths]


@pytest.fixture
def room_open(open_page, room_page):
    one = open_page(room_page)
    yield one
    assert one.requests == [] and one.complaints == []


def test_the_scene_is_drawn_and_nothing_is_asked_for(room_open):
    page = room_open.page
    assert page.locator("#solid.missing").count() == 0
    settle(page)
    # The photo's colours are in it, and not the background alone.
    shades = page.evaluate(
        """() => { const from = document.getElementById("cloud"), to = document.createElement("canvas");
        to.width = to.height = 64; const context = to.getContext("2d"); context.drawImage(from, 0, 0, 64, 64);
        return new Set(new Uint32Array(context.getImageData(0, 0, 64, 64).data.buffer)).size; }"""
    )
    assert shades > 300
    assert "Ground lines 1 m apart" in page.locator("#scene-note").inner_text()


def test_hover_says_metres_and_their_deviation(room_open, room_result):
    page = room_open.page
    for x, y in [(150, 300), (400, 420), (600, 200)]:
        page.mouse.move(*place(page, (x, y)))
        match = re.match(r"([\d.]+) m ± ([\d.]+)", page.locator("#readout").inner_text())
        assert match is not None
        metres = room_result.depth_m[y, x]
        assert float(match[1]) == pytest.approx(metres, rel=0.01)
        assert float(match[2]) == pytest.approx(metres * room_result.log_sigma[y, x], rel=0.02)
    page.mouse.move(*place(page, (300, 5)))
    assert page.locator("#readout").inner_text() == "sky"


def test_two_clicks_are_the_command(room_open, gathered_room):
    page = room_open.page
    clicked = []
    for start, end in ENDS:
        click(page, start)
        click(page, end)
        clicked.append((pixel_shown(page, start), pixel_shown(page, end)))
    np.testing.assert_allclose(lengths_in(page), as_command(gathered_room, clicked), rtol=0.01)
    button = page.locator("#lengths li").first.get_by_role("button", name="Copy")
    button.click()
    page.wait_for_function("() => document.querySelector('#lengths button').textContent === 'Copied'")
    # An end in the sky is no error, and has no length.
    click(page, (300, 5))
    click(page, (300, 300))
    assert page.locator("#lengths .metres").all_inner_texts()[3] == "no depth at an end"
    page.locator("#lengths li").nth(3).get_by_role("button", name="Remove").click()
    assert page.locator("#lengths li").count() == 3


def test_two_clicks_are_the_command_where_relative_depth_is_depth(open_page):
    gathered = room(space="depth")
    page = open_page(report_html(refit(gathered))).page
    click(page, ENDS[0][0])
    click(page, ENDS[0][1])
    clicked = [(pixel_shown(page, ENDS[0][0]), pixel_shown(page, ENDS[0][1]))]
    np.testing.assert_allclose(lengths_in(page), as_command(gathered, clicked), rtol=0.01)
    page.locator("#focal").focus()
    page.keyboard.press("Home")
    settle(page)
    focal = FocalRequest(focal_px=float(page.locator("#focal-command").inner_text().rpartition(" ")[2]))
    np.testing.assert_allclose(lengths_in(page), as_command(gathered, clicked, focal=focal), rtol=0.01)


def test_two_clicks_in_the_scene_are_those_in_the_photo(room_open, gathered_room):
    page = room_open.page
    page.locator("#angles button[value=camera]").click()
    settle(page)
    box = page.locator("#cloud").bounding_box()
    start, end = ENDS[0]
    for x, y in (start, end):
        page.mouse.click(box["x"] + (x + 0.5) * box["width"] / 640, box["y"] + (y + 0.5) * box["height"] / 480)
    assert lengths_in(page)[0][0] == pytest.approx(as_command(gathered_room, [(start, end)])[0][0], rel=0.04)


def body_on_canvas(page, settled):
    """Left, top, right and bottom of what a landmark's figure adds to the scene, as shares of it."""
    shot = """() => { const canvas = document.getElementById("cloud"), to = document.createElement("canvas");
        to.width = 640; to.height = 480; const context = to.getContext("2d"); context.drawImage(canvas, 0, 0, 640, 480);
        return Array.from(context.getImageData(0, 0, 640, 480).data); }"""
    pictures = []
    page.mouse.move(1, 1)
    for pointed in (False, True):
        if pointed:
            page.locator("#used li").filter(has_text="#0").hover()
        settled(page)
        pictures.append(np.array(page.evaluate(shot)).reshape(480, 640, 4)[..., :3].astype(int))
    changed = np.abs(pictures[1] - pictures[0]).max(2) > 12
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    return columns[0], rows[0], columns[-1], rows[-1]


def test_a_measured_body_stands_where_it_was_measured(room_open, gathered_room, room_result):
    page = room_open.page
    page.locator("#figures").click()
    page.locator("#angles button[value=camera]").click()
    left, top, right, bottom = body_on_canvas(page, settle)

    def projected(figure, camera):
        x, y, z = figure.vertices_m.astype(float).T
        u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        return u.min(), v.min(), u.max(), v.max()

    expected = projected(room_result.landmarks[0].figure, room_result.photo.camera)
    np.testing.assert_allclose((left, top, right), expected[:3], atol=3)
    # What is nearer to the camera than the body, such as the ground before its feet, hides it.
    assert top + 100 < bottom <= expected[3] + 3
    page.locator("#focal").focus()
    page.keyboard.press("End")
    page.locator("#angles button[value=camera]").click()
    moved = body_on_canvas(page, settle)
    focal_px = float(page.locator("#focal-command").inner_text().rpartition(" ")[2])
    full = refit(gathered_room, focal=FocalRequest(focal_px=focal_px))
    again = projected(full.landmarks[0].figure, full.photo.camera)
    np.testing.assert_allclose(moved[:3], again[:3], atol=4)


def test_the_slider_is_refit(room_open, gathered_room):
    page = room_open.page
    click(page, ENDS[0][0])
    click(page, ENDS[0][1])
    slider = page.locator("#focal")
    slider.focus()
    for key, times in (("PageDown", 3), ("ArrowLeft", 1), ("End", 1)):
        for _ in range(times):
            page.keyboard.press(key)
        settle(page)
        focal_px = float(page.locator("#focal-command").inner_text().rpartition(" ")[2])
        full = refit(gathered_room, focal=FocalRequest(focal_px=focal_px))
        low, high = (one * full.depth_range_m[1] for one in full.interval.level_80)
        shown = [float(one) for one in re.findall(r"[\d.]+(?=–| m)", page.locator("#lead").inner_text())]
        np.testing.assert_allclose(shown, [full.depth_range_m[1], low, high], rtol=0.01)
        clicked = [(pixel_shown(page, ENDS[0][0]), pixel_shown(page, ENDS[0][1]))]
        expected = as_command(gathered_room, clicked, focal=FocalRequest(focal_px=focal_px))
        np.testing.assert_allclose(lengths_in(page), expected, rtol=0.01)
    before = page.locator("#lead").inner_text()
    page.locator("#focal-reset").click()
    assert page.locator("#lead").inner_text() != before and page.locator("#focal-command").inner_text() == ""


def test_everything_is_reached_and_measured_by_keyboard(room_open):
    page = room_open.page
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.value || ''"))
        if reached.count("overlay") == 1 and reached[-1] == "overlay":
            for key in ("Enter", "ArrowRight", "Shift+ArrowDown", "Shift+ArrowDown", "Enter"):
                page.keyboard.press(key)
    assert {"theme", "photo", "depth", "uncertainty", "overlay", "top", "side", "cloud", "focal"} <= set(reached)
    assert len(lengths_in(page)) == 1
    assert page.locator("#status").inner_text() == page.locator("#lengths .metres").first.inner_text()


def test_every_landmark_is_on_the_receipt(room_open, room_result):
    page = room_open.page
    used = [one for one in room_result.landmarks if one.verdict == "used"]
    assert page.locator("#used li").count() == len(used) == page.locator("#used .dot").count()
    assert page.locator("#used li .badge").all_inner_texts() == ["painted"] * sum(one.painted for one in used)
    assert "too small: 12 px" in page.locator("#rejected li").inner_text()
    assert page.locator("#receipt-title").is_visible() and page.locator("#posterior svg").count() == 1


@pytest.mark.parametrize(("width", "height", "dark"), [(1366, 900, False), (390, 844, True)])
def test_no_page_is_wider_than_its_screen(open_page, room_page, width, height, dark):
    one = open_page(room_page, width=width, height=height, dark=dark)
    wide = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    for button in one.page.locator("#views button").all():
        button.click()
        assert len(set(one.page.evaluate(wide))) == 1
    colour = "getComputedStyle(document.body).backgroundColor"
    before = one.page.evaluate(colour)
    one.page.locator("#theme").click()
    assert one.page.evaluate(colour) != before
    assert one.complaints == [] and one.requests == []


def test_a_hostile_name_is_text(open_page, room_result):
    from dataclasses import replace

    name = replace(room_result, photo=replace(room_result.photo, name=EVIL, path=EVIL))
    one = open_page(report_html(name))
    assert one.page.locator("h1").inner_text() == EVIL and one.page.locator("h1 *").count() == 0
    assert EVIL in one.page.locator("#command").inner_text().replace("'\"'\"'", "'")
    assert one.complaints == [] and one.requests == []


def test_a_notebook_shows_it_in_a_frame(open_page, room_result):
    one = open_page(f"<!doctype html><title>a</title>{room_result.show()._repr_html_()}<p data-ready></p>", frame=True)
    frame = one.page.frame_locator("iframe")
    frame.locator("html[data-ready=all]").wait_for()
    assert "median depth" in frame.locator("#lead").inner_text()
    assert one.complaints == []


def test_an_answer_without_evidence_is_shown_too(open_page, metric_depth):
    one = open_page(report_html(metric_depth))
    assert one.page.locator("#focal").is_hidden()
    assert "cannot fit again" in one.page.locator("#focal-moves").inner_text()
    assert one.complaints == []
