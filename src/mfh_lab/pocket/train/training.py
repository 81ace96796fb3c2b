"""The training loop of the pocket networks: processes of one thread, averaged gradients, averaged weights, resumable.

A network is trained by a :class:`Task`: how to make it, a batch, and its loss. What is learned is a function of the
schedule, the data and the number of workers; W workers of batch B are one batch W·B.
"""

import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessException, spawn

from mfh.errors import BackendError, InputError
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.reading import check_file, reading
from mfh_lab.pocket.train.network import Encoder

HALF = ".half"
"""Suffix of weights that are stored in half precision in ONNX files."""
_WEIGHTS = "a .safetensors file of 'mfh pocket train', or an .onnx file of 'python -m mfh_lab.pocket.train.export'"
_STATE = "the state of an unfinished run of 'mfh pocket train'; move it away to begin anew"
_SAVE_EVERY = 100
_CLIP = 1.0


@dataclass(frozen=True)
class Schedule:
    """Optimisation: steps, learning rates and how they end.

    Attributes:
        steps: of the optimiser.
        batch: pictures a step and worker.
        encoder_rate: learning rate of the encoder.
        decoder_rate: that of the rest.
        cosine: whether they fall to zero.
        seed: of the order of pictures and their augmentation.
        keep: weight of the past in the running average of the weights, once there is a past.
    """

    steps: int
    batch: int = 8
    encoder_rate: float = 3e-4
    decoder_rate: float = 1.5e-3
    cosine: bool = True
    seed: int = 0
    keep: float = 0.998

    def factor(self, step: int) -> float:
        """Return the learning-rate factor at a step: short warm-up, then constant or cosine."""
        warm = min(1.0, (step + 1) / 100)
        return warm * (0.5 * (1 + math.cos(math.pi * step / self.steps)) + 0.005 if self.cosine else 1.0)


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        schedule: how.
        out: safetensors file of the averaged weights; ``out`` + ".state" holds what is needed to resume.
        start: weights to start from instead of ImageNet's; ignored where the run is resumed.
        workers: processes.
    """

    schedule: Schedule
    out: Path
    start: Path | None = None
    workers: int = 1

    @property
    def state_path(self) -> Path:
        """File with weights, optimiser and step of an unfinished run."""
        return self.out.with_suffix(".state")


class Task(Protocol):
    """What is trained."""

    def network(self, start: Path | None) -> nn.Module:
        """Return the network to train; its ``encoder`` learns at the encoder's rate."""
        ...

    def batch(self, schedule: Schedule, step: int, rank: int) -> tuple[Tensor, ...]:
        """Return a batch, a function of seed, step and rank alone."""
        ...

    def loss(self, network: Any, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the scalar to minimise; puts batch-norm layers into the right mode too."""
        ...


def run_training(make_task: Callable[[], Task], run: Run) -> None:
    """Train, with ``run.workers`` processes; ``make_task`` must be picklable and is called in each of them.

    A finished run is left alone; an unfinished one resumes.

    Raises:
        InputError: for data, weights or a state that cannot be used.
        BackendError: where the loss is no longer finite, or a process ends; the last weights saved are kept.
    """
    make_folder(run.out.parent)
    if run.workers == 1:
        _work(0, make_task, run, "")
        return
    try:
        spawn(_work, (make_task, run, _meeting_point()), nprocs=run.workers)
    except ProcessException as error:
        # The last line that the process printed is its error.
        reason = str(error).strip().splitlines()[-1]
        raise BackendError(f"one of {run.workers} training processes ended: {reason}; run again to resume") from error


def _meeting_point() -> str:
    """Return an address that is free on this machine: two runs at once must not meet each other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read weights from a safetensors file, or from an ONNX file of ``mfh_lab.pocket.train.export``.

    Raises:
        InputError: for a file of something else.
    """
    check_file(path, what="weights", expected=_WEIGHTS)
    with reading(path, what="weights", expected=_WEIGHTS):
        if path.suffix != ".onnx":
            return load_file(path)
        import onnx

        # Tensors in files of their own are not read.
        model = onnx.load(path, load_external_data=False)
        weights = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
        return {name.removesuffix(HALF): torch.tensor(value.astype("float32")) for name, value in weights.items()}


def load_start(network: nn.Module, start: Path) -> None:
    """Load weights from a file of :func:`read_weights`; layers of another shape or name keep what they have."""
    ours = network.state_dict()
    theirs = {k: v for k, v in read_weights(start).items() if k in ours and ours[k].shape == v.shape}
    if not theirs:
        raise InputError(f"{start} holds no weights of this network: expected {_WEIGHTS}")
    network.load_state_dict({**ours, **theirs})


def started(network: nn.Module, encoder: Encoder, start: Path | None) -> None:
    """Give a network its first weights: ImageNet's for the encoder, then what ``start`` has; freeze the early blocks.

    Args:
        network: to be trained.
        encoder: its encoder.
        start: weights to start from, if any.
    """
    encoder.load_imagenet()
    if start is not None:
        load_start(network, start)
    encoder.freeze_early()


def _work(rank: int, make_task: Callable[[], Task], run: Run, meeting_point: str) -> None:
    torch.set_num_threads(1)
    if run.workers > 1:
        dist.init_process_group("gloo", init_method=meeting_point, rank=rank, world_size=run.workers)
    schedule = run.schedule
    torch.manual_seed(schedule.seed)
    task = make_task()
    network = task.network(run.start)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (missing from the stubs)
    optimizer = _optimizer(network, schedule)
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    first = _resume(run.state_path, network, optimizer, average)
    if rank == 0 and first == 0:
        # Weights beside a state are this run's; others are never replaced.
        _save_state(run, network, optimizer, average, 0)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    rates = [schedule.encoder_rate, schedule.decoder_rate]
    began, smooth = time.time(), 0.0
    for step, batch in enumerate(_batches(task, schedule, first, rank), first):
        network.train()
        loss = task.loss(network, batch)
        if not torch.isfinite(loss):
            raise BackendError(
                f"the loss is {loss.item()} at step {step}: the last saved weights are {run.out}; look for numbers "
                "that are not finite in the data, or start from other weights"
            )
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        if run.workers > 1:
            _average_gradients(parameters, run.workers)
        torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule.factor(step)
        optimizer.step()
        smooth = loss.item() if step == first else 0.98 * smooth + 0.02 * loss.item()
        _update_average(average, network, min(schedule.keep, (step + 1) / (step + 20)))
        if rank == 0 and ((step + 1) % _SAVE_EVERY == 0 or step + 1 == schedule.steps):
            print(f"step {step + 1} loss {smooth:.4f} {time.time() - began:.0f} s", flush=True)
            _save(run, network, optimizer, average, step + 1)
    if run.workers > 1:
        dist.destroy_process_group()


def _optimizer(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    encoder = [p for name, p in named if name.startswith("encoder")]
    rest = [p for name, p in named if not name.startswith("encoder")]
    groups = [{"params": encoder, "lr": schedule.encoder_rate}, {"params": rest, "lr": schedule.decoder_rate}]
    return torch.optim.AdamW(groups, weight_decay=1e-3)


def _batches(task: Task, schedule: Schedule, first: int, rank: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield batches from step ``first`` on, made one ahead in a thread."""
    if first >= schedule.steps:
        return
    with ThreadPoolExecutor(1) as thread:
        ahead = thread.submit(task.batch, schedule, first, rank)
        for step in range(first + 1, schedule.steps + 1):
            ready, ahead = ahead.result(), thread.submit(task.batch, schedule, step, rank)
            yield ready


def _average_gradients(parameters: list[nn.Parameter], workers: int) -> None:
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    dist.all_reduce(flat)
    flat /= workers
    start = 0
    for p in parameters:
        if p.grad is not None:
            p.grad.copy_(flat[start : start + p.numel()].view_as(p.grad))
            start += p.numel()


def _update_average(average: dict[str, Tensor], network: nn.Module, keep: float) -> None:
    """Exponential moving average of the weights: what is saved and used."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                average[name].copy_(value)


def _save(
    run: Run, network: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor], step: int
) -> None:
    with atomic_path(run.out) as temporary:
        save_file({k: v.contiguous() for k, v in average.items()}, temporary)
    _save_state(run, network, optimizer, average, step)


def _save_state(
    run: Run, network: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor], step: int
) -> None:
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step}
    with atomic_path(run.state_path) as temporary:
        torch.save(state, temporary)


def _resume(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor]) -> int:
    """Load an unfinished run's state, if there is one; returns the next step."""
    if not os.path.lexists(path):
        return 0
    check_file(path, what="", expected=_STATE)
    with reading(path, what="", expected=_STATE):
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        kept = state["average"]
        if {name: value.shape for name, value in kept.items()} != {name: one.shape for name, one in average.items()}:
            raise ValueError("its weights are of another network")
        average.update(kept)
        return int(state["step"])
