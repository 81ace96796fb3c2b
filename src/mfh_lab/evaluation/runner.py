"""Evaluate a method on a dataset under a protocol: predictions to disk first, then scores of what is on disk."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mfh.errors import InputError, MfhError, kind_and_message, one_line, shown
from mfh.io.written import is_inside, is_same
from mfh.types import Space
from mfh_lab.evaluation.datasets.frames import FrameDataset
from mfh_lab.evaluation.datasets.sample import Dataset
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.evaluation.ledger import PREDICTIONS, Done, Ledger, open_ledger
from mfh_lab.evaluation.memory import peak_memory
from mfh_lab.evaluation.methods.method import Contender, Method, Prediction
from mfh_lab.evaluation.methods.stored import prediction_path, read_prediction, write_prediction
from mfh_lab.evaluation.protocols import EvaluationView, Protocol, view
from mfh_lab.evaluation.scoring import DepthScores, check_shape, covers, failure_errors, score
from mfh_lab.pocket.metrics import DepthErrors

Progress = Callable[[str, float], None]
NO_TRUTH = "no truth"
"""Kind of a photo of which no pixel can be scored: no method's fault, and in no mean."""
UNREADABLE = "unreadable"
"""Kind of a photo whose files cannot be read: the same, and tried again by the next run."""
FAULT = "fault"
"""Kind of a failure that no method reports, such as too little memory: tried again by the next run."""
NOT_COUNTED = (NO_TRUTH, UNREADABLE)
_AGAIN = (UNREADABLE, FAULT)
LOCK_WAIT_S = 5.0
"""How long a second process waits for a folder before it reports that another one is at work in it."""


@dataclass(frozen=True)
class Evaluation:
    """What to evaluate.

    Attributes:
        dataset: photos with a truth.
        protocol: which part of them is the input, and which pixels are scored.
        contender: the method.
    """

    dataset: Dataset
    protocol: Protocol
    contender: Contender

    def settings(self) -> dict[str, object]:
        """Return what every result is a function of, in plain JSON values."""
        return {
            "method": {"name": self.contender.name, **self.contender.settings},
            "dataset": {"name": self.dataset.name, "root": shown(self.dataset.root.absolute())},
            "protocol": {"name": self.protocol.name, **asdict(self.protocol.of(self.dataset.name))},
            "code": package_digest(),
        }

    def view(self, name: str) -> EvaluationView:
        """Return a sample as the protocol shows it.

        Args:
            name: of the sample.
        """
        return view(self.dataset.load(name), self.protocol.of(self.dataset.name))


@dataclass(frozen=True)
class PhotoRow:
    """One photo of the table.

    Attributes:
        name: of the sample.
        scores: of the answer; None where there is none.
        half_width: of the 80 % interval, relative to the answer; None without an interval.
        covered_80: whether it holds the true scale.
        covered_95: whether the 95 % interval does.
        failure: why there is no answer, in one line.
        kind: what kind of failure.
        worst: errors as they are, and after alignment, that count for a failure; None where nothing can be scored.
    """

    name: str
    scores: DepthScores | None = None
    half_width: float | None = None
    covered_80: bool | None = None
    covered_95: bool | None = None
    failure: str = ""
    kind: str = ""
    worst: tuple[DepthErrors, DepthErrors] | None = None


def predict(evaluation: Evaluation, ledger: Ledger, *, progress: Progress) -> None:
    """Let the method answer for every photo that is not done; its models are loaded only if there is one.

    Args:
        evaluation: what to evaluate.
        ledger: what is done already.
        progress: called with what is being done, how long the rest may take, and the fraction done.

    Raises:
        MfhError: where the method cannot be loaded or an answer cannot be written; a photo that cannot be read, or that
            the method fails for in any way, is written down and raises nothing.
    """
    names = evaluation.dataset.names
    missing = [name for name in names if not _is_done(ledger, name)]
    if not missing:
        return
    progress("loading the method,", 1 - len(missing) / len(names))
    method = evaluation.contender.load()
    begin = time.monotonic()
    asked = False
    for number, name in enumerate(missing):
        fraction = 1 - (len(missing) - number) / len(names)
        progress(f"{name}, {_left(time.monotonic() - begin, number, len(missing))}", fraction)
        done = _answer(evaluation, method, ledger, name)
        if done.kind not in NOT_COUNTED:
            memory = peak_memory()
            done = replace(done, first=not asked, ram_bytes=memory.ram_bytes, gpu_bytes=memory.gpu_bytes)
            asked = True
        ledger.add(done)


def score_all(evaluation: Evaluation, ledger: Ledger, *, progress: Progress) -> list[PhotoRow]:
    """Score what is on disk.

    Args:
        evaluation: what was evaluated.
        ledger: all photos are done.
        progress: called with what is being done and the fraction done.

    Returns:
        One row a photo, in the dataset's order.
    """
    names = evaluation.dataset.names
    rows = []
    for number, name in enumerate(names):
        progress(f"scoring {name},", number / len(names))
        rows.append(_row(evaluation, ledger, name))
    spaces: list[Space] = [row.scores.space for row in rows if row.scores is not None]
    space = spaces[0] if spaces else "depth"
    return [_with_worst(evaluation, row, space=space) if row.kind not in ("", *NOT_COUNTED) else row for row in rows]


