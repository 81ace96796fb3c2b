"""Actors of a Ray cluster that measure photos: the same worker, paths and not pixels through the object store.

Rows stay the truth: what Ray remembers of a run is never asked. An actor that ends, with its node or alone, is replaced
where the cluster has room, and takes photos once its models are loaded.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mfh.batch.columns import Item
from mfh.batch.local import Make
from mfh.batch.pool import Hand, Pool
from mfh.batch.rows import Row
from mfh.batch.worker import Job, Worker
from mfh.errors import BackendError, MfhError, kind_and_message
from mfh.models.sessions import THREADS

_PATIENCE_S = 10.0


class _Actor:
    """What runs on a node: a worker with its models."""

    def __init__(self, job: Job, make: Make) -> None:
        self._worker = make(job)

    def prepare(self) -> str:
        """Load the models; return why that cannot be done, or nothing."""
        try:
            self._worker.prepare()
        except Exception as error:
            return str(error) if isinstance(error, MfhError) else kind_and_message(error)
        return ""

    def measure(self, item: Item) -> Row:
        """Measure a photo."""
        return self._worker(item)


@dataclass(kw_only=True, eq=False)
class _Remote(Hand):
    """An actor, and what it was asked."""

    actor: Any
    loading: Any
    asked: dict[Any, Item] = field(default_factory=dict)


class RayEngine(Pool):
    """A number of actors that measure photos; the folder of the run is on a file system that all nodes share.

    Args:
        job: what is done with each photo.
        workers: how many actors.
        address: of the cluster, or "auto"; None to start one on this machine.
        cpus: that each actor holds: threads of its networks.
        gpus: that each actor holds; a part of one, as .25, lets several share it.
        make: makes the worker in the actor; must be importable on every node.

    Raises:
        BackendError: where ray is not installed, or there is no cluster at the address.
    """

    def __init__(
        self,
        job: Job,
        workers: int,
        *,
        address: str | None = None,
        cpus: int = 1,
        gpus: float = 0.0,
        make: Make = Worker,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise BackendError("--engine ray needs Ray: pip install 'metric-from-human[ray]'") from error
        self._ray: Any = ray
        self._make = make
        if not ray.is_initialized():
            try:
                _reach(address)
                ray.init(address=address, log_to_driver=False, configure_logging=False)
            except (OSError, RuntimeError, ValueError) as error:
                raise BackendError(
                    f"no Ray cluster at {address} ({kind_and_message(error)}): start one with ray start --head, or "
                    "leave out --address"
                ) from error
        environment = {"env_vars": {THREADS: str(cpus)}}
        self._kind: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0, runtime_env=environment)(_Actor)
        super().__init__(job, workers)

    def start(self) -> Hand:
        """Start an actor, wherever there is room."""
        actor = self._kind.remote(self.job, self._make)
        return _Remote(ready=False, actor=actor, loading=actor.prepare.remote())

    def send(self, hand: Hand, item: Item) -> None:
        """Send a photo to an actor."""
        assert isinstance(hand, _Remote)
        hand.asked[hand.actor.measure.remote(item)] = item

    def rows(self, timeout_s: float) -> Iterator[Row]:
        """Yield the rows of photos that are done, waiting for the first of them at most so long.

        Args:
            timeout_s: seconds.

        Raises:
            BackendError: where the models cannot be loaded on a node.
        """
        hands = [one for one in self.hands if isinstance(one, _Remote)]
        waited = {one.loading: one for one in hands if not one.ready}
        waited |= {asked: one for one in hands for asked in one.asked}
        ended, _ = self._ray.wait(list(waited), num_returns=1, timeout=timeout_s) if waited else ([], [])
        if ended:
            # All that are there by now.
            ended, _ = self._ray.wait(list(waited), num_returns=len(waited), timeout=0)
        gone: list[_Remote] = []
        for one in ended:
            hand = waited[one]
            if hand in gone:
                continue
            try:
                answer = self._ray.get(one)
            except self._ray.exceptions.RayError as error:
                gone.append(hand)
                yield from self.mourn(hand, f"ended ({type(error).__name__})")
                continue
            if isinstance(answer, Row):
                del hand.asked[one]
                yield self.received(hand, answer)
            elif answer:
                raise BackendError(answer)
            else:
                hand.ready = True
        self.retry()

    def close(self) -> None:
        """End all actors; the cluster stays."""
        for one in self.hands:
            if isinstance(one, _Remote):
                self._ray.kill(one.actor)


def _reach(address: str | None) -> None:
    """Connect to the place of a cluster once: Ray itself tries for minutes.

    Raises:
        OSError: where nothing answers.
        ValueError: for a port that is none.
    """
    place = (address or "").rpartition("://")[2]
    host, colon, port = place.rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
