"""What Ray Data does with a photo that kills its actor: map_batches in a pool of two, 20 items and one that kills.

python benchmarks/study_ray_data.py [--seconds 120]

Each setting runs in a process of its own, and is stopped after so many seconds.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTINGS: dict[str, dict[str, int]] = {
    "as it is": {},
    "max_task_retries=1": {"max_restarts": 3, "max_task_retries": 1},
    "and max_errored_blocks=-1": {"max_restarts": 3, "max_task_retries": 1, "errored": -1},
}


class Deadly:
    """A worker that one item kills; it notes what it is given."""

    def __init__(self, log: str) -> None:
        """Keep the name of the file for notes."""
        self.log = log

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Work on one item."""
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(f"{batch['item'][0]}\n")
        if batch["item"][0] == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return batch


def work(log: str, options: dict[str, int]) -> None:
    """Run all items through a pool, and print what came out."""
    os.environ |= {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    import ray
    import ray.data

    ray.init(num_cpus=2, object_store_memory=80 << 20, log_to_driver=False, include_dashboard=False)
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = options.pop("errored", 0)
    names = [*(f"{k:02d}" for k in range(10)), "deadly", *(f"{k:02d}" for k in range(10, 20))]
    data: Any = ray.data.from_items(names, override_num_blocks=len(names))
    pool = ray.data.ActorPoolStrategy(size=2)
    data = data.map_batches(
        Deadly, batch_size=1, compute=pool, num_cpus=1, fn_constructor_kwargs={"log": log}, **options
    )
    found: list[str] = []
    try:
        for row in data.iter_rows():
            found.append(row["item"])
        print(f"  ended; missing from the output: {sorted(set(names) - set(found))}", flush=True)
    except Exception as error:
        print(f"  raised {type(error).__name__} after {len(found)} items", flush=True)


def main() -> None:
    """Print what becomes of the items under each setting."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120.0)
    given = parser.parse_args()
    for name in SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            print(name, flush=True)
            process = subprocess.Popen(
                [sys.executable, __file__, "--work", str(log), name], stderr=subprocess.DEVNULL, start_new_session=True
            )
            try:
                process.wait(given.seconds)
            except subprocess.TimeoutExpired:
                print(f"  has not ended after {given.seconds:.0f} s", flush=True)
                process.send_signal(signal.SIGTERM)
                process.wait()
            tried = log.read_text(encoding="utf-8").split().count("deadly") if log.is_file() else 0
            print(f"  the deadly item was tried {tried} times", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], dict(SETTINGS[sys.argv[3]]))
    else:
        main()