def evaluate(
    evaluation: Evaluation, out: Path, *, progress: Progress, restart: bool = False
) -> tuple[list[PhotoRow], Ledger]:
    """Predict, write, score; run again, it resumes.

    Args:
        evaluation: what to evaluate.
        out: folder of the results; it may hold those of this very configuration, with more or fewer photos. The caller
            holds its lock (:func:`mfh.io.lock.folder_lock`) until all results are written.
        progress: called with what is being done and the fraction done.
        restart: throw away the answers that are there.

    Returns:
        One row a photo, and the ledger.

    Raises:
        MfhError: for a folder of another configuration, photos of which none can be read or tried, or as
            :func:`predict`.
    """
    ledger = open_ledger(out, evaluation.settings(), restart=restart)
    predict(evaluation, ledger, progress=progress)
    rows = score_all(evaluation, ledger, progress=progress)
    if rows and all(row.kind == NO_TRUTH for row in rows):
        raise InputError(f"{rows[0].name}: {rows[0].failure}, nor has any other photo: is its depth in metres?")
    if rows and all(row.kind in _AGAIN for row in rows):
        others = f" (the {len(rows) - 1} other photos fail too)" if len(rows) > 1 else ""
        raise InputError(f"{rows[0].name}: {rows[0].failure}{others}")
    return rows, ledger


def check_apart_from_inputs(out: Path, dataset: FrameDataset, contender: Contender) -> None:
    """Refuse a folder for results that is a folder of what is read.

    Args:
        out: for the results; need not exist.
        dataset: the photos.
        contender: the method.

    Raises:
        InputError: where results would lie among the dataset's files, or among the answers that a method reads.
    """
    answers = out / PREDICTIONS
    for folder in contender.reads:
        if is_inside(out, folder) or is_inside(folder, answers):
            raise InputError(
                f"--predictions {shown(folder)} are answers to read, and results would be written to {shown(answers)}: "
                "choose another folder with --out"
            )
    for folder in dict.fromkeys([dataset.root, *(path.parent for path in dataset.paths())]):
        if is_same(out, folder) or is_same(answers, folder):
            raise InputError(
                f"--out {shown(out)} would put results among the dataset's own files in {shown(folder)}: choose another"
            )


def _is_done(ledger: Ledger, name: str) -> bool:
    done = ledger.done.get(name)
    if done is None or done.kind in _AGAIN:
        return False
    return bool(done.failure) or os.path.isfile(prediction_path(ledger.predictions, name))


def _answer(evaluation: Evaluation, method: Method, ledger: Ledger, name: str) -> Done:
    """Return how one photo went: whatever fails is this photo's, and kept with its reason."""
    seen = _seen(evaluation, name)
    if isinstance(seen, str):
        return Done(name, 0.0, seen, UNREADABLE)
    if not seen.scored_mask.any():
        failure = f"no pixel has a true depth between {seen.min_m:g} and {seen.max_m:g} m that the protocol counts"
        return Done(name, 0.0, failure, NO_TRUTH)
    path = prediction_path(ledger.predictions, name)
    begin = time.perf_counter()
    try:
        prediction = method.predict(seen.photo, name=name)
        check_shape(prediction, seen)
    except MfhError as error:
        return Done(name, time.perf_counter() - begin, one_line(error), type(error).__name__)
    except Exception as error:
        return Done(name, time.perf_counter() - begin, kind_and_message(error), FAULT)
    seconds = time.perf_counter() - begin
    write_prediction(path, prediction)
    return Done(name, seconds)


def _seen(evaluation: Evaluation, name: str) -> EvaluationView | str:
    """Return a photo as the protocol shows it, or why it cannot be read."""
    try:
        return evaluation.view(name)
    except MfhError as error:
        return one_line(error)
    except Exception as error:
        return kind_and_message(error)


def _row(evaluation: Evaluation, ledger: Ledger, name: str) -> PhotoRow:
    done = ledger.done[name]
    if done.failure:
        return PhotoRow(name, failure=done.failure, kind=done.kind)
    seen = _seen(evaluation, name)
    if isinstance(seen, str):
        return PhotoRow(name, failure=seen, kind=UNREADABLE)
    try:
        prediction = read_prediction(prediction_path(ledger.predictions, name))
        scores = score(prediction, seen)
    except MfhError as error:
        return PhotoRow(name, failure=one_line(error), kind=type(error).__name__)
    return PhotoRow(
        name,
        scores,
        _half_width(prediction),
        covers(prediction.level_80, scores),
        covers(prediction.level_95, scores),
    )


def _with_worst(evaluation: Evaluation, row: PhotoRow, *, space: Space) -> PhotoRow:
    seen = _seen(evaluation, row.name)
    if isinstance(seen, str):
        return PhotoRow(row.name, failure=seen, kind=UNREADABLE)
    worst = failure_errors(seen), failure_errors(seen, space=space)
    return PhotoRow(row.name, failure=row.failure, kind=row.kind, worst=worst)


def _half_width(prediction: Prediction) -> float | None:
    level = prediction.level_80
    return None if level is None else (level[1] - level[0]) / 2


def _left(seconds: float, done: int, total: int) -> str:
    """Return how many photos there are and how long the rest may take."""
    count = f"{done + 1} of {total}"
    if done == 0:
        return f"{count},"
    left = seconds / done * (total - done)
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if left >= 2 * size:
            return f"{count}, about {left / size:.0f} {unit} left,"
    return f"{count}, about {left:.0f} s left,"
