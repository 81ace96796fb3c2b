"""The page in a browser: a photo in, the report out; one line for what cannot be used; cancel; no request leaves it."""

import importlib.util
import sys
from contextlib import suppress

import pytest

from mfh.app.presets import PresetModels
from mfh.app.server import Limits
from mfh.errors import NoLandmarkError
from tests.app.emitting import Emitting, so_far
from tests.app.live import Endless, live_server, picture, wait_for

pytestmark = [
    pytest.mark.slow,
    # Not imported: it reads where its files go when it is.
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="gradio is not installed"),
]
TOKEN = "a-token-of-enough-letters"


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A server with the page, and models that answer at once."""
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    with live_server(tmp_path / "temporary", monkeypatch, page=True) as one:
        yield one


@pytest.fixture
def visit(browser, app):
    """Open the page; requests to anywhere else are not let through, and none may be tried."""
    contexts, elsewhere, complaints = [], [], []

    def opened(width: int, height: int):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()

        def judge(route) -> None:
            if route.request.url.startswith((f"http://127.0.0.1:{app.port}/", "data:", "blob:")):
                route.continue_()
            else:
                elsewhere.append(route.request.url)
                route.abort()

        page.route("**/*", judge)
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"http://127.0.0.1:{app.port}/")
        page.wait_for_selector("#measure")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert elsewhere == [] and complaints == []


def choose(page, path) -> None:
    page.set_input_files("#photo input[type=file]", str(path))
    page.wait_for_selector("#photo img")
    # A click before this belongs to no photo: the page forgets what was clicked in the one before.
    page.wait_for_selector("#place:has-text('Click what you know')")


def press(page, button: str, heard) -> None:
    """Press a button until it is heard: the page leaves it alone while its last run still comes to its end."""
    for _ in range(30):
        page.click(button)
        with suppress(AssertionError):
            return wait_for(heard, seconds=2)
    raise AssertionError(f"{button} was never heard")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo.jpg"
    path.write_bytes(picture(640, 480))
    return path


@pytest.mark.parametrize(("width", "height"), [(1366, 900), (390, 844)])
def test_a_photo_becomes_its_report(visit, app, photo, width, height):
    page = visit(width, height)
    page.click("#measure")
    page.wait_for_selector(".mfh-failed:has-text('no photo yet')")
    choose(page, photo)
    image = page.locator("#photo img")
    box = image.bounding_box()
    image.click(position={"x": box["width"] / 2, "y": box["height"] * 0.6})
    page.wait_for_selector("#place:has-text('Clicked 3')")
    page.fill("#metres textarea, #metres input", "3,5 m")
    page.click("#add")
    page.wait_for_function("document.querySelector('#known textarea').value.startsWith('distance 3')")
    page.click("#what label:has-text('length between')")
    image.click(position={"x": box["width"] / 2, "y": box["height"] * 0.4})
    page.wait_for_selector("#place:has-text('before it 3')")
    page.fill("#metres textarea, #metres input", "two")
    page.click("#add")
    page.wait_for_selector("#added .mfh-failed:has-text('a length you know')")
    page.fill("#metres textarea, #metres input", "1.9")
    page.click("#add")
    page.wait_for_function("document.querySelector('#known textarea').value.includes('\\nlength 3')")
    assert page.inner_text("#added") == ""
    press(page, "#measure", lambda: app.models.asked)
    frame = page.frame_locator("#report iframe")
    frame.locator("html[data-ready=all]").wait_for(state="attached", timeout=60_000)
    assert "median depth" in frame.locator("body").inner_text()
    (asked,) = app.models.asked
    (distance,) = asked[1].known.distances
    # In pixels of the photo, however large it is shown, and with a margin above it.
    across = min(box["width"] / 640, box["height"] / 480)
    y = 239.5 + 0.1 * box["height"] / across
    assert abs(distance.x - 319.5) <= 1 + 1 / across and abs(distance.y - y) <= 1 + 1 / across
    assert distance.metres == 3.5 and "my" in asked[0].name
    (length,) = asked[1].known.lengths
    assert length.metres == 1.9 and length.start_xy == (distance.x, distance.y) and length.end_xy[1] < distance.y
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with page.expect_download() as download:
        page.click("#links a:has-text('depth.npz')")
    assert download.value.suggested_filename == "depth.npz"

    page.fill("#focal textarea, #focal input", "40")
    press(page, "#again", lambda: app.service.store.count == 2)
    page.wait_for_function("document.querySelectorAll('#links a').length && !document.querySelector('#bar progress')")
    assert len(app.models.asked) == 1, "no model ran again"


@pytest.mark.parametrize(
    ("data", "expected"), [(b"no picture at all", "is not a picture"), (picture(640, 480)[:2000], "is damaged")]
)
def test_a_bad_file_is_one_line(visit, tmp_path, data, expected):
    page = visit(1366, 900)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(data)
    page.set_input_files("#photo input[type=file]", str(bad))
    page.wait_for_selector("#place:has-text('Click what you know')")
    page.click("#measure")
    line = page.wait_for_selector(".mfh-failed").inner_text()
    assert line.startswith("bad.jpg") and expected in line and "\n" not in line and str(tmp_path) not in line
    assert page.query_selector("#report iframe") is None


def test_cancel_ends_the_job_at_its_next_step(visit, app, photo):
    app.models.before = job = Endless()
    page = visit(390, 844)
    choose(page, photo)
    page.click("#measure")
    page.wait_for_selector("#status:has-text('people')")
    assert job.begun.is_set() and not job.ended.is_set()
    page.click("#cancel")
    page.wait_for_selector("#status:has-text('Cancelled')")
    assert job.ended.wait(30)
    wait_for(lambda: app.service.work.held == 0)
    app.models.before = lambda _: None
    press(page, "#measure", lambda: len(app.models.asked) == 2)
    page.wait_for_selector("#report iframe", timeout=60_000)


@pytest.mark.parametrize(("width", "height"), [(1366, 900), (390, 844)])
def test_paintings_appear_one_by_one_and_the_interval_narrows(visit, app, photo, width, height):
    app.models.painting = emitting = Emitting((True, False, True))
    page = visit(width, height)
    choose(page, photo)
    page.click("#measure")
    page.wait_for_selector("#bar:has-text(' s')")
    assert page.locator("#strip figure").count() == 0
    words = []
    for count, used in enumerate(("1 used", "1 used", "2 used"), 1):
        emitting.let()
        page.wait_for_selector(f"#interval p:has-text('After {count} painting'):has-text('{used}')")
        page.wait_for_function(f"document.querySelectorAll('#strip figure').length === {count}")
        words.append(page.inner_text("#interval strong"))
        assert page.locator("#interval svg circle").count() == 1 + count
        assert page.query_selector("#report iframe") is None
    assert words == ["2.40 m (1.60-3.60)", "2.40 m (1.60-3.60)", "2.40 m (1.80-3.20)"]
    kinds = [one.get_attribute("class") for one in page.query_selector_all("#strip figure")]
    assert kinds == ["mfh-used", "mfh-rejected", "mfh-used"]
    assert "hidden: 1 <b>of</b> the sprite" in page.get_attribute("#strip .mfh-rejected img", "alt")
    borders = [
        page.eval_on_selector(f"#strip .mfh-{kind} .mfh-frame", "one => getComputedStyle(one).borderTopStyle")
        for kind in ("used", "rejected")
    ]
    assert borders == ["solid", "dashed"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # While nothing comes, the seconds go on and nothing is announced or sent again.
    page.evaluate(
        """() => {
            window.changes = 0;
            const counted = new MutationObserver((records) => { window.changes += records.length; });
            for (const name of ["status", "interval", "strip"])
                counted.observe(document.getElementById(name), { subtree: true, childList: true, characterData: true });
        }"""
    )
    shown = page.inner_text("#bar")
    page.wait_for_function("shown => document.querySelector('#bar').innerText !== shown", arg=shown)
    assert page.evaluate("window.changes") == 0
    assert page.locator("#bar [role=status]").count() == 0
    emitting.let()
    page.frame_locator("#report iframe").locator("html[data-ready=all]").wait_for(state="attached", timeout=60_000)
    assert page.locator("#strip figure, #interval p, #bar progress").count() == 0
    summary = page.locator("#painted summary")
    assert summary.inner_text() == "3 paintings (2 used)"
    assert not page.locator("#painted figure").first.is_visible(), "it is closed"
    above = summary.bounding_box()["y"] < page.locator("#report iframe").bounding_box()["y"]
    assert above
    summary.click()
    assert page.locator("#painted figure").count() == 3 and page.locator("#painted figure").first.is_visible()
    assert page.inner_text("#painted strong") == words[-1]
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    press(page, "#again", lambda: app.service.store.count == 2)
    page.wait_for_selector("#painted summary:has-text('3 paintings')")
    assert len(app.models.asked) == 1


def test_cancel_while_people_are_painted_clears_them(visit, app, photo):
    app.models.painting = emitting = Emitting()
    page = visit(1366, 900)
    choose(page, photo)
    page.click("#measure")
    emitting.let()
    page.wait_for_selector("#strip figure")
    page.click("#cancel")
    page.wait_for_selector("#status:has-text('Cancelled')")
    assert emitting.ended.wait(30)
    wait_for(lambda: app.service.work.held == 0)
    page.wait_for_function("!document.querySelector('#strip figure, #interval p, #bar progress')")


def test_paintings_without_a_scale_stay_beside_the_line(visit, app, photo):
    def nothing(photo, request):
        request.on_painting(so_far(0, False, usable=0))
        raise NoLandmarkError("no person was found")

    app.models.painting = nothing
    page = visit(390, 844)
    choose(page, photo)
    page.click("#measure")
    page.wait_for_selector(".mfh-failed:has-text('no person was found')")
    page.wait_for_selector("#painted summary:has-text('1 painting (0 used)')")
    page.wait_for_function("!document.querySelector('#strip figure, #bar progress')")
    assert page.locator("#painted figure.mfh-rejected").count() == 1
    assert page.query_selector("#report iframe") is None and app.service.store.count == 0


def choose_preset(page, name: str) -> None:
    page.click("#preset input")
    page.click(f"[role=option]:has-text('{name}')")
    page.wait_for_function("name => document.querySelector('#preset input').value === name", arg=name)


def test_a_preset_is_chosen_in_the_page(visit, app, photo):
    page = visit(390, 844)
    assert page.input_value("#preset input") == "pocket"
    choose(page, photo)
    choose_preset(page, "paper")
    page.click("#measure")
    page.wait_for_selector("#report iframe", timeout=60_000)
    assert app.models.presets == ["paper"]
    choose_preset(page, "pocket")
    press(page, "#measure", lambda: len(app.models.presets) == 2)
    assert app.models.presets == ["paper", "pocket"]


def test_a_preset_whose_models_are_not_here_is_one_line(visit, app, photo, monkeypatch, tmp_path):
    for name in ("MFH_WEIGHTS", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    # The models of the default are not needed for this.
    monkeypatch.setattr("mfh.app.presets.MetricFromHuman.from_config", lambda config: None)
    real = PresetModels(["pocket", "paper"])
    monkeypatch.setattr(app.models, "gather", real.gather)
    page = visit(1366, 900)
    choose(page, photo)
    choose_preset(page, "paper")
    page.click("#measure")
    line = page.wait_for_selector(".mfh-failed").inner_text()
    assert line.startswith("preset paper cannot run here: no ") and "mfh weights fetch --preset paper" in line
    assert "\n" not in line and str(tmp_path) not in line and page.query_selector("#report iframe") is None


def test_a_token_in_the_address_becomes_a_cookie(browser, tmp_path, monkeypatch):
    limits = Limits(token=TOKEN, max_bytes=2_000_000)
    with live_server(tmp_path / "temporary", monkeypatch, limits=limits, page=True) as app:
        assert app.ask("GET", "/").status == app.ask("GET", "/?token=other").status == 401
        assert app.ask("GET", "/config", headers={"Cookie": "mfh_token=other"}).status == 401
        assert app.ask("GET", f"/config?token={TOKEN}").status == 401
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{app.port}/?token={TOKEN}")
        page.wait_for_selector("#measure")
        assert "token" not in page.url and context.cookies()[0]["httpOnly"]
        context.close()
    assert "gradio" in sys.modules
