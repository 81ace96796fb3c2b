"""The rules: what every run must do, whatever it was given."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz.case import Failure, Outcome, Step

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
# Of what a run did to the system; which of these is allowed is up to the step.
_CONNECTS = "connects"


def judge(step: Step, outcome: Outcome, *, ran: bool) -> Iterator[Failure]:
    """Yield what is wrong with one run.

    Args:
        step: what was run.
        outcome: what it did.
        ran: code that was planted in an input has run.
    """
    if ran:
        yield Failure("ran", "planted code ran")
    for note in outcome.notes:
        if not (note.startswith(_CONNECTS) and step.connects):
            yield Failure(note.partition(" ")[0], note)
    if outcome.hung:
        yield Failure("hang", f"still running after {outcome.seconds:.0f} s ({outcome.cpu_s:.0f} s of computing)")
        return
    if outcome.grown_mb > step.memory_mb:
        yield Failure("memory", f"{outcome.grown_mb:.0f} MB more than it began with, {step.memory_mb:.0f} are allowed")
    yield from _code(step, outcome)
    yield from _errors(step, outcome)
    if _wants_json(step):
        yield from _json(outcome)


def _code(step: Step, outcome: Outcome) -> Iterator[Failure]:
    said = _last_line(outcome.err)
    if b"Traceback (most recent call last)" in outcome.err or b"Traceback (most recent call last)" in outcome.out:
        yield Failure("traceback", said)
    elif b"fault in mfh" in outcome.err or outcome.code == 1:
        yield Failure("fault", said)
    elif outcome.code < 0 and outcome.code not in step.codes:
        yield Failure("crash", f"signal {-outcome.code}: {said}")
    elif outcome.code not in step.codes:
        yield Failure("code", f"exit {outcome.code}, expected {sorted(step.codes)}: {said}")


def _errors(step: Step, outcome: Outcome) -> Iterator[Failure]:
    lines = outcome.err.splitlines()
    if b"Traceback (most recent call last)" not in outcome.err:
        noise = [line for line in lines if not line.startswith(b"mfh: ")]
        if noise:
            yield Failure("noise", f"{len(noise)} lines on stderr that are no error lines: {_text(noise[0])}")
        elif len(lines) > step.most_errors:
            yield Failure("lines", f"{len(lines)} lines on stderr, {step.most_errors} expected: {_text(lines[1])}")
    if outcome.code in (2, 3) and not lines and not step.quiet_refusal:
        yield Failure("silent", f"exit {outcome.code} without a word on stderr")
    for name, stream in (("stderr", outcome.err), ("stdout", outcome.out)):
        control = _CONTROL.search(stream)
        if control is not None:
            around = stream[max(0, control.start() - 20) : control.end() + 20]
            yield Failure("control", f"{name} has the control character {control[0]!r}: {_text(around)}")


def _json(outcome: Outcome) -> Iterator[Failure]:
    try:
        tree = json.loads(outcome.out.decode("utf-8"), parse_constant=_no_number)
    except ValueError as error:
        yield Failure("json", f"stdout is not one JSON object ({error}): {_text(outcome.out[:80])}")
        return
    if not isinstance(tree, dict):
        yield Failure("json", f"stdout is a JSON {type(tree).__name__}: {_text(outcome.out[:80])}")


def results_in(folder: Path) -> Iterator[Path]:
    """Yield the folders below one that have a receipt; what is hidden is on its way, and nobody's result yet."""
    for path in sorted(folder.rglob("receipt.json")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path.parent


def check_result(folder: Path) -> Iterator[Failure]:
    """Yield what is wrong with a result folder that a run has just written.

    Args:
        folder: one that has a receipt.
    """
    import numpy as np

    try:
        receipt = json.loads((folder / "receipt.json").read_text("utf-8"), parse_constant=_no_number)
        if "contents" in receipt and "depth.npz" not in receipt["contents"]:
            # Only other formats were asked for.
            return
        with np.load(folder / "depth.npz", allow_pickle=False) as arrays:
            depth_m, valid_mask = arrays["depth_m"], arrays["valid_mask"]
    except Exception as error:
        yield Failure("result", f"{folder.name} has a receipt and cannot be read: {type(error).__name__}: {error}")
        return
    answered = depth_m[valid_mask]
    if not answered.size:
        yield Failure("number", f"{folder.name} has a receipt and not one valid pixel")
    elif not (np.isfinite(answered).all() and (answered > 0).all()):
        yield Failure("number", f"{folder.name}: valid depths from {answered.min()} to {answered.max()}")
    elif not math.isclose(float(np.median(answered)), _median_of(receipt), rel_tol=1e-3):
        yield Failure(
            "mixed", f"{folder.name}: median {np.median(answered):g} m, its receipt says {_median_of(receipt):g}"
        )


def _median_of(receipt: Any) -> float:
    try:
        return float(receipt["depth_m"]["median"])
    except (KeyError, TypeError, ValueError):
        return math.nan


def _wants_json(step: Step) -> bool:
    return "--json" in step.words if step.wants_json is None else step.wants_json


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _last_line(err: bytes) -> str:
    lines = [line for line in err.strip().splitlines() if line.strip(b"-")]
    return _text(lines[-1]) if lines else "nothing on stderr"


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").encode("unicode_escape").decode()[:300]
