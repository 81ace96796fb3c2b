"""Workers without networks, to be made in other processes."""

import os
import signal
import time

import numpy as np

from mfh.batch.rows import Row
from mfh.batch.worker import Worker
from mfh.errors import BackendError, NoLandmarkError
from tests.report.scene import room


def gather(photo, request):
    """What models may have said: the made-up room, whatever is in the photo."""
    if "nobody" in photo.name:
        raise NoLandmarkError("nobody is in it", tried=("looking",))
    height, width = photo.pixels.shape[:2]
    made_up = room(width, height)
    return type(made_up)(**{**vars(made_up), "photo": photo, "lengths": tuple(request.lengths)})


def quick(job):
    """A worker whose models answer at once."""
    return Worker(job, gather)


class Deadly(Worker):
    """Ends its process on some photos: always, or the first time."""

    def measure(self, opened):
        """Measure a photo, or die."""
        name = opened.item.id
        if "once" in name and not (mark := self.job.out / f"{name}.tried").exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if "deadly" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().measure(opened)


def deadly(job):
    """A worker that some photos kill."""
    return Deadly(job, gather)


class Instant(Worker):
    """Opens and writes nothing."""

    def prepare(self):
        """Load nothing."""

    def open(self, item):
        """Open nothing."""
        return item

    def measure(self, opened):
        """Measure nothing."""
        return opened

    def write(self, answered):
        """Return a row."""
        return Row(id=answered.id, path=answered.path, camera="", status="ok", fingerprint=self.job.fingerprint)


class Slow(Worker):
    """Takes its time."""

    def measure(self, opened):
        """Measure a photo, slowly."""
        time.sleep(0.05)
        return super().measure(opened)


def slow(job):
    """A worker that takes its time."""
    return Slow(job, gather)


class Unloadable(Worker):
    """Has no models."""

    def prepare(self):
        """Fail."""
        raise BackendError("the package of the models is missing")


def picture(path, seed=0, size=(48, 64)):
    """Write a small photo of noise."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


class SlowAndDeadly(Deadly):
    """Takes its time, and ends its process on some photos."""

    def measure(self, opened):
        """Measure a photo slowly, or die."""
        time.sleep(0.1)
        return super().measure(opened)


def slow_and_deadly(job):
    """A worker that takes its time, and that some photos kill."""
    return SlowAndDeadly(job, gather)


class Here:
    """An engine of this process."""

    def __init__(self, job, workers=1, *, make=quick):
        self.worker, self.waiting = make(job), []

    @property
    def busy(self):
        return len(self.waiting)

    @property
    def has_room(self):
        return len(self.waiting) < 3

    def submit(self, item):
        self.waiting.append(item)

    def rows(self, timeout_s):
        while self.waiting:
            yield self.worker(self.waiting.pop(0))

    def close(self):
        self.waiting = []


class Greedy(Worker):
    """Takes more memory on some photos than its process may have."""

    def measure(self, opened):
        """Measure a photo, or take all memory."""
        if "greedy" not in opened.item.id:
            return super().measure(opened)
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + (256 << 20), before[1]))
        self._gather = lambda photo, request: np.ones(2 << 30, np.uint8)
        try:
            return super().measure(opened)
        finally:
            self._gather = gather
            resource.setrlimit(resource.RLIMIT_AS, before)


def greedy(job):
    """A worker that some photos take all memory of."""
    return Greedy(job, gather)
