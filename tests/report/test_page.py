import hashlib
import html
import json
import re
from base64 import b64encode
from dataclasses import replace

import numpy as np
import pytest

from mfh import refit
from mfh.report.page import json_for_script, page_html, report_html
from tests.report.scene import room

EVIL = "</script><img src=x onerror=alert(1)>\"'&amp;<!--.jpg"


def test_a_page_of_twelve_megapixels_is_small():
    page = report_html(refit(room(4000, 3000)))
    assert len(page.encode()) <= 1_500_000


def test_nothing_from_outside_ends_its_element(room_result):
    named = replace(room_result, photo=replace(room_result.photo, name=EVIL, path=EVIL))
    page = report_html(named)
    assert EVIL not in page and html.escape(EVIL) in page
    payload = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page, re.DOTALL)
    assert payload is not None
    assert json.loads(payload[1])["photo"]["name"] == EVIL
    assert "<" not in payload[1]
    # The script element of the payload and that of the program, and none else.
    assert page.count("<script") == page.count("</script>") == 2


def test_json_in_a_script_reads_back():
    value = {"a": ["<", ">", "&", "\u2028", EVIL, None, 1.5]}
    text = json_for_script(value)
    assert json.loads(text) == value and text.isascii() and not set("<>&") & set(text)


def test_the_policy_admits_its_own_script_and_style_alone(room_page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', room_page)
    assert policy is not None and policy[1].startswith("default-src 'none'; ")
    for element in ("script", "style"):
        text = re.search(rf"<{element}>(.*?)</{element}>", room_page, re.DOTALL)
        assert text is not None
        digest = b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy[1]
    assert "unsafe" not in policy[1] and "http" not in policy[1]


def test_no_handler_and_no_address_stands_in_the_page(room_page):
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", room_page, flags=re.DOTALL)
    assert not re.search(r"\son\w+=", markup) and "http" not in markup.replace("http-equiv", "")


def test_a_notebook_gets_it_in_a_frame(room_result):
    frame = room_result.show(height_px=640)._repr_html_()
    inside = re.search(r'srcdoc="([^"]*)"', frame)
    assert inside is not None and html.unescape(inside[1]) == report_html(room_result)
    assert "height:640px" in frame and 'sandbox="allow-scripts"' in frame


def test_it_is_saved_where_asked(room_result, tmp_path):
    path = room_result.save_report(tmp_path / "a.html")
    assert path.read_bytes() == report_html(room_result).encode()
    assert [one.name for one in tmp_path.iterdir()] == ["a.html"]


def test_numbers_that_do_not_exist_are_refused_by_the_page_but_not_made_by_the_payload(room_result):
    with pytest.raises(ValueError, match="JSON"):
        page_html({"photo": {"jpeg": "", "jpeg_width": 1, "jpeg_height": 1}, "x": np.nan}, title="a", lead="b")
