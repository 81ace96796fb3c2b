"""Make the pictures of the README from its two photos.

python docs/tools/pictures.py
"""

import tempfile
from pathlib import Path

from PIL import Image

from mfh.cli.app import run

IMAGES = Path(__file__).resolve().parent.parent / "images"
WIDTH = 1800
MADE = {"meeting-depth.jpg": ("meeting", "preview.png"), "waiting-room-painted.jpg": ("waiting-room", "strip.png")}
"""Picture -> the photo it is of, and the file of its results."""


def main() -> None:
    """Measure both photos and write their pictures, small enough for a page."""
    with tempfile.TemporaryDirectory() as folder:
        photos = [str(IMAGES / f"{photo}.jpg") for photo, _ in MADE.values()]
        if code := run(["predict", *photos, "--save-paintings", "--quiet", "--out", folder]):
            raise SystemExit(code)
        for name, (photo, file) in MADE.items():
            with Image.open(Path(folder) / photo / file) as image:
                picture = image.convert("RGB")
            picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
            picture.save(IMAGES / name, quality=86, optimize=True)


if __name__ == "__main__":
    main()
