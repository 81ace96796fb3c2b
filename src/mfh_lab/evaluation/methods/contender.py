"""A method before its models are loaded: enough to tell whether there is anything left for it to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mfh_lab.evaluation.methods.method import Method


@dataclass(frozen=True)
class Contender:
    """A method by name and settings.

    Attributes:
        name: what to call it.
        settings: plain JSON values that decide every answer.
        load: makes it, with its models.
        title: what to call it in tables; the name where nothing else is said.
        reads: folders of the user's that it reads answers from.
    """

    name: str
    settings: Mapping[str, object]
    load: Callable[[], Method]
    title: str = ""
    reads: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Call it by its name where it has no title."""
        if not self.title:
            object.__setattr__(self, "title", self.name)

    @classmethod
    def of(cls, method: Method) -> "Contender":
        """Return a method that is loaded already.

        Args:
            method: the method.
        """
        return cls(method.name, method.settings, lambda: method)
