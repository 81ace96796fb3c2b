"""The page in a browser: a photo in, the report out; one line for what cannot be used; cancel; no request leaves it."""

import importlib.util
import sys

import pytest

from mfh.app.server import Limits
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
    page.fill("#metres textarea, #metres input", "3.5m")
    page.click("#add")
    page.wait_for_function("document.querySelector('#known textarea').value.startsWith('distance 3')")
    page.click("#measure")
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
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with page.expect_download() as download:
        page.click("#links a:has-text('depth.npz')")
    assert download.value.suggested_filename == "depth.npz"

    page.fill("#focal textarea, #focal input", "40")
    page.click("#again")
    page.wait_for_function(
        "document.querySelectorAll('#links a').length && !document.querySelector('#status progress')"
    )
    wait_for(lambda: app.service.store.count == 2)
    assert len(app.models.asked) == 1, "no model ran again"


@pytest.mark.parametrize(
    ("data", "expected"), [(b"no picture at all", "is not a picture"), (picture(640, 480)[:2000], "is damaged")]
)
def test_a_bad_file_is_one_line(visit, tmp_path, data, expected):
    page = visit(1366, 900)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(data)
    page.set_input_files("#photo input[type=file]", str(bad))
    page.wait_for_timeout(1000)
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
    page.click("#measure")
    page.wait_for_selector("#report iframe", timeout=60_000)


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
