"""The page: a template, the style, the script and the payload put together into one HTML file.

The file needs no other and no network: its content security policy forbids every request, and admits its own script and
style by their digests. Whatever comes from outside (names of files, sentences) is escaped.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from mfh.errors import printable
from mfh.io.atomic import atomic_path
from mfh.report.payload import report_payload
from mfh.types import MetricDepth
from mfh.types.summary import headline


@dataclass(frozen=True)
class HtmlFrame:
    """A page in a frame of its own, as a notebook shows it.

    Attributes:
        page: the HTML file.
        height_px: of the frame.
    """

    page: str
    height_px: int

    def _repr_html_(self) -> str:
        """Return the frame; its content has no address, and reaches nothing of the notebook."""
        return (
            '<iframe title="Metric depth report" sandbox="allow-scripts" '
            f'srcdoc="{html.escape(self.page)}" style="width:100%;height:{self.height_px:d}px;border:0"></iframe>'
        )


def report_html(result: MetricDepth, *, commands: Sequence[str] = ()) -> str:
    """Return the report of a result as one HTML file.

    Args:
        result: the depth of one photo.
        commands: that made it, as typed.
    """
    return page_html(report_payload(result, commands=commands), title=result.photo.name, lead=headline(result))


def page_html(payload: Mapping[str, object], *, title: str, lead: str) -> str:
    """Return the page that shows a payload.

    Args:
        payload: JSON values, from :func:`~mfh.report.payload.report_payload`.
        title: name of the photo.
        lead: the answer in one line.
    """
    photo = payload["photo"]
    assert isinstance(photo, Mapping)
    # The photo is in the document itself: it is seen before any script has run.
    rest = {**payload, "photo": {key: value for key, value in photo.items() if key != "jpeg"}}
    size = int(photo["jpeg_width"]), int(photo["jpeg_height"])
    return fill_page(_PHOTO, rest, title=title, lead=lead, jpeg=photo["jpeg"], size=size)


@dataclass(frozen=True)
class Viewer:
    """The files of a kind of page, and the words in which kinds differ.

    Attributes:
        main: template of what it shows.
        script: its program.
        styles: one after the other.
        skip: names the picture to those who jump to it.
        needs: what does nothing without the program.
    """

    main: str
    script: str
    styles: tuple[str, ...]
    skip: str
    needs: str


_PHOTO = Viewer("page.html", "viewer.js", ("viewer.css",), "To the photo", "Hovering, measuring and the scene in 3-D")


def fill_page(
    viewer: Viewer,
    payload: Mapping[str, object],
    *,
    title: str,
    lead: str,
    jpeg: str,
    size: tuple[int, int],
) -> str:
    """Return a page of a kind.

    Args:
        viewer: the kind.
        payload: JSON values.
        title: name of the photo or clip.
        lead: the answer in one line.
        jpeg: base64 of the picture that is seen first.
        size: its width and height.
    """
    script, style = _data(viewer.script), "".join(_data(one) for one in viewer.styles)
    texts = {
        "title": html.escape(printable(title)),
        "lead": html.escape(printable(lead)),
        "photo": f"data:image/jpeg;base64,{jpeg}",
        "width": size[0],
        "height": size[1],
    }
    return Template(_data("shell.html")).substitute(
        texts,
        policy=(
            f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=style,
        script=script,
        payload=json_for_script(payload),
        main=Template(_data(viewer.main)).substitute(texts).rstrip("\n"),
        skip=viewer.skip,
        needs=viewer.needs,
    )


def json_for_script(value: object) -> str:
    """Return JSON that may stand inside a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def write_report(path: Path, result: MetricDepth, *, commands: Sequence[str] = ()) -> Path:
    """Write the report of a result.

    Args:
        path: the file.
        result: the depth of one photo.
        commands: that made it, as typed.

    Raises:
        InputError: where it cannot be written.
    """
    page = report_html(result, commands=commands)
    with atomic_path(path) as temporary:
        # Bytes: another line ending would be another script than the one the policy admits.
        temporary.write_bytes(page.encode())
    return path


def _data(name: str) -> str:
    return resources.files("mfh.report").joinpath("data", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
