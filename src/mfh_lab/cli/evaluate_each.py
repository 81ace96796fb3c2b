"""Several methods on the same photos: each in a process of its own, then one table.

A process a method: what one leaves in memory is not counted for the next, and one that dies takes no other with it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.cli.exits import EXIT_DONE, EXIT_FAULT, EXIT_INPUT, error_line
from mfh.cli.json_answer import print_json
from mfh.cli.progress import progress_line
from mfh.errors import MfhError, printable, shown
from mfh.io.reading import parse_json
from mfh_lab.cli.evaluated_method import (
    MFH,
    Asked,
    MethodOptions,
    Predictions,
    is_own,
    label_of,
    own_config,
    with_preset,
)

if TYPE_CHECKING:
    from mfh_lab.evaluation.datasets.frames import FrameDataset
    from mfh_lab.evaluation.methods.known import Commercial
    from mfh_lab.evaluation.side_by_side import Outcome

Progress = Callable[[str, float], None]
_POLL_S = 0.5
_LAST_LETTERS = 2000


@dataclass(frozen=True)
class _Ended:
    """How the process of one method ended.

    Attributes:
        code: its exit code; negative for a signal.
        error: why it has no results, in one line; empty where it has.
    """

    code: int
    error: str = ""


def slug(text: str) -> str:
    """Return a text as a name of a folder.

    Args:
        text: anything.
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


def compare(
    asked: Sequence[Asked],
    options: MethodOptions,
    words: Sequence[str],
    dataset: "FrameDataset",
    protocol: str,
    out: Path,
    *,
    as_json: bool,
) -> int:
    """Evaluate each method in a process of its own, and write and print one table.

    Args:
        asked: the methods.
        options: about method mfh.
        words: of the command line, that all of them share.
        dataset: the photos.
        protocol: its name.
        out: folder of the results; each method has one of its own inside.
        as_json: whether one JSON object is printed, rather than the table.

    Returns:
        The exit code: 0 where every method has numbers, else 1 for a fault, else 2.

    Raises:
        InputError: where nothing can be written.
    """
    from mfh.io.atomic import check_writable, make_folder
    from mfh.io.lock import folder_lock
    from mfh.io.written import check_own
    from mfh_lab.evaluation.runner import LOCK_WAIT_S
    from mfh_lab.evaluation.side_by_side_report import FILES, Comparison, comparison_object, text, write_comparison

    check_writable(out)
    labels = [printable(_label(one, options)) for one in asked]
    folders = _folders(labels)
    codes: list[int] = []
    with folder_lock(out, wait_s=LOCK_WAIT_S):
        check_own(out, FILES)
        outcomes: list[Outcome] = []
        with progress_line(quiet=as_json) as progress:
            for number, (one, label, folder) in enumerate(zip(asked, labels, folders, strict=True)):
                outcome, code = _outcome(
                    one, label, options, words, out / folder, len(dataset.names),
                    progress=_part(progress.update, number, len(asked)),
                )  # fmt: skip
                outcomes.append(outcome)
                codes.append(code)
        comparison = Comparison(printable(dataset.name), protocol, len(dataset.names), outcomes)
        make_folder(out)
        write_comparison(comparison, out)
    if as_json:
        print_json({**comparison_object(comparison, cost=True), "folder": shown(out)})
    else:
        print(text(comparison, width=shutil.get_terminal_size((120, 24)).columns))
        for note in dataset.notes:
            print(f"note: {shown(note)}")
        print(f"files: {shown(out)}/ ({', '.join(FILES)}, a folder a method)")
    if not any(codes):
        return EXIT_DONE
    return EXIT_FAULT if EXIT_FAULT in codes else EXIT_INPUT


def _label(asked: Asked, options: MethodOptions) -> str:
    """Return what a row is called: of this project's method with the options that it runs with."""
    if isinstance(asked, str) and is_own(asked):
        return f"{MFH} ({with_preset(asked, options).text()})"
    return label_of(asked)


def _folders(labels: Sequence[str]) -> list[str]:
    """Return a name of a folder for each method, no two the same on any system."""
    from mfh_lab.evaluation.side_by_side_report import FILES

    found: list[str] = []
    for label in labels:
        base = slug(label)[:80] or "method"
        taken, number, name = {other.casefold() for other in (*found, *FILES)}, 1, base
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        found.append(name)
    return found


