"""Sizes of the sensors that cameras and phones have: what EXIF's focal lengths are checked against.

The figures are the makers' published specifications: width and height where they state millimetres, else the usual
ones of the optical format ("1/2.3 inch"). Of phones, whose lenses have different sensors, the makers' 35 mm equivalents
of each lens are kept instead, as the phones themselves write them. A wrong size is worse than none: a model is listed
where its whole family is sure, and what a family does not fix to a few percent has a larger sigma.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from mfh.geometry.camera import FULL_FRAME_MM


@dataclass(frozen=True)
class Sensor:
    """The sensor behind a lens.

    Attributes:
        width_mm: long side.
        height_mm: short side.
        relative_sigma: relative one-sigma uncertainty of the width.
        camera: whose it is, for messages.
    """

    width_mm: float
    height_mm: float
    relative_sigma: float
    camera: str

    @property
    def aspect(self) -> float:
        """Long side over short side."""
        return self.width_mm / self.height_mm

    @property
    def crop_factor(self) -> float:
        """35 mm equivalent over real focal length."""
        return FULL_FRAME_MM / self.width_mm

    @property
    def is_full_frame(self) -> bool:
        """Whether lenses for smaller sensors fit, so that the camera crops."""
        return self.width_mm > 34


_SURE, _CLASS = 0.02, 0.1

_APS_C, _APS_C_CANON = (23.6, 15.7), (22.3, 14.9)
_FULL, _FULL_359 = (36.0, 24.0), (35.9, 24.0)
_FOUR_THIRDS, _ONE_INCH = (17.3, 13.0), (13.2, 8.8)
_TWO_THIRDS, _INCH_17, _INCH_18, _INCH_23 = (8.8, 6.6), (7.44, 5.58), (7.18, 5.32), (6.17, 4.63)
_MEDIUM = (43.8, 32.9)

# (maker, model, (width, height) in mm, sigma); the first that matches both, case aside, counts.
_FAMILIES: tuple[tuple[str, str, tuple[float, float], float], ...] = (
    # Canon: EOS with the full frame, APS-H, then every other EOS; compacts by their formats.
    ("canon", r"EOS (5D|6D)$", (35.8, 23.9), _SURE),
    ("canon", r"EOS (5DS( ?R)?|5D Mark (II|III|IV)|Ra?|R3|R5( ?C|m2| Mark II)?|R1)$", _FULL, _SURE),
    ("canon", r"EOS (6D Mark II|RP|R6( ?m2| Mark II)?|R8)$", (35.9, 23.9), _SURE),
    ("canon", r"EOS-1D(s|s Mark II|s Mark III| X| X Mark II| X Mark III| C)$", _FULL, _SURE),
    ("canon", r"EOS-1D( Mark II N?| Mark II| Mark III| Mark IV)?$", (28.3, 18.9), _SURE),
    ("canon", r"EOS (\d{1,4}Da?( Mark II)?|D[36]0|M\d*( Mark II|m2)?|R7|R10|R50( ?V)?|R100)$", _APS_C_CANON, _SURE),
    ("canon", r"EOS (DIGITAL )?(REBEL|Kiss)\b", _APS_C_CANON, _SURE),
    ("canon", r"PowerShot G1 ?X Mark III", _APS_C_CANON, _SURE),
    ("canon", r"PowerShot G1 ?X", (18.7, 14.0), _SURE),
    ("canon", r"PowerShot G[3579] ?X", _ONE_INCH, _SURE),
    # Two cameras each are called S100, S110 and S200.
    ("canon", r"PowerShot (S9[05]|S120|G9|G1[01256])$", (7.5, 5.6), 0.03),
    ("canon", r"PowerShot (G[1-7]|S[3-8]0|S4[01]0|S500|A80|A95|A6[1-4]0|SD5[05]0|SD900)$", _INCH_18, 0.03),
    ("canon", r"DIGITAL IXUS (400|430|500|700|750|900 ?Ti)$", _INCH_18, 0.03),
    ("canon", r"PowerShot SX(1|[1-7]0|1[13567]0|[24-7]\d0)\b", _INCH_23, 0.03),
    ("canon", r"PowerShot (?!V)|IXUS|IXY", (6.1, 4.6), _CLASS),
    # Nikon: FX, then every other D and Z, 1, Coolpix.
    ("nikon", r"D700$", (36.0, 23.9), _SURE),
    ("nikon", r"(D3[SX]?|D4S?|D5|D6|D6[01]0|D7[58]0|D8[015]0[EA]?|Df|Z ?[5-9](II|_2|_3)?|Z ?f)$", _FULL_359, _SURE),
    ("nikon", r"(D1[HX]?|D2[HX]s?|D\d{2,4}[Xs]?|Z ?30|Z ?50(II|_2)?|Z ?fc)$", _APS_C, _SURE),
    ("nikon", r"NIKON 1 ", _ONE_INCH, _SURE),
    ("nikon", r"COOLPIX A$", _APS_C, _SURE),
    ("nikon", r"COOLPIX P(3[34]0|7[0178]00)$", _INCH_17, 0.03),
    ("nikon", r"COOLPIX (P[569]\d0|P[56]00|P1000|S9\d00|A900|B[57]00|L8\d0|AW1\d0|W300)", _INCH_23, 0.03),
    ("nikon", r"COOLPIX|E\d{3,4}$", (6.2, 4.65), _CLASS),
    # Sony: full frame (alpha, RX1, FX3), APS-C, one inch, compacts.
    ("sony", r"ILCE-7M3$", (35.6, 23.8), _SURE),
    ("sony", r"ILCE-[179]|ILME-FX3A?$|ZV-E1$|DSC-RX1(R|RM2)?$|SLT-A99|DSLR-A[89]\d\d|ILCA-99", (35.8, 23.9), _SURE),
    ("sony", r"ILCE-|NEX-|SLT-A|DSLR-A|ILCA-|ZV-E10|ILME-FX30", (23.5, 15.6), _SURE),
    ("sony", r"DSC-RX10|ZV-1|DSC-RX0", _ONE_INCH, _SURE),
    ("sony", r"DSC-R1$", (21.5, 14.4), _SURE),
    ("sony", r"DSC-F[78]\d\d", _TWO_THIRDS, _SURE),
    ("sony", r"DSC-(HX|WX)", _INCH_23, 0.03),
    ("sony", r"DSC-", (6.1, 4.6), _CLASS),
    # Fujifilm: medium format, 2/3 inch, then every other X.
    ("fuji", r"GFX", _MEDIUM, _SURE),
    ("fuji", r"X-S1$|X[123]0$|XQ[12]$|XF1$", _TWO_THIRDS, 0.03),
    ("fuji", r"X100|X-?(T|E|H|A|M|Pro|S)-?\d+|X70$|XF10$", (23.6, 15.7), _SURE),
    ("fuji", r"FinePix ?S[235]Pro", (23.0, 15.5), _SURE),
    ("fuji", r"FinePix", (6.3, 4.7), 0.13),
    # Panasonic: full frame, one inch, Micro Four Thirds, compacts.
    ("panasonic", r"DC-S[159]", (35.6, 23.8), _SURE),
    ("panasonic", r"D[MC]C?-(FZ(1000|2\d00|H1)|TZ[12]00|ZS[12]00|TX[12]|LX(9|10|15)$|CM1)", _ONE_INCH, _SURE),
    ("panasonic", r"D[MC]C?-LX100", (15.7, 11.8), 0.03),
    ("panasonic", r"D[MC]C?-(G\d+|GH\d|GF\d|GX\d|GM\d|L1$|L10$)", _FOUR_THIRDS, _SURE),
    ("panasonic", r"DMC-(FZ[35]0|LX[12]|LC1)$", _INCH_18, 0.03),
    ("panasonic", r"D[MC]C?-(FZ(150|200|[3478]\d0?)|TZ\d+|ZS\d+)", (6.1, 4.6), 0.04),
    ("panasonic", r"D[MC]C?-", (6.1, 4.6), 0.13),
    # Olympus, OM System: 2/3 inch, then Four Thirds of both mounts; compacts.
    ("olympus", r"E-[12]0P?$|C8080", _TWO_THIRDS, 0.03),
    ("olympus|om digital", r"E-(M\d|P|\d+)|PEN-F|OM-\d", _FOUR_THIRDS, _SURE),
    ("olympus|om digital", r"TG-\d", _INCH_23, 0.03),
    ("olympus", r".", (6.2, 4.65), 0.13),
    # Pentax, Ricoh, Leica, Hasselblad, Sigma, Samsung, others.
    ("pentax|ricoh", r"645[DZ]", (44.0, 33.0), _SURE),
    ("pentax|ricoh", r"K-1\b", _FULL_359, _SURE),
    ("pentax|ricoh", r"K-|K\d+D|\bKP\b|\*ist", (23.6, 15.7), _SURE),
    ("pentax|ricoh", r"PENTAX Q7|PENTAX Q-S1", _INCH_17, 0.03),
    ("pentax|ricoh", r"PENTAX Q", _INCH_23, 0.03),
    ("ricoh", r"^(RICOH )?GR( II| III| IIIx)?$", _APS_C, _SURE),
    ("leica", r"M8", (27.0, 18.0), _SURE),
    ("leica", r"\bM(9|10|11|-E|-P| \(Typ| Monochrom| Digital)|\bQ\d?\b|\bSL\d?\b", (35.9, 23.9), _SURE),
    ("leica", r"\bX(1|2| Vario| \(Typ)|\bTL?2?\b|\bCL\b", _APS_C, _SURE),
    ("hasselblad", r"L1D-20c", _ONE_INCH, _SURE),
    ("hasselblad", r"L2D-20c", _FOUR_THIRDS, _SURE),
    ("hasselblad", r"X1D|X2D|907X|H5D-50c|H6D-50c", _MEDIUM, _SURE),
    ("sigma", r"Quattro|Merrill|SD1\b", (23.5, 15.6), _SURE),
    ("sigma", r"DP[123][sx]?$|SD(9|10|14|15)$", (20.7, 13.8), _SURE),
    ("sigma", r"\bfp\b", (35.9, 23.9), _SURE),
    ("samsung", r"NX mini", _ONE_INCH, _SURE),
    ("samsung", r"NX ?\d+", (23.5, 15.7), _SURE),
    ("minolta", r"(DYNAX|MAXXUM|ALPHA)[- ]?(SWEET|[57])", (23.5, 15.7), _SURE),
    ("minolta", r"DiMAGE (7|A[12]|A200)", _TWO_THIRDS, 0.03),
    ("seiko epson", r"R-D1", (23.7, 15.6), _SURE),
    ("dji", r"FC63\d0|FC3411", _ONE_INCH, _SURE),
    ("dji", r"FC550|FC65\d0", _FOUR_THIRDS, _SURE),
    ("dji", r"FC(220|330|300[CSXW]?|350|2103|2204|7203|7303)$", _INCH_23, 0.03),
    ("kodak", r"EASYSHARE|CX|DX|C\d|Z\d", (6.0, 4.5), 0.13),
    ("casio", r"EX-", (6.2, 4.65), 0.13),
)

# Phones: (model, (FocalLength in mm, 35 mm equivalent) of each lens).
_PHONES: tuple[tuple[str, tuple[tuple[float, float], ...]], ...] = (
    (r"iPhone 4$", ((3.85, 30.5),)),
    (r"iPhone 4S$", ((4.28, 35.0),)),
    (r"iPhone 5$", ((4.12, 33.0),)),
    (r"iPhone (5s|SE)$", ((4.15, 29.0), (2.15, 31.0))),
    (r"iPhone 6s?( Plus)?$", ((4.15, 29.0), (2.65, 31.0))),
    (r"iPhone (7|8|SE \(2nd generation\)|SE \(3rd generation\))$", ((3.99, 28.0), (2.87, 32.0))),
    (r"iPhone [78] Plus$", ((3.99, 28.0), (6.6, 57.0), (2.87, 32.0))),
    (r"iPhone X$", ((4.0, 28.0), (6.0, 52.0), (2.87, 32.0))),
    (r"iPhone (XR|XS|XS Max)$", ((4.25, 26.0), (6.0, 52.0), (2.87, 32.0))),
    (r"iPhone (11|11 Pro|11 Pro Max)$", ((4.25, 26.0), (6.0, 52.0), (1.54, 13.0))),
    (r"iPhone (12|12 mini|12 Pro)$", ((4.2, 26.0), (6.0, 52.0), (1.55, 13.0))),
    (r"iPhone 12 Pro Max$", ((5.1, 26.0), (7.5, 65.0), (1.55, 13.0))),
    (r"iPhone (13|13 mini)$", ((5.1, 26.0), (1.55, 13.0))),
    (r"iPhone (13 Pro|13 Pro Max)$", ((5.7, 26.0), (9.0, 77.0), (1.57, 13.0))),
    (r"iPhone (14|14 Plus)$", ((5.7, 26.0), (1.54, 13.0))),
    (r"iPhone (14 Pro|14 Pro Max)$", ((6.86, 24.0), (9.0, 77.0), (2.22, 13.0))),
    (r"iPhone (15|15 Plus|16|16 Plus)$", ((5.96, 26.0), (1.54, 13.0), (2.22, 13.0))),
    (r"iPhone 15 Pro$", ((6.765, 24.0), (9.0, 77.0), (2.22, 13.0))),
    (r"iPhone (15 Pro Max|16 Pro|16 Pro Max)$", ((6.765, 24.0), (15.66, 120.0), (2.22, 13.0))),
    (r"Pixel 2( XL)?$|Pixel [345]a?( XL)?$", ((4.4, 27.0),)),
    (r"Pixel [67]( Pro)?$", ((6.81, 25.0),)),
    (r"Pixel 8( Pro)?$", ((6.9, 25.0),)),
    (r"GT-I9[35]0[05]|SM-[GN]9(00|10)", ((3.7, 29.0), (4.2, 31.0), (4.8, 31.0))),
    (r"SM-G92[058]", ((4.3, 28.0),)),
    (r"SM-G9(3[05]|5[05])", ((4.25, 26.0),)),
    (r"SM-(G96[05]|N9[56]0)", ((4.3, 26.0), (6.0, 52.0))),
    (r"SM-G97[0357]|SM-N97[056]", ((4.32, 26.0), (6.0, 52.0), (1.8, 13.0))),
    (r"SM-G98[016]|SM-G99[16]", ((5.4, 26.0),)),
    (r"^(EVA|VTR|EML)-", ((4.5, 27.0), (3.95, 27.0))),
    (r"^(CLT|VOG|ELE)-", ((5.58, 27.0),)),
)
_PHONE_MAKERS = re.compile(
    r"apple|samsung|google|huawei|honor|xiaomi|redmi|poco|oneplus|oppo|realme|vivo|motorola|nokia|hmd|lge"
    r"|lg |htc|zte|nothing|asus|lenovo|fairphone|meizu|tecno|infinix|blackberry|wiko|sony ?(ericsson|mobile)",
    re.IGNORECASE,
)
# Cameras of makers that make phones too.
_NO_PHONES = re.compile(r"NX|^(EX|WB|ES|PL|ST|EK-GC)\d", re.IGNORECASE)
_SONY_CAMERAS = re.compile(r"ILCE|ILCA|ILME|NEX|SLT|DSLR|DSC|ZV|HDR|FDR|DCR|MVC|CYBER", re.IGNORECASE)
# Makers of models that programs keep without them.
_MAKERS = (
    (r"ILCE|ILCA|NEX-|SLT-A|DSLR-A|DSC-", "Sony"),
    (r"DMC-|DC-[A-Z]", "Panasonic"),
    (r"FinePix|^X-(T|E|H|Pro)", "Fujifilm"),
    (r"^E-M\d|^E-P", "Olympus"),
)
_PHONE_SIGMA = 0.04
_LENS_TOLERANCE = 0.04
_PHONE_ASPECT = 4 / 3

# Widths of large sensors in mm: between them there are none. The many formats of small cameras leave no gap.
_LARGE_WIDTHS_MM = (
    *((12.5, 13.8), (15.5, 18.0), (18.4, 19.0), (20.3, 21.8), (22.0, 24.2), (26.7, 29.0), (34.5, 36.8)),
    *((42.5, 45.5), (47.5, 49.5), (53.0, 54.5)),
)
_SMALL_WIDTHS_MM = (3.0, 11.6)


def find_sensor(make: str | None, model: str | None, focal_mm: float | None = None) -> Sensor | None:
    """Return the sensor of a camera, or that behind one lens of a phone; None where it is not known.

    The lenses of a phone are distinguished by EXIF's FocalLength.
    """
    if not model:
        return None
    for pattern, lenses in _PHONES:
        if re.search(pattern, model):
            return _behind_lens(lenses, model, focal_mm)
    if is_phone(make, model):
        return None
    guess = next((maker for pattern, maker in _MAKERS if re.search(pattern, model)), "")
    return _of_family(make or guess, model)


def is_phone(make: str | None, model: str | None) -> bool:
    """Return whether a maker makes phones and the model is none of its cameras."""
    if any(re.search(pattern, model or "") for pattern, _ in _PHONES):
        return True
    if (make or "").strip().lower() == "sony":
        return not _SONY_CAMERAS.search(model or "")
    return bool(_PHONE_MAKERS.search(make or "")) and not _NO_PHONES.search(model or "")


def is_sensor_width(width_mm: float) -> bool:
    """Return whether any sensor's long side is about so wide."""
    low, high = _SMALL_WIDTHS_MM
    return low <= width_mm <= high or any(low <= width_mm <= high for low, high in _LARGE_WIDTHS_MM)


def _behind_lens(lenses: tuple[tuple[float, float], ...], model: str, focal_mm: float | None) -> Sensor | None:
    """Return the sensor behind a phone's lens of about this focal length, its width from the 35 mm equivalent."""
    if focal_mm is None:
        return None
    lens_mm, equivalent_mm = min(lenses, key=lambda lens: abs(lens[0] / focal_mm - 1))
    if abs(lens_mm / focal_mm - 1) > _LENS_TOLERANCE:
        return None
    width_mm = FULL_FRAME_MM * focal_mm / equivalent_mm
    return Sensor(width_mm, width_mm / _PHONE_ASPECT, _PHONE_SIGMA, model)


@lru_cache(maxsize=256)
def _of_family(make: str, model: str) -> Sensor | None:
    for maker, pattern, (width_mm, height_mm), sigma in _FAMILIES:
        # Some programs keep the model alone, which often begins with the maker.
        known_maker = re.search(maker, f"{make} {model}", re.IGNORECASE)
        if known_maker and re.search(pattern, model, re.IGNORECASE):
            return Sensor(width_mm, height_mm, sigma, model)
    return None
