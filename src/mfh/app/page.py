"""The page of ``mfh app``: a photo and what is known of it in, the report out; Gradio on the routes of the server."""

import asyncio
import html
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from mfh.app.guard import complain
from mfh.app.jobs import Desk, asked
from mfh.app.known import DISTANCE, PLACES, failed, for_page, options_of, person_at
from mfh.app.known import added as added_line
from mfh.app.paintings import CSS as PAINTINGS_CSS
from mfh.app.paintings import STRIP, Paintings
from mfh.app.schema import DepthOptions, RefitRequest, read_form
from mfh.app.server import failure_of
from mfh.app.store import Entry
from mfh.app.work import Check, Work
from mfh.errors import InputError
from mfh.io.contents import RECEIPT
from mfh.io.formats import FORMATS

EXAMPLE = Path(__file__).parent.parent / "examples" / "room" / "rgb.png"
Made = tuple[Entry, dict[str, object]]
Begin = Callable[[Paintings], Callable[[Check], Made]]
"""Checks what was given, and returns what is done on the models' thread; paintings are added meanwhile."""

_ASKED_EVERY_S = 0.2
_SWEPT_EVERY_S = 60
_CLICK = "Click what you know in the photo."
_TITLE = "# Metric depth from one photo\nPeople and objects in it, or people painted into it, are the scale."
# Those of the system: others would be asked of another site.
_FONTS, _MONO = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]
_CSS = """
.mfh-report iframe { width: 100%; height: 85vh; border: 1px solid var(--border-color-primary); border-radius: 6px; }
.mfh-links a { display: inline-block; padding: 6px 12px; margin: 3px; border: 1px solid; border-radius: 6px; }
.mfh-failed { color: #b3261e; font-weight: 600; overflow-wrap: anywhere; }
.dark .mfh-failed { color: #ffb4ab; }
#progress { gap: 8px; }
#progress .html-container { padding: 0; }
#live { gap: 8px 24px; align-items: flex-start; }
#interval { flex: 0 1 440px; min-width: min(100%, 300px) !important; }
#strip { flex: 1 1 480px; min-width: min(100%, 300px) !important; }
#interval:not(:has(p)), #strip:not(:has(figure)), #live:not(:has(p)), #painted:not(:has(details)),
#bar:not(:has(progress)), #status:not(:has(div[role])) { display: none; }
.mfh-bar { display: flex; align-items: center; gap: 12px; font-variant-numeric: tabular-nums; }
.mfh-bar progress { flex: 1; min-width: 0; accent-color: #1a7f37; }
"""
_MOST_STRIPS = 20
"""Results of one session whose paintings stay on the page; each takes up to a few hundred kilobytes."""


def mount_page(app: FastAPI, desk: Desk, work: Work, *, max_bytes: int) -> None:
    """Add the page to the routes of a server.

    Args:
        app: with the routes of results.
        desk: does the work.
        work: the models' thread.
        max_bytes: of a photo.
    """
    store = desk.store
    store.open()
    assert store.root is not None
    # Uploads lie in the folder of results, and go with it.
    os.environ["GRADIO_TEMP_DIR"] = str(store.root / "uploads")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # It reads these when it is imported.
    import gradio as gr
    from gradio.themes import Base

    gr.mount_gradio_app(
        app,
        _page(desk, work),
        "/",
        max_file_size=max_bytes,
        show_error=False,
        footer_links=[],
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        run_history=False,
        mcp_server=False,
        theme=Base(font=_FONTS, font_mono=_MONO),
        css=_CSS + PAINTINGS_CSS,
    )


