"""The clock of the benchmark of stages: own time and that of networks, apart."""

import importlib
import importlib.util
import threading
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


class Hands:
    """Two clocks that stand still until somebody works or waits."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def perf_counter(self) -> float:
        return self.wall

    def thread_time(self) -> float:
        return self.processor

    def work(self, seconds: float) -> None:
        self.wall, self.processor = self.wall + seconds, self.processor + seconds

    def wait(self, seconds: float) -> None:
        self.wall += seconds


@pytest.fixture
def hands(module, monkeypatch: pytest.MonkeyPatch) -> Hands:
    one = Hands()
    monkeypatch.setattr(module, "time", one)
    return one


def test_networks_count_for_the_stage_around_them_and_not_as_its_own_time(module, hands):
    clock = module.StageClock()
    network = clock.wrapped(hands.work, "none", network=True)
    with clock.stage("outer"):
        hands.work(2)
        with clock.stage("inner"):
            hands.work(1)
            network(4)
            hands.work(8)
        network(16)
        hands.work(32)
    assert clock.own == {"outer": 34, "inner": 9}
    assert clock.networks == {"inner": 4, "outer": 16}
    assert clock.networks_wall == 20


def test_waiting_is_no_time_of_a_stage_and_counts_as_wall_time_of_a_network(module, hands):
    clock = module.StageClock()
    with clock.stage("outer"):
        hands.wait(3)
        clock.wrapped(hands.wait, "none", network=True)(5)
    assert clock.own == {"outer": 0} and clock.networks == {"outer": 0}
    assert clock.networks_wall == 5


def test_a_stage_of_another_thread_is_not_inside_that_of_the_first(module, hands):
    clock = module.StageClock()
    with clock.stage("outer"):
        other = threading.Thread(target=clock.wrapped(hands.work, "aside"), args=(3,))
        other.start()
        other.join()
    assert clock.own["aside"] == 3


def test_time_is_charged_where_a_stage_fails(module, hands):
    clock = module.StageClock()
    with pytest.raises(ValueError, match="odd"), clock.stage("outer"):
        hands.work(2)
        raise ValueError("odd")
    assert clock.own == {"outer": 2}


def test_every_stage_names_functions_that_are_there(module):
    for target in [target for targets in module.STAGES.values() for target in targets] + list(module.NETWORKS):
        name, _, path = target.partition(":")
        holder = importlib.import_module(name)
        for part in path.split("."):
            holder = getattr(holder, part)
        assert callable(holder), target
