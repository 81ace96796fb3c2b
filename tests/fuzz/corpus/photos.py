"""Photos of every format that is read, in many makes."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, TiffImagePlugin

from tests.fuzz.case import Step
from tests.fuzz.corpus.reader import Plan, Reader, Run, maybe_json

SIZE = (64, 48)
EXAMPLE = Path(__file__).resolve().parents[3] / "src" / "mfh" / "examples" / "room" / "rgb.png"
ODD_NAMES = (
    "...jpg",
    "....png",
    ".jpg",
    "photo.",
    "photo. .jpg",
    " photo.jpg",
    "-photo.jpg",
    "--out.jpg",
    "..jpg",
    "...",
    "CON.jpg",
    "nul.tar.jpg",
    "a:b.jpg",
    "a\\..\\b.jpg",
    "\x1b[31mred\x07.jpg",
    "two\nlines.jpg",
    "tab\there.jpg",
    "\udcff\udcfe.jpg",
    "caf\udce9.png",
    "\N{SNOWMAN}" * 80 + ".jpg",
    "x" * 251 + ".jpg",
    "e\N{COMBINING ACUTE ACCENT}.jpg",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "receipt.json",
    "out",
    "depth.npz.jpg",
    "strip.png",
    "~.jpg",
    "$(gs).jpg",
    "%s%n.jpg",
    "photo\N{NO-BREAK SPACE}.jpg",
    "photo",
)


def image(mode: str = "RGB") -> Image.Image:
    """Return a small picture with something in it.

    Args:
        mode: Pillow's.
    """
    pixels = np.random.default_rng(1).integers(0, 255, (6, 8, 3), np.uint8)
    return Image.fromarray(pixels).resize(SIZE, Image.Resampling.BICUBIC).convert(mode)


def example(width: int = 160) -> Image.Image:
    """Return the packaged example, smaller: the real models find somebody in it.

    Args:
        width: in pixels; the height is three quarters of it.
    """
    with Image.open(EXAMPLE) as opened:
        return opened.convert("RGB").resize((width, width * 3 // 4), Image.Resampling.LANCZOS)


def _exif(**tags: object) -> bytes:
    """Return EXIF of tags by name, those of the inner directory too."""
    names = {"orientation": 0x0112, "make": 0x010F, "model": 0x0110, "x_resolution": 0x011A}
    inner = {"focal": 0x920A, "focal35": 0xA405, "zoom": 0xA404, "plane_x": 0xA20E, "plane_unit": 0xA210}
    inner |= {"width": 0xA002, "height": 0xA003, "rendered": 0xA401, "maker_note": 0x927C}
    exif = Image.Exif()
    for name, value in tags.items():
        if name in names:
            exif[names[name]] = value
    directory = exif.get_ifd(0x8769)
    for name, value in tags.items():
        if name in inner:
            directory[inner[name]] = value
    return exif.tobytes()


def _saved(picture: Image.Image, name: str, **options: object) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture.save(stream, name, **options)
    return stream.getvalue()


def _frames(name: str, **options: object) -> bytes:
    return _saved(image(), name, save_all=True, append_images=[image().rotate(90), image().rotate(180)], **options)


def _deep(mode: str) -> Image.Image:
    values = np.linspace(0, 1, SIZE[0] * SIZE[1]).reshape(SIZE[::-1])
    return Image.fromarray((values * 65535).astype(np.uint16) if mode == "I;16" else values.astype(np.float32))


def _tiff(**options: object) -> bytes:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory[274] = 6
    return _saved(image(), "TIFF", tiffinfo=directory, **options)


def _alpha() -> Image.Image:
    picture = image("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(SIZE))
    return picture


PHOTO = {"make": "Canon", "model": "Canon EOS 40D", "focal": 50.0, "plane_x": 4438.36, "plane_unit": 2, "width": 3888}
MAKES: dict[str, Callable[[], bytes]] = {
    "plain.jpg": lambda: _saved(image(), "JPEG"),
    "progressive.jpg": lambda: _saved(image(), "JPEG", progressive=True, optimize=True),
    "grey.jpg": lambda: _saved(image("L"), "JPEG"),
    "cmyk.jpg": lambda: _saved(image("CMYK"), "JPEG"),
    "focal35.jpg": lambda: _saved(image(), "JPEG", exif=_exif(focal35=28, focal=4.2, make="x", model="y")),
    "camera.jpg": lambda: _saved(image(), "JPEG", exif=_exif(**PHOTO)),
    "turned.jpg": lambda: _saved(image(), "JPEG", exif=_exif(orientation=6, focal35=50)),
    "zoom.jpg": lambda: _saved(image(), "JPEG", exif=_exif(zoom=2.0, maker_note=b"x" * 200, **PHOTO)),
    "panorama.jpg": lambda: _saved(image().resize((192, 48)), "JPEG", exif=_exif(focal35=26, rendered=6)),
    "profile.jpg": lambda: _saved(image(), "JPEG", icc_profile=b"not a profile" * 20, comment=b"hello"),
    "several.jpg": lambda: _frames("MPO"),
    "plain.png": lambda: _saved(image(), "PNG"),
    "alpha.png": lambda: _saved(_alpha(), "PNG"),
    "palette.png": lambda: _saved(image().quantize(16), "PNG", transparency=3),
    "deep.png": lambda: _saved(_deep("I;16"), "PNG"),
    "bits.png": lambda: _saved(image("1"), "PNG"),
    "grey-alpha.png": lambda: _saved(_alpha().convert("LA"), "PNG"),
    "animated.png": lambda: _frames("PNG"),
    "exif.png": lambda: _saved(image(), "PNG", exif=_exif(focal35=35)),
    "plain.webp": lambda: _saved(image(), "WEBP"),
    "lossless.webp": lambda: _saved(_alpha(), "WEBP", lossless=True, exif=_exif(focal35=35)),
    "animated.webp": lambda: _frames("WEBP"),
    "plain.tif": lambda: _saved(image(), "TIFF"),
    "lzw.tif": lambda: _saved(image(), "TIFF", compression="tiff_lzw"),
    "deflate.tif": lambda: _saved(_alpha(), "TIFF", compression="tiff_adobe_deflate"),
    "jpeg.tif": lambda: _saved(image(), "TIFF", compression="jpeg"),
    "turned.tif": lambda: _tiff(),
    "deep.tif": lambda: _saved(_deep("I;16"), "TIFF"),
    "float.tif": lambda: _saved(_deep("F"), "TIFF"),
    "cmyk.tif": lambda: _saved(image("CMYK"), "TIFF"),
    "pages.tif": lambda: _frames("TIFF"),
    "bits.tif": lambda: _saved(image("1"), "TIFF", compression="group4"),
    "plain.bmp": lambda: _saved(image(), "BMP"),
    "palette.bmp": lambda: _saved(image().quantize(16), "BMP"),
    "plain.gif": lambda: _saved(image(), "GIF"),
    "animated.gif": lambda: _frames("GIF", duration=50, loop=0, disposal=2),
    "plain.ppm": lambda: _saved(image(), "PPM"),
    "grey.pgm": lambda: _saved(image("L"), "PPM"),
    "plain.jp2": lambda: _saved(image(), "JPEG2000"),
    "plain.avif": lambda: _saved(image(), "AVIF"),
    "example.jpg": lambda: _saved(example(), "JPEG", quality=92),
}
"""File -> its content."""
_REAL = "example.jpg"
_WAYS = ("tiny", "tiny", "tiny", "tiny", "tiny", "evidence", "named", "several")


def _heif() -> dict[str, Callable[[], bytes]]:
    try:
        import pillow_heif
    except ImportError:
        return {}
    pillow_heif.register_heif_opener()
    return {"plain.heic": lambda: _saved(image(), "HEIF", exif=_exif(focal35=26, orientation=6))}


def build(root: Path, run: Run) -> None:
    """Write all of them."""
    for name, make in {**MAKES, **_heif()}.items():
        (root / "work" / name).write_bytes(make())


def plan(name: str, rng: Random) -> Plan:
    """Measure one photo; some beside others, some by the real models."""
    way = rng.choice(_WAYS)
    words = ["predict", name, "--out", "out", *maybe_json(rng)]
    real = name == _REAL
    if way == "evidence":
        words += ["--save-evidence", "--save-paintings", "--people", "paint", "--paintings", "2"]
    elif way == "several":
        words[2:2] = ["plain.png", "absent.jpg"]
    elif way == "named":
        words += ["--known-distance", "20,30=3m", "--measure", "1,1:40,40"]
    most = 3 if way == "several" else 1
    codes = frozenset({2}) if way == "several" else frozenset({0})
    return Plan((Step(tuple(words), tiny=not real, most_errors=most),), [f"work/{name}"], whole=codes)


READERS = (Reader("photo", build, tuple(MAKES) + tuple(_heif()), plan, weight=12.0),)
