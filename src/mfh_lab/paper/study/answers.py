"""Answers of participants: read, and refused where they cannot be of the study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh_lab.paper.study.plan import NONE, Key, read_object

_FORMAT, _VERSION = "mfh-study-answers", 1


@dataclass(frozen=True)
class Answers:
    """What one participant chose.

    Attributes:
        participant: random id.
        chosen: question id -> label of the method, or "none".
    """

    participant: str
    chosen: Mapping[str, str]


def read_answers(paths: Sequence[Path], key: Key) -> list[Answers]:
    """Read the answers of all participants.

    Args:
        paths: files that the page saved.
        key: of the study.

    Returns:
        One a file; questions that were left open are not in it.

    Raises:
        InputError: for a file that cannot be read, is of another study, comes from a participant who is there already,
            has no answer, or names a question or choice that the study does not have.
    """
    read: list[Answers] = []
    came_from: dict[str, Path] = {}
    for path in paths:
        one = _read(path, key)
        if one.participant in came_from:
            raise InputError(
                f"{path} and {came_from[one.participant]} are of one participant ({one.participant[:8]}): give one"
            )
        came_from[one.participant] = path
        read.append(one)
    if not read:
        raise InputError("no answers: expected at least one file that the study's page saved")
    return read


def _read(path: Path, key: Key) -> Answers:
    content = read_object(path, _FORMAT, _VERSION)
    if content.get("study") != key.study:
        raise InputError(
            f"{path} answers study {content.get('study')!r}, the key is of {key.study!r}: expected the same"
        )
    participant, given = content.get("participant"), content.get("answers")
    if not (isinstance(participant, str) and participant):
        raise InputError(f"{path} names no participant: expected a file that the study's page saved")
    if not (isinstance(given, dict) and given):
        raise InputError(f"{path} holds no answer: leave it out")
    chosen: dict[str, str] = {}
    for question, answer in given.items():
        if question not in key.questions:
            raise InputError(f"{path} answers question {question!r}: the study has no such question")
        methods = key.questions[question].methods
        choice = answer.get("choice") if isinstance(answer, dict) else None
        if choice == NONE:
            chosen[question] = NONE
        elif isinstance(choice, str) and choice in methods:
            chosen[question] = methods[choice]
        else:
            raise InputError(f"{path} question {question}: choice {choice!r}, expected {', '.join(methods)} or {NONE}")
    return Answers(participant, chosen)
