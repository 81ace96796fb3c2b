"""What the server takes and returns: the models behind its OpenAPI description.

Sizes and places are the words of the command line (``320,240=2.31m``), and fields are called as its flags are.
"""

import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from mfh.config import PeopleMode
from mfh.errors import InputError, printable

LAST_SEED = 2**63 - 1
_MOST_WORDS, _MOST_LETTERS = 64, 200
_FLAG = re.compile(r"--([a-z][a-z0-9-]+)")

Form = TypeVar("Form", bound=BaseModel)


def _listed(value: object) -> object:
    """Return words as a list of texts: one may stand alone, and a height may be a number."""
    several = value if isinstance(value, list) else [value]
    return [f"{one:g}" if isinstance(one, int | float) and not isinstance(one, bool) else one for one in several]


Word = Annotated[str, StringConstraints(max_length=_MOST_LETTERS)]
Words = Annotated[list[Word], Field(max_length=_MOST_WORDS), BeforeValidator(_listed)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Id = Annotated[str, StringConstraints(max_length=64)]


class _Options(BaseModel):
    """What a photo is measured with; exactly the fields of ``mfh refit``."""

    model_config = ConfigDict(extra="forbid")

    focal_35mm: Number | None = Field(None, description="35 mm equivalent focal length in millimetres.")
    focal_px: Number | None = Field(None, description="Focal length in pixels of the upright photo.")
    fov_x_deg: Number | None = Field(None, description="Horizontal field of view in degrees.")
    person_height: Words = Field([], description="Height of all people, as 1.80, or of one, as 0=1.80.")
    known_distance: Words = Field([], description="Distance to what is at a pixel, as 320,240=2.31m.")
    known_length: Words = Field([], description="Length between two pixels, as 100,50:100,410=203cm.")
    known_size: Words = Field([], description="Size of an object seen face on, as 100,50:160,50=0.30m.")
    region: Word | None = Field(None, description="Two corners of a rectangle, as 100,80:300,260.")
    measure: Words = Field([], description="Two pixels between which the length is wanted, as 100,50:100,410.")
    formats: Words = Field([], description="Of the depth: npz, npy, png, png256, exr, ply, glb, mesh-glb, and others.")
    report: bool = Field(True, description="Whether report.html is made.")


class DepthOptions(_Options):
    """What is known of a photo, and asked of it."""

    people: PeopleMode | None = Field(None, description="auto: in the photo, then painted; only; paint.")
    preset: Word | None = Field(None, description="Which models: one of those that /healthz lists, else the first.")
    seed: int | None = Field(None, ge=0, le=LAST_SEED, description="Seed of the paintings; 0 where not given.")


class DepthRequest(DepthOptions):
    """A photo in JSON."""

    photo: str = Field(description="The picture file in base64.", json_schema_extra={"format": "byte"})
    name: str = Field("photo", description="What the photo is called on the receipt.", max_length=_MOST_LETTERS)


class RefitRequest(_Options):
    """Another fit of a photo that was measured here; what was given before and is to hold is given again."""

    id: Id = Field(description="Of a result.")
    exclude: list[Annotated[int, Field(ge=0, le=10**9)]] = Field(
        [], max_length=1000, description="Numbers of landmarks on the receipt that do not count."
    )


class MeasureRequest(BaseModel):
    """Two pixels of a photo that was measured here."""

    model_config = ConfigDict(extra="forbid")

    id: Id = Field(description="Of a result.")
    start_xy: tuple[Number, Number] = Field(description="Column and row of one end, pixels.")
    end_xy: tuple[Number, Number] = Field(description="Column and row of the other.")


class Length(BaseModel):
    """A straight length between what is seen at two pixels, as on the receipt."""

    start_xy: tuple[float, float]
    end_xy: tuple[float, float]
    metres: float | None = Field(description="None where an end has no depth.")
    level_80_m: tuple[float | None, float | None] = Field(description="Between these with 80 % probability.")
    level_95_m: tuple[float | None, float | None] = Field(description="The same with 95 %.")
    text: str = Field(description="The same in one line.")


class DepthRange(BaseModel):
    """Depth of a photo, metres."""

    nearest: float | None
    median: float | None
    farthest: float | None


class Size(BaseModel):
    """Of a photo, pixels."""

    width: int
    height: int


class Receipt(BaseModel):
    """Everything that decided the scale; docs/reference/outputs.md describes all of its fields."""

    model_config = ConfigDict(extra="allow")

    schema_: str = Field(alias="schema", description="Version of what depth files say about themselves.")
    photo: str
    size: Size
    preset: str
    depth_m: DepthRange
    head: dict[str, Any] = Field(description="Scale and shift.")
    interval: dict[str, Any] | None = Field(description="Factors on depth, with 80 % and 95 % probability.")
    lengths: list[dict[str, Any]]
    landmarks: list[dict[str, Any]]
    camera: dict[str, float]
    focal: dict[str, Any]
    warnings: list[str]
    files: dict[str, str] = Field(description="Kind and name of each file.")


class Answer(BaseModel):
    """A result, kept for a limited time."""

    id: str
    expires_s: float = Field(description="Seconds until it is removed; earlier where there are too many.")
    links: dict[str, str] = Field(description="Kind of file -> where it is on this server.")
    receipt: Receipt


class Failure(BaseModel):
    """What is wrong, in one line."""

    error: str
    tried: list[str] | None = Field(None, description="What was tried, where no person and no size gives a scale.")


class Health(BaseModel):
    """Whether new photos are taken."""

    status: str
    preset: str = Field(description="Of requests that name none.")
    presets: list[str] = Field(description="That requests may name.")
    version: str


def read_form(kind: type[Form], values: object) -> Form:
    """Return values as a form.

    Args:
        kind: of form.
        values: from JSON, or the fields of a multipart request.

    Raises:
        InputError: for a field that is unknown, missing or of another type, in one line; its value is not repeated.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(one) for one in first["loc"])[:_MOST_LETTERS]
        if first["type"] == "extra_forbidden":
            raise InputError(f"unknown field {where}: expected {', '.join(kind.model_fields)}") from None
        raise InputError(f"{where or 'the request'}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def in_fields(line: str) -> str:
    """Return a line that names flags of the command as one that names fields of a request.

    Args:
        line: a message.
    """
    known = {*DepthRequest.model_fields, *RefitRequest.model_fields}

    def field(match: re.Match[str]) -> str:
        name = match[1].replace("-", "_")
        return name if name in known else match[0]

    return printable(_FLAG.sub(field, line))
