"""Make the pictures of the README from its two photos.

python docs/tools/pictures.py
"""

import tempfile
from pathlib import Path

from PIL import Image

from mfh.cli.app import run

IMAGES = Path(__file__).resolve().parent.parent / "images"
WIDTH = 1800
MADE = {
    "meeting-depth.jpg": ("meeting", (), "preview.png"),
    "waiting-room-depth.jpg": ("waiting-room", (), "preview.png"),
    "waiting-room-painted.jpg": ("waiting-room", ("--people", "paint", "--save-paintings"), "strip.png"),
}
"""Picture -> the photo it is of, options of ``mfh predict``, and the file of its results."""


def main() -> None:
    """Measure the photos and write their pictures, small enough for a page."""
    for name, (photo, options, file) in MADE.items():
        with tempfile.TemporaryDirectory() as folder:
            if code := run(["predict", str(IMAGES / f"{photo}.jpg"), *options, "--quiet", "--out", folder]):
                raise SystemExit(code)
            with Image.open(Path(folder) / photo / file) as image:
                picture = image.convert("RGB")
        picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
        picture.save(IMAGES / name, quality=86, optimize=True)


if __name__ == "__main__":
    main()
