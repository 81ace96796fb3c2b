"""A dataset on disk as a list of frames with their files, and a dataset that reads them one by one."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mfh.errors import InputError, shown
from mfh.io.reading import read_text, reading
from mfh_lab.evaluation.datasets.sample import DatasetSample

SHOWN_MISSING = 5
"""How many missing files a message names."""


@dataclass(frozen=True)
class Frame:
    """One sample's files.

    Attributes:
        name: unique in its dataset, without a suffix; slashes are folders. Always text that can be shown and written:
            bytes of a file's name that are none, and control characters, are written out.
        files: what it is made of, by role ("rgb", "depth", ...); all must exist.
        focal_px: focal length that the split list gives; None where it gives none.
        row: which frame of its files it is, where they hold many; None where they are its own.
    """

    name: str
    files: Mapping[str, Path]
    focal_px: float | None = None
    row: int | None = None

    def __post_init__(self) -> None:
        """Write out what cannot be shown of the name."""
        object.__setattr__(self, "name", shown(self.name))

    def missing(self) -> Iterator[Path]:
        """Yield its files that do not exist."""
        return (path for path in self.files.values() if not os.path.isfile(path))


@dataclass(frozen=True)
class Index:
    """What a dataset consists of, before any file is opened.

    Attributes:
        root: folder given by the user.
        layout: how the files lie, in short.
        split: where the list of frames comes from.
        frames: in the order of the split.
        notes: sentences the user should read.
    """

    root: Path
    layout: str
    split: str
    frames: tuple[Frame, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty list, and two frames of one name."""
        if not self.frames:
            raise InputError(f"{self.root} has no frame to evaluate ({self.layout}; {self.split}): the split is empty")
        name, count = Counter(frame.name for frame in self.frames).most_common(1)[0]
        if count > 1:
            raise InputError(f"{self.split} lists {name} {count} times: expected every frame once")


@dataclass(frozen=True)
class FrameDataset:
    """An opened dataset: every file of its frames was seen to be there.

    Attributes:
        name: the protocol's key.
        root: folder given by the user.
        layout: how the files lie.
        split: where the list of frames comes from.
        notes: sentences the user should read.
        frames: by name, in the order of the split.
        read: how one frame becomes a sample.
    """

    name: str
    root: Path
    layout: str
    split: str
    notes: tuple[str, ...]
    frames: Mapping[str, Frame]
    read: Callable[[Frame], DatasetSample]

    @property
    def names(self) -> Sequence[str]:
        """Names of the samples, in the order of the split."""
        return tuple(self.frames)

    def paths(self) -> Iterator[Path]:
        """Yield every file of every frame."""
        return (path for frame in self.frames.values() for path in frame.files.values())

    def load(self, name: str) -> DatasetSample:
        """Read one sample; see :meth:`mfh_lab.evaluation.datasets.sample.Dataset.load`."""
        frame = self.frames.get(name)
        if frame is None:
            raise InputError(f"{name!r} is no sample of {self.name} at {self.root}: expected one of its names")
        # A file may vanish, or hold what no reader thought of: that is this sample's fault, and one line.
        with reading(self.root, what=f"sample {name} of", expected=f"{self.layout}, every file whole"):
            return self.read(frame)


def missing_files(frames: Iterable[Frame]) -> list[Path]:
    """Return files that frames need and that do not exist, each once."""
    return list(dict.fromkeys(path for frame in frames for path in frame.missing()))


def read_lines(path: Path) -> list[list[str]]:
    """Read a list file: one frame a line, columns between spaces; empty lines do not count.

    Args:
        path: the list.

    Returns:
        The columns of every line.

    Raises:
        InputError: for a file that cannot be read or holds no line.
    """
    text = read_text(path, what="the split list", expected="one frame a line")
    lines = [line.split() for line in text.splitlines()]
    lines = [columns for columns in lines if columns]
    if not lines:
        raise InputError(f"the split list {path} is empty: expected one frame a line")
    return lines


def select(frames: Sequence[Frame], split: Path) -> tuple[Frame, ...]:
    """Return the frames that a list names, in its order.

    A line's first column is a frame's name, or a path that ends in it; its suffix does not count.

    Args:
        frames: all there are.
        split: the list.

    Returns:
        The listed frames.

    Raises:
        InputError: for a list that cannot be read, or names a frame that is not there.
    """
    by_name = {frame.name: frame for frame in frames}
    chosen: list[Frame] = []
    for columns in read_lines(split):
        parts = PurePosixPath(columns[0].lstrip("/")).with_suffix("").parts
        endings = ["/".join(parts[start:]) for start in range(len(parts))]
        found = next((by_name[ending] for ending in (columns[0], *endings) if ending in by_name), None)
        if found is None:
            raise InputError(f"{split} names {columns[0]}, which is not there: expected names such as {frames[0].name}")
        chosen.append(found)
    return tuple(chosen)


def first_folder(root: Path, places: Iterable[str], *, holds: str) -> Path | None:
    """Return the first of some folders under root in which something matches a pattern; None where none does.

    Args:
        root: folder given by the user.
        places: folders relative to it, "." for itself, best first.
        holds: glob pattern.
    """
    for place in places:
        folder = root / place
        if os.path.isdir(folder) and next(folder.glob(holds), None) is not None:
            return folder
    return None


def first_file(root: Path, places: Iterable[str]) -> Path | None:
    """Return the first of some files under root that exists; None where none does."""
    return next((root / place for place in places if os.path.isfile(root / place)), None)
