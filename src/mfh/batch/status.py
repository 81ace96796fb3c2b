"""What is in the folder of a run, in a few lines."""

from collections import Counter
from pathlib import Path

from mfh.batch.ledger import all_rows, photos_asked, read_settings
from mfh.pipeline.settings import fingerprint

_KINDS = 5


def status_lines(folder: Path) -> list[str]:
    """Return what is done in a folder, and what failed.

    Args:
        folder: of a run, which may be at work.

    Raises:
        InputError: where it is none of mfh batch.
    """
    settings = read_settings(folder)
    rows = all_rows(folder).select(["status", "error", "error_kind", "seconds", "id", "people", "objects", "painted"])
    columns = {name: rows.column(name).to_pylist() for name in rows.column_names}
    counts = Counter(columns["status"])
    seconds = sorted(columns["seconds"])
    photos = photos_asked(folder)
    of = "" if photos is None or photos < len(seconds) else f" of {photos}"
    done = f"{len(seconds)}{of} photos done"
    lines = [f"{folder}: {done}, preset {settings.get('name')}, fingerprint {fingerprint(settings)}"]
    lines += [f"  {name:<10} {counts[name]}" for name in ("ok", "no scale", "failed") if counts[name]]
    if seconds:
        used = [sum(one is not None and one > 0 for one in columns[name]) for name in ("people", "objects", "painted")]
        lines.append(f"  by         people in {used[0]}, objects in {used[1]}, painted people in {used[2]}")
        middle, most = (seconds[len(seconds) * share // 10] for share in (5, 9))
        lines.append(f"  seconds    {middle:.2f} a photo (median), {most:.2f} (90 %)")
    failed = [k for k, status in enumerate(columns["status"]) if status != "ok"]
    kinds = Counter(columns["error_kind"][k] for k in failed)
    for kind, count in kinds.most_common(_KINDS):
        first = next(k for k in failed if columns["error_kind"][k] == kind)
        lines.append(f"  {count} {kind}, as {columns['id'][first]}: {columns['error'][first]}")
    return lines
