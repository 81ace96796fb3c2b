"""Where the processor time of a photo goes: of each stage, and of the networks in it.

Functions of the package and the runs of onnxruntime and LiteRT are wrapped from outside, by name: the package has
nothing for it. A stage has its own time only, without that of a stage called in it. Time is that of the thread, so
that other work on the machine does not count; with one thread per network, all of a network is in it.
"""

import functools
import importlib
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STAGES: dict[str, tuple[str, ...]] = {
    "decode": ("mfh.io.photo:_decoded", "mfh.types.pictures:to_unit_range"),
    "focal length": ("mfh.io.focal:choose_camera",),
    "relative depth": ("mfh.models.relative_depth.pocket:PocketRelativeDepth.small_disparity_and_features",),
    "edges": ("mfh.models.relative_depth.edges:enlarged_along_edges",),
    "sky": ("mfh.models.sky:without_sky",),
    "objects": ("mfh.models.objects.nanodet:NanoDetObjects.detect", "mfh.landmarks.objects:object_evidence"),
    "scale prior": ("mfh.models.scale_prior:SceneScalePrior.predict",),
    "people": ("mfh.models.human_mesh.blazepose:BlazePose.segment", "mfh.landmarks.in_picture:without_pictured"),
    "people's meshes": ("mfh.models.human_mesh.blazepose:BlazePose.measure", "mfh.landmarks.bodies:judge_people"),
    "painting": ("mfh.pipeline.painting:paint_people",),
    "alignment": ("mfh.landmarks.alignment:align_paintings",),
    "fit": ("mfh.scale.fit:fit_scale",),
    "interval": (
        "mfh.scale.interval:scale_interval",
        "mfh.scale.interval:depth_log_sigma",
        "mfh.scale.reach:reach_m",
    ),
    "depth.npz": ("mfh.io.depth:write_depth_npz",),
    "depth.png": ("mfh.io.depth:write_depth_png",),
    "preview.png": ("mfh.viz.result:preview", "mfh.viz.save:_write_picture"),
    "evidence.npz": ("mfh.io.evidence:save_evidence",),
    "receipt and digests": ("mfh.io.receipt:receipt", "mfh.io.contents:digests_in"),
}
"""Stage -> functions whose time it is."""
REST = "rest"
NETWORKS = ("onnxruntime:InferenceSession.run", "ai_edge_litert.interpreter:Interpreter.invoke")


class StageClock:
    """Processor seconds by stage.

    Attributes:
        own: stage -> seconds outside networks.
        networks: stage -> seconds in networks.
        networks_wall: wall seconds in networks.
    """

    def __init__(self) -> None:
        self._thread, self._charging = threading.local(), threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget what was measured."""
        self.own: dict[str, float] = defaultdict(float)
        self.networks: dict[str, float] = defaultdict(float)
        self.networks_wall = 0.0

    @contextmanager
    def stage(self, name: str, *, network: bool = False) -> Iterator[None]:
        """Charge the time of a block to a stage, or to the networks of the stage that runs.

        Args:
            name: of the stage.
            network: whether the block is a network; the stage around it is then charged, where there is one.
        """
        stack = self._thread.__dict__.setdefault("stack", [])
        entered, begin = time.perf_counter(), time.thread_time()
        if stack:
            outer, since = stack[-1]
            self._charge(self.own, outer, begin - since)
            name = outer if network else name
        stack.append((name, begin))
        try:
            yield
        finally:
            end = time.thread_time()
            _, since = stack.pop()
            self._charge(self.networks if network else self.own, name, end - since)
            if network:
                with self._charging:
                    self.networks_wall += time.perf_counter() - entered
            if stack:
                stack[-1] = stack[-1][0], end

    def _charge(self, account: dict[str, float], name: str, seconds: float) -> None:
        with self._charging:
            account[name] += seconds

    def wrapped(self, function: Callable[..., Any], name: str, *, network: bool = False) -> Callable[..., Any]:
        """Return a function whose calls are charged."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name, network=network):
                return function(*args, **kwargs)

        return call

    def install(self) -> None:
        """Wrap the stages and networks, wherever modules of the package hold them."""
        for name, targets in STAGES.items():
            for target in targets:
                self._wrap(target, name)
        for target in NETWORKS:
            self._wrap(target, REST, network=True)

    def _wrap(self, target: str, name: str, *, network: bool = False) -> None:
        module, _, path = target.partition(":")
        holder: Any = importlib.import_module(module)
        *parents, last = path.split(".")
        for parent in parents:
            holder = getattr(holder, parent)
        function = getattr(holder, last)
        wrapped = self.wrapped(function, name, network=network)
        setattr(holder, last, wrapped)
        for one in [module for name, module in list(sys.modules.items()) if name.startswith("mfh")]:
            for key, value in list(vars(one).items()):
                if value is function:
                    setattr(one, key, wrapped)
