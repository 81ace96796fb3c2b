"""What is in the folder of a run: how many photos are done, what failed, and what a photo takes."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mfh.batch.address import Address, is_address
from mfh.batch.ledger import ASKED, PARTS, ROWS, SETTINGS, Ledger, all_rows, photos_asked, read_settings
from mfh.batch.run import Progress
from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.reading import read_json
from mfh.pipeline.settings import fingerprint

LAST = "last_run.json"
_KINDS = 5
_USED = ("people", "objects", "painted")
_COLUMNS = ("id", "status", "error", "error_kind", "seconds", "bytes_in", "bytes_out", *_USED)


@dataclass
class _Counts:
    """Sums over rows."""

    status: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=lambda: {"bytes_in": [0, 0], "bytes_out": [0, 0]})
    seconds: list[np.ndarray] = field(default_factory=lambda: [np.empty(0)])


def standing(place: str, *, price_per_hour: float | None = None) -> dict[str, Any]:
    """Return what is done in a folder or at an address, and what failed, in plain JSON values.

    Args:
        place: of a run, which may be at work.
        price_per_hour: of the machine, or all machines, of the last run; in any currency.

    Returns:
        ``photos`` done of ``asked``, counts by status, ``seconds`` and bytes of a photo, ``errors`` by kind, the
        ``last_run``, with it ``photos_per_hour`` and with a price ``cost_per_1000``.

    Raises:
        InputError: where it is none of mfh batch.
    """
    if not is_address(place):
        return _standing(Path(place), place, price_per_hour)
    with TemporaryDirectory(prefix="mfh-batch-") as name:
        Address(place.rstrip("/")).fetch(Path(name), (SETTINGS, ASKED, LAST, ROWS), (PARTS,))
        if not (Path(name) / SETTINGS).is_file():
            raise InputError(f"there is no {SETTINGS} at {place}: expected the address of a run of mfh batch")
        return _standing(Path(name), place, price_per_hour)


def _standing(folder: Path, place: str, price: float | None) -> dict[str, Any]:
    settings = read_settings(folder)
    counts = _counted(folder)
    seconds = np.concatenate(counts.seconds)
    means = {name: round(total / number) for name, (total, number) in counts.sizes.items() if number}
    last = read_json(folder / LAST, what="", expected="what mfh batch writes") if (folder / LAST).is_file() else None
    last = last if isinstance(last, dict) else None
    found: dict[str, Any] = {
        "run": place,
        "preset": settings.get("name"),
        "fingerprint": fingerprint(settings),
        "photos": len(seconds),
        "asked": photos_asked(folder),
        "status": dict(counts.status),
        "used": {name: counts.used[name] for name in _USED},
        "seconds": {
            "mean": round(float(seconds.mean()), 3),
            "median": float(np.quantile(seconds, 0.5, method="higher")),
            "most_of_90": float(np.quantile(seconds, 0.9, method="higher")),
        }
        if len(seconds)
        else None,
        "bytes_in": means.get("bytes_in"),
        "bytes_out": means.get("bytes_out"),
        "errors": [
            {"kind": kind, "photos": number, "first": counts.first[kind][0], "error": counts.first[kind][1]}
            for kind, number in counts.kinds.most_common(_KINDS)
        ],
        "last_run": last,
        "photos_per_hour": None,
        "cost_per_1000": None,
    }
    if last and last.get("photos") and last.get("seconds"):
        found["photos_per_hour"] = round(3600 * last["photos"] / last["seconds"], 1)
        if price is not None:
            found["cost_per_1000"] = round(1000 * price / found["photos_per_hour"], 4)
    return found


def _counted(folder: Path) -> _Counts:
    """Return sums over the rows of a folder, read in blocks."""
    counts = _Counts()
    for table in all_rows(folder, _COLUMNS):
        columns = {name: table.column(name).to_pylist() for name in _COLUMNS}
        counts.status.update(columns["status"])
        counts.seconds.append(np.asarray(columns["seconds"], np.float64))
        for name in _USED:
            counts.used[name] += sum(one is not None and one > 0 for one in columns[name])
        for name, sums in counts.sizes.items():
            there = [one for one in columns[name] if one is not None]
            sums[0] += sum(there)
            sums[1] += len(there)
        for name, status, kind, error in zip(
            *(columns[one] for one in ("id", "status", "error_kind", "error")), strict=True
        ):
            if status != "ok":
                counts.kinds[kind] += 1
                counts.first.setdefault(kind, (name, error))
    return counts


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """Return what :func:`standing` found in a few lines.

    Args:
        found: what it returned.
    """
    photos, asked, status, used = found["photos"], found["asked"], found["status"], found["used"]
    of = "" if asked is None or asked < photos else f" of {asked}"
    lines = [f"{found['run']}: {photos}{of} photos done, preset {found['preset']}, fingerprint {found['fingerprint']}"]
    lines += [f"  {name:<10} {status[name]}" for name in ("ok", "no scale", "failed") if status.get(name)]
    if photos:
        people, objects, painted = (used[name] for name in _USED)
        lines.append(f"  by         people in {people}, objects in {objects}, painted people in {painted}")
        seconds = found["seconds"]
        lines.append(f"  seconds    {seconds['median']:.2f} a photo (median), {seconds['most_of_90']:.2f} (90 %)")
    if found["bytes_out"] is not None:
        lines.append(f"  megabytes  {found['bytes_in'] / 1e6:.2f} read a photo, {found['bytes_out'] / 1e6:.2f} written")
    if found["photos_per_hour"]:
        last = found["last_run"]
        cost = "" if found["cost_per_1000"] is None else f", {found['cost_per_1000']:.3g} for 1000 photos"
        lines.append(
            f"  last run   {last['photos']} photos in {last['seconds']:.0f} s with {last['workers']} workers: "
            f"{found['photos_per_hour']:.0f} an hour{cost}"
        )
    lines += [f"  {one['photos']} {one['kind']}, as {one['first']}: {one['error']}" for one in found["errors"]]
    return lines


def note_last(ledger: Ledger, progress: Progress, workers: int) -> None:
    """Write down what this run took; nothing where it measured nothing.

    Args:
        ledger: of its folder.
        progress: at its end.
        workers: how many it had.

    Raises:
        InputError: where that cannot be written.
    """
    if not progress.measured:
        return
    largest = _largest_process()
    content = {
        "photos": progress.measured,
        "seconds": round(progress.took_s, 2),
        "first_row_s": round(progress.first_s, 2),
        "workers": workers,
        "largest_worker_mb": None if largest is None else round(largest / 1e6),
    }
    with atomic_path(ledger.folder / LAST) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
    if ledger.address is not None:
        ledger.address.put(ledger.folder, LAST)


def _largest_process() -> int | None:
    """Return the peak memory of the largest process that this one has started and that has ended, in bytes."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (most if sys.platform == "darwin" else most * 1024) or None
