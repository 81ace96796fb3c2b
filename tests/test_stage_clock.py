"""The clock of the benchmark of stages: own time and that of networks, apart."""

import importlib.util
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stage_clock", REPOSITORY / "benchmarks" / "stage_clock.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def work(seconds: float) -> float:
    """Keep this thread's processor busy for so long, and return how long it was."""
    begin = time.thread_time()
    while time.thread_time() - begin < seconds:
        pass
    return time.thread_time() - begin


def test_networks_count_for_the_stage_around_them_and_not_as_its_own_time(module):
    clock = module.StageClock()
    network = clock.wrapped(work, "none", network=True)
    with clock.stage("outer"):
        work(0.02)
        with clock.stage("inner"):
            work(0.01)
            inner = network(0.03)
        outer = network(0.02)
    assert set(clock.own) == {"outer", "inner"}
    assert clock.networks["inner"] == pytest.approx(inner, abs=2e-3)
    assert clock.networks["outer"] == pytest.approx(outer, abs=2e-3)
    assert clock.own["inner"] == pytest.approx(0.01, abs=2e-3)
    assert clock.own["outer"] == pytest.approx(0.02, abs=2e-3)
    assert clock.networks_wall >= inner + outer


def test_time_is_that_of_the_thread_and_waiting_is_none(module):
    clock = module.StageClock()
    with clock.stage("waiting"):
        with clock.stage("aside"):
            pass
        other = threading.Thread(target=clock.wrapped(work, "aside"), args=(0.03,))
        other.start()
        other.join()
        time.sleep(0.05)
    assert clock.own["aside"] == pytest.approx(0.03, abs=5e-3)
    assert clock.own["waiting"] < 0.02


def test_every_stage_names_functions_that_are_there(module):
    for target in [target for targets in module.STAGES.values() for target in targets] + list(module.NETWORKS):
        name, _, path = target.partition(":")
        holder = importlib.import_module(name)
        for part in path.split("."):
            holder = getattr(holder, part)
        assert callable(holder), target
