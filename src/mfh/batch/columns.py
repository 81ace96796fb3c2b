"""Photos to measure, held as columns: some hundred bytes each, and no object until one is asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from mfh.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Item:
    """One photo to measure, and what is known of it.

    Attributes:
        id: names it among all of a run.
        path: of the picture file, or an address that fsspec reads, as s3://bucket/name.jpg.
        focal_px: focal length in pixels of the upright photo.
        focal_35mm: 35 mm equivalent focal length in millimetres.
        fov_x_deg: horizontal field of view in degrees.
        person_height: words of --person-height, separated by blanks; so with the next three.
        known_distance: of --known-distance.
        known_length: of --known-length.
        known_size: of --known-size.
        camera: what took it; copied to its row.
    """

    id: str
    path: str
    focal_px: float | None = None
    focal_35mm: float | None = None
    fov_x_deg: float | None = None
    person_height: str = ""
    known_distance: str = ""
    known_length: str = ""
    known_size: str = ""
    camera: str = ""


COLUMNS = tuple(one.name for one in fields(Item))
NUMBERS = ("focal_px", "focal_35mm", "fov_x_deg")


class Photos(Sequence[Item]):
    """Photos in order, held as columns.

    Args:
        table: with the columns of :class:`Item` that hold anything.
    """

    def __init__(self, table: "pa.Table") -> None:
        self._table = table
        self._columns = {name: table.column(name) for name in table.column_names}

    @classmethod
    def of(cls, items: Iterable[Item]) -> "Photos":
        """Return photos as columns, without a list of them in between.

        Args:
            items: the photos.

        Raises:
            InputError: for text that is no Unicode, such as a file name of other bytes.
        """
        import pyarrow as pa

        items, blocks = iter(items), [_block([])]
        while block := list(islice(items, _BLOCK)):
            blocks.append(_block(block))
        return cls(pa.concat_tables(blocks, promote_options="default"))

    def __len__(self) -> int:
        """Return how many there are."""
        return self._table.num_rows

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> "Photos": ...
    def __getitem__(self, at: int | slice) -> "Item | Photos":
        """Return one photo, or some."""
        if isinstance(at, slice):
            return Photos(self._table.take(np.arange(len(self))[at]))
        return _item({name: column[at].as_py() for name, column in self._columns.items()})

    def __iter__(self) -> Iterator[Item]:
        """Yield the photos."""
        for block in self._table.to_batches(_BLOCK):
            yield from map(_item, block.to_pylist())

    def ids(self) -> Iterator[list[str]]:
        """Yield the ids, some thousand at a time."""
        for block in self._table.select(["id"]).to_batches(_BLOCK):
            yield block.column(0).to_pylist()

    def first_twins(self) -> tuple[Item, Item] | None:
        """Return the first two photos of one id; None where all differ."""
        hashes = np.fromiter((hash(name) for names in self.ids() for name in names), np.int64, len(self))
        order = np.argsort(hashes)
        same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        seen: dict[str, int] = {}
        # Different ids may have one hash.
        for number in np.unique(order[np.concatenate([same, same + 1])]).tolist():
            name = self[number].id
            if name in seen:
                return self[seen[name]], self[number]
            seen[name] = number
        return None


def _block(items: Sequence[Item]) -> "pa.Table":
    """Return photos as columns, of those that hold anything."""
    import pyarrow as pa

    columns = {}
    for name in COLUMNS:
        values = [getattr(one, name) for one in items]
        if name in ("id", "path") or any(one is not None and one != "" for one in values):
            try:
                columns[name] = pa.array(values, pa.float64() if name in NUMBERS else pa.large_string())
            except UnicodeEncodeError as error:
                raise InputError(f"{error.object!r:.200} is no UTF-8: expected names that are; rename it") from error
    return pa.table(columns)


def _item(values: dict[str, Any]) -> Item:
    return Item(**{name: value for name, value in values.items() if value is not None})
