"""Pages for the tests of the report: the network is off, and every request is asserted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mfh import refit
from tests.report.clip_scene import filmed_room
from tests.report.scene import room


@dataclass
class Opened:
    """A page with what it asked for and what it complained of."""

    page: object
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(browser, tmp_path) -> Iterator:
    """Open a page from its file, without a network: nothing but the file itself is ever let through."""
    contexts = []

    def opened(text: str, *, width: int = 1366, height: int = 900, dark: bool = False, frame: bool = False) -> Opened:
        path = Path(tmp_path) / "report.html"
        path.write_bytes(text.encode())
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        one = Opened(context.new_page())
        address = path.as_uri()

        def judge(route) -> None:
            if route.request.url == address:
                route.continue_()
            else:
                one.requests.append(route.request.url)
                route.abort()

        one.page.route("**/*", judge)
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on("dialog", lambda dialog: one.complaints.append(f"dialog {dialog.message}"))
        one.page.goto(address)
        if not frame:
            one.page.wait_for_selector("html[data-ready=all]")
        return one

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def gathered_room():
    """What models may have said about a room: bodies, objects and painted people."""
    return room()


@pytest.fixture(scope="session")
def room_result(gathered_room):
    """The answer for it."""
    return refit(gathered_room)


@pytest.fixture(scope="session")
def room_page(room_result) -> str:
    """Its report."""
    from mfh.report.page import report_html

    return report_html(room_result)


@pytest.fixture(scope="session")
def clip_filmed(tmp_path_factory):
    """A clip with its page."""
    return filmed_room(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def still_filmed(tmp_path_factory):
    """The same, of a camera that stands still."""
    return filmed_room(tmp_path_factory.mktemp("still"), still=True)
