"""What a run found, counted: a table, a line for every kind of failure, and how to do each again."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.case import Failure, Report

_SHOWN = 3


def table(reports: Sequence[Report]) -> str:
    """Return how often each kind was tried, and with what exit codes.

    Args:
        reports: of all cases.
    """
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, float] = defaultdict(float)
    for one in reports:
        for name in (one.kind, f"ALL {one.key.partition(':')[0]}"):
            rows[name]["tried"] += not one.skipped
            rows[name]["skipped"] += bool(one.skipped)
            rows[name]["failed"] += bool(one.failures)
            rows[name].update(f"exit {code}" for code in one.codes)
            rows[name].update(one.counts)
            seconds[name] += one.cpu_s
    codes = sorted(
        {name for row in rows.values() for name in row if name.startswith("exit ")}, key=lambda c: int(c[5:])
    )
    columns = ["tried", *codes, "failed"]
    lines = [f"{'kind':<32}" + "".join(f"{column:>9}" for column in columns) + f"{'computed':>11}"]
    for name in sorted(rows, key=lambda kind: (kind.startswith("ALL"), kind)):
        row = rows[name]
        more = ", ".join(f"{count} {what}" for what, count in row.items() if what not in columns and count)
        numbers = "".join(f"{row[column] or '.':>9}" for column in columns) + f"{seconds[name]:>9.0f} s"
        lines.append(f"{name:<32}{numbers}{'   ' + more if more else ''}")
    return "\n".join(lines)


def kinds(reports: Sequence[Report], *, seed: int) -> str:
    """Return every kind of failure with where it came from, how often, and how to do a few of them again.

    Args:
        reports: of all cases.
        seed: of the run.
    """
    grouped: dict[tuple[str, str], list[tuple[Report, Failure]]] = defaultdict(list)
    for report in reports:
        for failure in report.failures:
            grouped[failure.kind, failure.site or _where(report)].append((report, failure))
    lines = []
    for (kind, where), found in sorted(grouped.items(), key=lambda item: (item[0][0], -len(item[1]))):
        lines.append(f"{len(found):>4} x {kind}: {where}")
        for report, failure in found[:_SHOWN]:
            lines.append(f"         {failure.detail[:240]}")
            lines.append(f"         {again(report, seed)}   ({report.recipe[:120]})")
    return "\n".join(lines)


def again(report: Report, seed: int) -> str:
    """Return the line that does one case again.

    Args:
        report: of the case.
        seed: of the run.
    """
    return f"make fuzz FUZZ_SEED={seed} FUZZ_ONLY='{report.key}'"


def summary(reports: Sequence[Report], *, seed: int, seconds: float) -> str:
    """Return the last lines of a run.

    Args:
        reports: of all cases.
        seed: of the run.
        seconds: it took.
    """
    failed = sum(bool(one.failures) for one in reports)
    runs = sum(len(one.codes) for one in reports)
    counts: Counter[str] = Counter()
    for one in reports:
        counts.update(one.counts)
        counts.update(failure.kind for failure in one.failures)
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    took = time.strftime("%H:%M:%S", time.gmtime(seconds))
    return f"seed {seed}: {len(reports)} cases, {runs} runs, {failed} cases failed ({said or 'nothing'}), {took}"


def write(path: Path, reports: Sequence[Report], *, seed: int) -> None:
    """Write everything as JSON.

    Args:
        path: the file.
        reports: of all cases.
        seed: of the run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"seed": seed, "reports": [asdict(one) for one in reports]}, indent=1))


def _where(report: Report) -> str:
    return report.kind