def _outcome(
    asked: Asked, label: str, options: MethodOptions, words: Sequence[str], place: Path, photos: int,
    *, progress: Progress,
) -> tuple["Outcome", int]:  # fmt: skip
    """Return one method's numbers, or why it has none, and the exit code that stands for it."""
    from mfh_lab.evaluation.methods.named import known_method
    from mfh_lab.evaluation.runner import NOT_COUNTED
    from mfh_lab.evaluation.side_by_side import Outcome, read_cost, read_failures, read_numbers

    weights_licence, commercial = _licence(asked, options)
    outcome = Outcome(label, weights_licence=weights_licence, commercial=commercial)
    known, _, _ = known_method(label_of(asked))
    if isinstance(asked, str) and known is not None and known.way == "published":
        return replace(outcome, reason="; ".join(one.text for one in known.published), published=True), EXIT_DONE
    ended = _run([*words, *_words(asked, options), "--out", str(place)], place, label, photos, progress=progress)
    if ended.error:
        return replace(outcome, reason=ended.error), ended.code
    try:
        numbers = read_numbers(place)
        failed, unscorable, first = read_failures(place, NOT_COUNTED)
        cost = None if isinstance(asked, Predictions) else read_cost(place, [*numbers])
    except MfhError as error:
        return replace(outcome, reason=error_line(error)), EXIT_INPUT
    outcome = replace(
        outcome,
        folder=place.name,
        numbers=numbers,
        failed=failed,
        unscorable=unscorable,
        cost=cost,
        reason=first or ("" if numbers else f"none of {unscorable} photos has a true depth that is scored"),
    )
    return outcome, EXIT_DONE if numbers else EXIT_INPUT


def _words(asked: Asked, options: MethodOptions) -> list[str]:
    if isinstance(asked, str):
        return ["--method", asked, *(options.words() if is_own(asked) else [])]
    unit = [] if asked.unit is None else ["--unit", asked.unit]
    return ["--predictions", f"{asked.name}={asked.folder}", *unit, "--space", asked.space]


def _run(words: Sequence[str], place: Path, label: str, photos: int, *, progress: Progress) -> _Ended:
    """Run one method until its process ends, however it does."""
    from mfh_lab.evaluation.ledger import DONE

    progress(f"{label}, loading,", 0.0)
    command = [sys.executable, "-m", "mfh_lab.cli.one_method", str(os.getpid()), *words, "--json"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    try:
        while True:
            try:
                printed, complaint = process.communicate(timeout=_POLL_S)
                break
            except subprocess.TimeoutExpired:
                done = _lines(place / DONE)
                if done:
                    progress(f"{label}, photo {min(done + 1, photos)} of {photos},", min(done / photos, 1.0))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    code = process.returncode
    if code == EXIT_DONE:
        return _Ended(code)
    if code < 0:
        memory = ", perhaps for lack of memory" if -code == getattr(signal, "SIGKILL", None) else ""
        return _Ended(EXIT_INPUT, f"its process was killed by signal {-code}{memory}")
    return _Ended(code, _error(printed, complaint) or f"its process ended with code {code}")


def _error(printed: str, complaint: str) -> str:
    """Return the error that a process printed, in one line."""
    try:
        found = parse_json(printed)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        return printable(found["error"])
    lines = complaint[-_LAST_LETTERS:].strip().splitlines()
    return printable(lines[-1].removeprefix("mfh: ")) if lines else ""


def _licence(asked: Asked, options: MethodOptions) -> tuple[str, "Commercial | None"]:
    """Return the licence of a method's weights, and whether it permits commercial use, as far as both are known."""
    from mfh_lab.evaluation.methods.mfh_method import licence_of
    from mfh_lab.evaluation.methods.named import known_method

    label = label_of(asked)
    if isinstance(asked, str) and is_own(asked):
        try:
            return licence_of(own_config(with_preset(asked, options)))
        except MfhError:
            return "", None
    known, source, _ = known_method(label)
    # Other weights have a licence of their own.
    return ("", None) if known is None or source else (known.weights_licence, known.commercial)


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _part(progress: Progress, number: int, total: int) -> Progress:
    """Return a progress of one method of several."""

    def update(what: str, fraction: float) -> None:
        progress(f"method {number + 1} of {total}: {what}", (number + fraction) / total)

    return update
