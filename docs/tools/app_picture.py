"""Make the picture of the app's guide: the page in Chromium after a photo was measured.

python docs/tools/app_picture.py; the browser is the system's, or the one that CHROMIUM names.
"""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "images"
WIDTH, HEIGHT = 1100, 900
SHOWN_PX = 1455
"""Height of the picture: the page goes on below."""


def main() -> None:
    """Start the app, upload the photo, measure it, and save what is seen."""
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    words = [sys.executable, "-m", "mfh", "app", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as app, sync_playwright() as running:
        assert app.stdout is not None
        address = app.stdout.readline().removeprefix("open ").strip()
        arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
        browser = running.chromium.launch(executable_path=browser_path, args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(address)
        page.wait_for_selector("#measure")
        page.set_input_files("#photo input[type=file]", str(IMAGES / "meeting.jpg"))
        page.wait_for_selector("#place:has-text('Click what you know')")
        page.click("#measure")
        frame = page.frame_locator("#report iframe")
        frame.locator("html[data-ready=all]").wait_for(state="attached", timeout=120_000)
        page.wait_for_timeout(2000)
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        browser.close()
        app.terminate()
    picture.crop((0, 0, WIDTH, min(SHOWN_PX, picture.height))).save(IMAGES / "app.jpg", quality=82, optimize=True)


if __name__ == "__main__":
    main()
