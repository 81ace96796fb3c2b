"""Peak memory of this process, as the system counts it, and of torch on a GPU."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class PeakMemory:
    """The most memory at any moment since the process began.

    Attributes:
        ram_bytes: resident memory; None where the system does not say.
        gpu_bytes: that torch had allocated on its GPU; None where it uses none.
    """

    ram_bytes: int | None = None
    gpu_bytes: int | None = None


def peak_memory() -> PeakMemory:
    """Return the peak memory of this process so far."""
    return PeakMemory(_ram_bytes(), _gpu_bytes())


def _ram_bytes() -> int | None:
    # What getrusage counts begins with the memory of the process that started this one.
    if _STATUS.is_file():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _gpu_bytes() -> int | None:
    # A method that has not imported torch does not use it.
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return max(int(torch.cuda.max_memory_allocated(number)) for number in range(torch.cuda.device_count()))
