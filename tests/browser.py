"""The system's own Chromium, which no test downloads."""

import os
import shutil

ARGUMENTS = [
    # Without a GPU the scene is drawn in software.
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
    *("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"),
]


def chromium_path() -> str | None:
    """The browser that ``CHROMIUM`` names, or the system's."""
    return os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