class Stops:
    """The runs of each browser tab, to be ended by its button."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def of(self, tab: str | None) -> Iterator[asyncio.Event]:
        """Yield what ends a run of a tab.

        Args:
            tab: its name.
        """
        event = asyncio.Event()
        self._events.setdefault(tab or "", set()).add(event)
        try:
            yield event
        finally:
            self._events[tab or ""].discard(event)
            if not self._events[tab or ""]:
                del self._events[tab or ""]

    def set(self, tab: str | None) -> None:
        """End the runs of a tab.

        Args:
            tab: its name.
        """
        for event in self._events.get(tab or "", ()):
            event.set()


def _page(desk: Desk, work: Work) -> Any:
    """Return the page: where each thing stands, then what happens to it."""
    import gradio as gr

    keep = (_SWEPT_EVERY_S, int(desk.store.keep_s) + 1)
    with gr.Blocks(title="Metric from Human", analytics_enabled=False, delete_cache=keep) as page:
        gr.Markdown(_TITLE)
        seen, clicked = gr.State({}), gr.State([])
        with gr.Row():
            with gr.Column(min_width=280):
                photo = gr.Image(
                    label="Photo",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "webcam", "clipboard"],
                    elem_id="photo",
                    buttons=[],
                    height=360,
                )
                # The file is read as mfh predict reads it: its EXIF, its bits, its errors. (Of a class of its own,
                # Gradio would write a file beside this one.)
                photo.preprocess = lambda payload: None if payload is None else payload.path
                gr.Examples([[str(EXAMPLE)]], [photo], label="Example", cache_examples=False)
            with gr.Column(min_width=280):
                presets = list(desk.models.configs)
                preset = gr.Dropdown(
                    presets, value=presets[0], label="Preset", filterable=False, interactive=True, elem_id="preset"
                )
                focal = gr.Textbox(label="Focal length, mm in 35 mm terms", placeholder="from EXIF", elem_id="focal")
                formats = gr.Dropdown(list(FORMATS), value=["npz", "png"], multiselect=True, label="Formats")
                what = gr.Radio(
                    list(PLACES), value=DISTANCE, label="What you know (click it in the photo)", elem_id="what"
                )
                with gr.Row():
                    metres = gr.Textbox(label="Metres", placeholder="2.31", elem_id="metres", scale=2, min_width=90)
                    add = gr.Button("Add", elem_id="add", scale=1, min_width=80)
                place = gr.Markdown("Choose a photo first.", elem_id="place")
                known = gr.Textbox(label="Known, one a line", lines=2, elem_id="known")
                added = gr.HTML("", elem_id="added")
        with gr.Row():
            measure = gr.Button("Measure", variant="primary", elem_id="measure")
            again = gr.Button("Fit again, without models", elem_id="again", interactive=False)
            cancel = gr.Button("Cancel", elem_id="cancel")
        with gr.Column(elem_id="progress", elem_classes="mfh-live"):
            status, bar = gr.HTML("", elem_id="status"), gr.HTML("", elem_id="bar")
            with gr.Row(elem_id="live"):
                interval = gr.HTML("", elem_id="interval")
                strip = gr.HTML("", elem_id="strip", html_template=STRIP)
            painted = gr.HTML("", elem_id="painted")
        report = gr.HTML("", elem_id="report", elem_classes="mfh-report")
        links = gr.HTML("", elem_id="links", elem_classes="mfh-links")
        history = gr.Dropdown([], value=None, label="Results of this session", elem_id="history", interactive=True)

        stops = Stops()

        async def measured(
            path: str | None,
            model: str,
            focal_35mm: str,
            words: str,
            names: list[str],
            session: Any,
            request: gr.Request,
        ):
            begin = _depth(desk, path, model, focal_35mm, words, names)
            with stops.of(request.session_hash) as stop:
                async for one in _run(work, session, begin, stop):
                    yield one

        async def fitted(focal_35mm: str, words: str, names: list[str], session: Any, request: gr.Request):
            # It rests on the paintings of the first time.
            old = session.get("results", {}).get(session.get("id"), {}).get("paintings", "")
            with stops.of(request.session_hash) as stop:
                async for one in _run(work, session, _refit(desk, session, focal_35mm, words, names), stop, old):
                    yield one

        async def cancelled(request: gr.Request) -> None:
            stops.set(request.session_hash)

        def at(session: Any, before: list[list[int]], event: gr.SelectData) -> tuple[list[list[int]], str]:
            x, y = (round(side) for side in event.index)
            number = person_at(session, x, y)
            person = "" if number is None else f": person {number} of the receipt"
            first = f"; before it {before[-1][0]}, {before[-1][1]}" if before else ""
            return [*before[-1:], [x, y]], f"Clicked {x}, {y}{person}{first}"

        def chosen(name: str | None, session: Any) -> tuple[str, str, str, Any]:
            one = session.get("results", {}).get(name)
            if one is None:
                return "", "", "", session
            if desk.store.find(one["id"]) is None:
                return "", failed("this result was removed: its time is over"), "", session
            return one["paintings"], _iframe(one["id"]), _links(one), {**session, "id": one["id"]}

        def emptied(session: Any) -> tuple[Any, ...]:
            return {**session, "id": None, "people": []}, [], "", _CLICK, gr.update(interactive=False)

        hidden: Any = {"api_visibility": "private", "show_progress": "hidden"}
        progress = [status, bar, interval, strip, painted]
        shown = [*progress, report, links, history, again, seen]
        photo.select(at, [seen, clicked], [clicked, place], **hidden)
        photo.change(emptied, [seen], [seen, clicked, known, place, again], **hidden)
        add.click(added_line, [clicked, what, metres, known, seen], [known, metres, added], **hidden)
        given = [focal, known, formats, seen]
        measure.click(measured, [photo, preset, *given], shown, concurrency_limit=None, **hidden)
        again.click(fitted, given, shown, concurrency_limit=None, **hidden)
        # Heard at once, however many runs there are.
        cancel.click(cancelled, None, None, queue=False, **hidden)
        history.input(chosen, [history, seen], [painted, report, links, seen], **hidden)
    return page


def _depth(desk: Desk, path: str | None, preset: str, focal_35mm: str, words: str, names: list[str]) -> Begin:
    def begin(paintings: Paintings) -> Callable[[Check], Made]:
        if not path:
            raise InputError("no photo yet: upload one, take one, or choose the example")
        options = read_form(DepthOptions, {**options_of(words, focal_35mm, names), "preset": preset})
        given, file = asked(options, tuple(desk.models.configs)), Path(path)
        return lambda check: desk.depth(file.read_bytes(), file.name, given, options, check, on_painting=paintings.add)

    return begin


def _refit(desk: Desk, session: Any, focal_35mm: str, words: str, names: list[str]) -> Begin:
    def begin(_: Paintings) -> Callable[[Check], Made]:
        entry = desk.store.find(session.get("id") or "")
        if entry is None:
            raise InputError("no result to fit again: measure the photo first")
        options = read_form(RefitRequest, {**options_of(words, focal_35mm, names), "id": entry.id})
        given = asked(options)

        def job(check: Check) -> Made:
            check("fit", 0.9)
            return desk.refit(entry, given, (), check)

        return job

    return begin


async def _run(
    work: Work, session: Any, begin: Begin, stop: asyncio.Event, painted: str = ""
) -> AsyncIterator[tuple[Any, ...]]:
    """Do the work of a click, and yield what to show: stages and paintings, then the report or one line.

    Before there are others, ``painted`` are the paintings, as HTML. With ``stop`` it ends, and the job with it.
    """
    import gradio as gr

    same, paintings = (gr.skip(),) * 5, Paintings()
    try:
        job = begin(paintings)
        async with work.slot() as slot:
            task, stopped = asyncio.ensure_future(slot.run(job)), asyncio.ensure_future(stop.wait())
            try:
                ticks = 0
                while not task.done():
                    if stop.is_set():
                        yield _status("Cancelled."), "", "", "", "", *same
                        return
                    stage, fraction = slot.stage
                    ran = f'<progress value="{fraction:.2f}"></progress>{ticks * _ASKED_EVERY_S:.0f} s'
                    # Gradio sends what differs from the last time: of the strip, what came to its end.
                    seen = paintings.panel(), paintings.strip(), "" if paintings.steps else painted
                    yield _status(stage), f'<div class="mfh-bar">{ran}</div>', *seen, *same
                    ticks += 1
                    await asyncio.wait([task, stopped], timeout=_ASKED_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                entry, receipt = task.result()
            finally:
                # Of a click that was cancelled: the job ends at its next step.
                stopped.cancel()
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
    except Exception as error:
        status, body, _ = failure_of(error)
        if status == 500:
            complain(error)
        yield failed(for_page(str(body["error"]))), "", "", "", paintings.closed() or painted, *same
        return
    yield _done(session, entry, receipt, paintings.closed() or painted)


def _done(session: Any, entry: Entry, receipt: Any, painted: str) -> tuple[Any, ...]:
    """Return what to show of a result, and what the session remembers; ``painted`` are its paintings as HTML."""
    import gradio as gr

    depth, median = receipt["depth_m"], receipt["depth_m"]["median"]
    label = f"{receipt['photo']}: {median:.2f} m median"
    one = {"label": label, "files": {**receipt["files"], "receipt": RECEIPT}, "id": entry.id, "paintings": painted}
    seen = [mark for mark in receipt["landmarks"] if mark["source"] == "photo" and mark["label"] is None]
    old = dict(session.get("results", {}))
    for name in list(old)[: -_MOST_STRIPS + 1]:
        old[name] = {**old[name], "paintings": ""}
    results = {**old, entry.id: one}
    state = {"results": results, "id": entry.id, "people": [(mark["number"], mark["box_xyxy"]) for mark in seen]}
    choices = [(f"{count}. {value['label']}", name) for count, (name, value) in enumerate(results.items(), 1)]
    notes = "".join(f"<li>{html.escape(for_page(str(line)))}</li>" for line in receipt["warnings"])
    level = (receipt["interval"] or {}).get("level_80")
    sure = (
        f" ({depth['median'] * level[0]:.2f}-{depth['median'] * level[1]:.2f} m with 80 % probability)" if level else ""
    )
    reach = f"{label}{sure}; nearest {depth['nearest']:.2f} m, farthest {depth['farthest']:.2f} m"
    return (
        f"{_status(reach)}<ul>{notes}</ul>",
        "",
        "",
        "",
        painted,
        _iframe(entry.id),
        _links(one),
        gr.update(choices=choices, value=entry.id),
        gr.update(interactive=True),
        state,
    )


def _iframe(name: str) -> str:
    title = "Report: depth, lengths and what fixed the scale"
    # As tall as its content: the page alone is scrolled.
    fit = "const page = this.contentDocument.documentElement;"
    fit += "new ResizeObserver(() => { this.style.height = page.scrollHeight + 'px'; }).observe(page)"
    return f'<iframe src="/v1/results/{name}/report.html" title="{title}" onload="{fit}"></iframe>'


def _links(one: Any) -> str:
    return "".join(
        f'<a href="/v1/results/{one["id"]}/{html.escape(name)}" download="{html.escape(name)}">{html.escape(name)}</a>'
        for name in one["files"].values()
    )


def _status(line: str) -> str:
    return f'<div role="status">{html.escape(line)}</div>'
