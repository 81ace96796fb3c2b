"""What scenes of known losses are made of: runs in a folder of usual inputs, and what of it a run may replace."""

from tests.fuzz.case import Outcome, Step
from tests.fuzz.trial import Trial

OUT = "work/out"
MAYBE = frozenset({0, 2})


def run_words(trial: Trial, *words: str, codes: frozenset[int] = MAYBE, owned: tuple[str, ...] = (), **more) -> Outcome:
    return trial.run(Step(words, codes=codes, owned=owned, **more))


def run_first(trial: Trial, *words: str) -> None:
    """Run what lays the scene."""
    outcome = trial.run(Step(words, codes=frozenset({0})))
    if outcome.code != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {outcome.code}: {outcome.err[:200]!r}")


def owned_but(trial: Trial, folder: str, *kept: str) -> tuple[str, ...]:
    """Return the files below a folder that a run may replace: all but some."""
    files = [path for path in (trial.root / folder).rglob("*") if path.is_file()]
    return tuple(str(path.relative_to(trial.root)) for path in files if path.name not in kept)
