"""Whether relative depth grows the way its space says: a swapped space gives metres that are wrong without a sound."""

from collections.abc import Sequence

import numpy as np

from mfh.numerics.clues import Clue
from mfh.types import Space

_TELLING = 0.2
"""Log ratio of two distances from which their order is beyond the errors of people, where many pairs say the same."""
_TELLING_ALONE = 0.4
"""The same for one or two pairs."""
_MANY = 3
_AGREED = 0.5


def space_agreement(clues: Sequence[Clue], space: Space) -> float | None:
    """Return how far relative depth is ordered as metres are: 1 as the space says, -1 the other way round.

    Args:
        clues: distances in metres with the relative depth there.
        space: what the relative depth is said to be.

    Returns:
        Kendall's rank correlation over pairs of clearly different distances; None where no pair is.
    """
    points = [(np.log(clue.metres), float(clue.relative[0])) for clue in clues if len(clue.relative) == 1]
    if len(points) < 2:
        return None
    log_z, relative = np.array(points).T
    first, second = np.triu_indices(len(points), 1)
    apart = log_z[first] - log_z[second]
    telling = np.abs(apart) > _TELLING
    if telling.sum() < _MANY:
        telling = np.abs(apart) > _TELLING_ALONE
    if not telling.any():
        return None
    expected = -1.0 if space == "disparity" else 1.0
    same = np.sign(apart[telling]) * np.sign(relative[first][telling] - relative[second][telling])
    return float(expected * same.mean())


def space_is_swapped(people: Sequence[Clue], known: Sequence[Clue], space: Space) -> bool | None:
    """Return whether relative depth is of the other space than it is said to be.

    Args:
        people: one clue a person.
        known: distances and lengths the user knows; asked where people cannot tell.
        space: what the relative depth is said to be.

    Returns:
        True where the order is clearly the wrong way round, False where it is right; None where nobody can tell.
    """
    for clues in (people, [*people, *known]):
        agreement = space_agreement(clues, space)
        if agreement is not None and abs(agreement) >= _AGREED:
            return agreement < 0
    return None
