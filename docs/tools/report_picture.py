"""Make the picture of the report's guide: the report of a photo in Chromium, with a length measured in it.

python docs/tools/report_picture.py; the browser is the system's, or the one that CHROMIUM names.
"""

import io
import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from mfh.cli.app import run

IMAGES = Path(__file__).resolve().parent.parent / "images"
WIDTH, HEIGHT = 1366, 1240
ENDS = ((0.745, 0.43), (0.745, 0.86))
"""Of the length, over width and height of the photo."""


def main() -> None:
    """Measure the photo, open its report, click twice, and save what is seen."""
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        if code := run(["predict", str(IMAGES / "meeting.jpg"), "--report", "--quiet", "--out", folder]):
            raise SystemExit(code)
        arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
        browser = running.chromium.launch(executable_path=browser_path, args=arguments)
        page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, offline=True).new_page()
        page.goto((Path(folder) / "meeting" / "report.html").as_uri())
        page.wait_for_selector("html[data-ready=all]")
        box = page.locator("#overlay").bounding_box()
        assert box is not None
        for across, down in ENDS:
            page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.45 * box["height"])
        page.wait_for_timeout(1500)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    picture.save(IMAGES / "report.jpg", quality=84, optimize=True)


if __name__ == "__main__":
    main()
