"""One thread for the models, and a bounded number of requests that wait for it."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")
Check = Callable[..., None]
"""Called by a job between its steps, with the stage and the fraction done where there is one; raises
:class:`Abandoned` where no request waits for it any more."""

_REMEMBERED = 20
_FIRST_GUESS_S = 5.0
_LONGEST_WAIT_S = 600


class Refusal(Exception):
    """A request that is not served, with its status, a line and headers."""

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}


class Abandoned(Exception):
    """Ends a job that no request waits for any more."""


class Slot:
    """The place of one request, from before its body is read until its job has ended."""

    def __init__(self, work: "Work", deadline: float) -> None:
        self._work, self.deadline = work, deadline
        self.future: Future[Any] | None = None
        self.abandoned = threading.Event()
        self.stage: tuple[str, float] = ("waiting", 0.0)

    async def run(self, job: Callable[[Check], T], *, gone: Awaitable[object] | None = None) -> T:
        """Run a job on the models' thread, when its turn has come.

        Args:
            job: called there.
            gone: done when the client has gone away; None where that is not known.

        Raises:
            Refusal: where its time is over, or the server stops before its turn.
        """
        work = self._work
        if work.stopping:
            raise _stopping()
        self.future = future = work.submit(job, self)
        waiting = asyncio.wrap_future(future)
        # Where no request waits any more, what the job ends with is for none.
        waiting.add_done_callback(lambda one: None if one.cancelled() else one.exception())
        watched: set[asyncio.Future[Any]] = {waiting}
        if gone is not None:
            watched.add(asyncio.ensure_future(gone))
        left_s = max(0.0, self.deadline - time.monotonic())
        try:
            done, _ = await asyncio.wait(watched, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in watched - {waiting}:
                one.cancel()
            if not future.done():
                # The job ends at its next step, or never begins.
                self.abandoned.set()
                future.cancel()
        if waiting in done:
            if waiting.cancelled():
                raise _stopping()
            return waiting.result()
        if done:
            raise Refusal(499, "the client has gone away")
        raise Refusal(504, f"not done in {work.time_limit_s:g} s: send a smaller photo, or try again later")


class Work:
    """The models' thread and the requests that hold a place.

    Args:
        queue: requests that may wait beside the one that runs.
        time_limit_s: of one request, from its first byte to its answer.
    """

    def __init__(self, *, queue: int, time_limit_s: float) -> None:
        self.queue, self.time_limit_s = queue, time_limit_s
        self.stopping = False
        self.done, self.seconds = 0, 0.0
        self._held = 0
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._futures: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mfh-models")

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Hold a place for the time of a block, and until the job begun in it has ended.

        Raises:
            Refusal: where all places are taken, or the server stops.
        """
        with self._lock:
            if self.stopping:
                raise _stopping()
            if self._held > self.queue:
                wait_s = self._wait_s()
                raise Refusal(429, f"busy: try again in {wait_s} s", {"Retry-After": str(wait_s)})
            self._held += 1
        slot = Slot(self, time.monotonic() + self.time_limit_s)
        try:
            yield slot
        finally:
            if slot.future is None:
                self._release()
            else:
                slot.future.add_done_callback(lambda _: self._release())

    def submit(self, job: Callable[[Check], T], slot: Slot) -> "Future[T]":
        """Begin a job of a slot when its turn has come."""

        def check(stage: str = "", fraction: float = 0.0) -> None:
            if slot.abandoned.is_set():
                raise Abandoned
            if stage:
                slot.stage = (stage, fraction)

        def run() -> T:
            check()
            begin = time.monotonic()
            try:
                return job(check)
            finally:
                seconds = time.monotonic() - begin
                self.done, self.seconds = self.done + 1, self.seconds + seconds
                self._recent.append(seconds)

        future = self._thread.submit(run)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    @property
    def held(self) -> int:
        """Places that are taken."""
        return self._held

    def stop(self) -> None:
        """Take no request any more; what waits is refused, and what runs is finished."""
        self.stopping = True
        for one in list(self._futures):
            one.cancel()

    def close(self) -> None:
        """Wait for the job that runs, and end the thread."""
        self.stop()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _release(self) -> None:
        with self._lock:
            self._held -= 1

    def _wait_s(self) -> int:
        """Return seconds after which a place may be free: the mean of recent jobs."""
        recent = list(self._recent)
        mean_s = sum(recent) / len(recent) if recent else _FIRST_GUESS_S
        return min(_LONGEST_WAIT_S, max(1, math.ceil(mean_s)))


def _stopping() -> Refusal:
    return Refusal(503, "the server stops: try again later", {"Retry-After": "10"})


async def every(seconds: float, do: Callable[[], None]) -> None:
    """Do something again and again, until the task is cancelled.

    Args:
        seconds: between.
        do: called; its errors are left to the next time.
    """
    while True:
        await asyncio.sleep(seconds)
        with suppress(Exception):
            do()
