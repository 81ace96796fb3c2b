"""Workers elsewhere, and what becomes of their photos when one of them ends.

A worker that ends (killed, for lack of memory, with its machine) costs no other photo: those it had are tried again,
each by a worker that has nothing else, and the one on which two of these end gets a row that says so.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from mfh.batch.columns import Item
from mfh.batch.rows import Row
from mfh.batch.worker import Job, lost

AHEAD = 3
"""Photos that a worker has at once: one is read, one measured, one written."""
_MOST_DEATHS = 2


@dataclass(eq=False)
class Hand:
    """A worker elsewhere, and the photos it has.

    Attributes:
        has: the photos, in the order they were given.
        ready: whether its models are loaded, where that is known.
    """

    has: deque[Item] = field(default_factory=deque)
    ready: bool = True


class Pool(ABC):
    """A number of workers elsewhere.

    Args:
        job: what is done with each photo.
        workers: how many.
    """

    def __init__(self, job: Job, workers: int) -> None:
        self.job = job
        self._suspects: deque[Item] = deque()
        # Photos that are tried again, and how many workers ended when they had nothing else.
        self._alone: dict[str, int] = {}
        self.hands: list[Hand] = [self.start() for _ in range(workers)]

    @abstractmethod
    def start(self) -> Hand:
        """Start a worker."""

    @abstractmethod
    def send(self, hand: Hand, item: Item) -> None:
        """Send a photo to a worker; one that is gone is noticed when its rows are waited for."""

    @property
    def busy(self) -> int:
        """Photos that are being measured or wait to be tried again."""
        return sum(len(one.has) for one in self.hands) + len(self._suspects)

    @property
    def has_room(self) -> bool:
        """Whether another photo is taken."""
        return not self._suspects and any(self._room(one) for one in self.hands)

    def submit(self, item: Item) -> None:
        """Give a photo to the worker that has fewest."""
        self._give(min((one for one in self.hands if self._room(one)), key=lambda one: len(one.has)), item)

    def received(self, hand: Hand, row: Row) -> Row:
        """Note that a photo is done, and return its row."""
        hand.has = deque(item for item in hand.has if item.id != row.id)
        self._alone.pop(row.id, None)
        return row

    def mourn(self, hand: Hand, ended: str) -> Iterator[Row]:
        """Start another worker in place of one that ended, and decide what becomes of its photos.

        Args:
            hand: of the one that ended.
            ended: how, as in "was killed by signal 9".

        Yields:
            Rows of photos that are given up.
        """
        for item in hand.has:
            deaths = self._alone.pop(item.id, -1) + 1
            if deaths >= _MOST_DEATHS:
                yield lost(item, self.job, f"the process that measured it {ended}, twice")
            else:
                self._alone[item.id] = deaths
                self._suspects.append(item)
        self.hands[self.hands.index(hand)] = self.start()

    def retry(self) -> None:
        """Give photos that are to be tried again to workers that have nothing else."""
        for one in self.hands:
            if self._suspects and one.ready and not one.has:
                self._give(one, self._suspects.popleft())

    def _room(self, one: Hand) -> bool:
        return one.ready and len(one.has) < AHEAD and not any(item.id in self._alone for item in one.has)

    def _give(self, one: Hand, item: Item) -> None:
        one.has.append(item)
        self.send(one, item)
