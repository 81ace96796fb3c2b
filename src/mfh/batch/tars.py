"""Files of many photos in few: a tar file for every thousand, once a run has nothing left to do.

First the tar files, then the rows that name them, then the folders that are in them are removed: a run that is killed
meanwhile is resumed to the same bytes.
"""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.batch.ledger import PARTS, PHOTOS, ROWS
from mfh.batch.merge import SORTED_AT_ONCE
from mfh.batch.tables import blocks_of, open_table, read_table, write_blocks
from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.lock import folder_lock

if TYPE_CHECKING:
    import pyarrow as pa

PHOTOS_EACH = 1000
_WAIT_S = 600.0


def pack(folder: Path, *, photos_each: int = PHOTOS_EACH) -> int:
    """Put the files of all photos that are in no tar file yet into ``photos-00000.tar`` and so on.

    Args:
        folder: of a run, whose rows are merged.
        photos_each: in one tar file.

    Returns:
        How many photos were packed.

    Raises:
        InputError: where a file cannot be read or written.
    """
    with folder_lock(folder / PARTS, wait_s=_WAIT_S):
        rows = read_table(folder / ROWS, ("folder", "tar"))
        names, places = rows.column("tar").to_pylist(), rows.column("folder").to_pylist()
        _remove_packed(folder, places, names)
        loose = [k for k, place in enumerate(places) if place and not names[k]]
        first = len(set(filter(None, names)))
        for number, start in enumerate(range(0, len(loose), photos_each), start=first):
            chosen = loose[start : start + photos_each]
            name = f"{PHOTOS}-{number:05d}.tar"
            _write_tar(folder / name, folder, [places[k] for k in chosen])
            for k in chosen:
                names[k] = name
        if loose:
            write_blocks(folder / ROWS, _with_names(folder / ROWS, names))
            _remove_packed(folder, places, names)
    return len(loose)


def _write_tar(path: Path, folder: Path, places: list[str]) -> None:
    """Write a tar file: the same bytes for the same files, whenever and by whomever."""
    try:
        with atomic_path(path) as temporary, tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
            for place in places:
                for file in sorted(one for one in (folder / place).rglob("*") if one.is_file()):
                    archive.add(file, file.relative_to(folder).as_posix(), filter=_nameless)
    except OSError as error:
        raise InputError(f"cannot pack {path} ({error.strerror or error}): what is there stays") from error


def _nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode = 0, 0, 0, "", "", 0o644
    return member


def _with_names(path: Path, names: list[str]) -> Iterator["pa.Table"]:
    """Yield the rows of a file with the names of their tar files."""
    import pyarrow as pa

    first = 0
    with open_table(path) as file:
        for table in blocks_of(file, path, SORTED_AT_ONCE):
            at, kind = table.schema.get_field_index("tar"), table.schema.field("tar")
            yield table.set_column(at, kind, pa.array(names[first : first + len(table)], pa.string()))
            first += len(table)


def _remove_packed(folder: Path, places: list[str], names: list[str]) -> None:
    """Remove the folders of photos that are in tar files, and those that are empty then."""
    for place, name in zip(places, names, strict=True):
        if name and (folder / name).is_file() and (folder / place).is_dir():
            shutil.rmtree(folder / place)
            for above in (folder / place).parents:
                if above == folder:
                    break
                # Refused where there is anything in it.
                with suppress(OSError):
                    above.rmdir()
    with suppress(OSError):
        (folder / PARTS).rmdir()
