"""The same run on a Ray cluster: the same rows and files, though a node or an actor is lost."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from mfh.batch.columns import Photos
from mfh.batch.manifest import read_inputs, shard_of
from mfh.errors import BackendError
from tests.batch import stub
from tests.batch.stub import picture
from tests.batch.test_run import contents, items, measured, rows_of

pytest.importorskip("pyarrow")
pytest.importorskip("ray")
pytestmark = pytest.mark.slow
__all__ = ["items"]
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def cluster(monkeypatch):
    """Three nodes with a core each, on this machine."""
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    import ray
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    nodes = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    nodes.others = [nodes.add_node(**small) for _ in range(2)]
    ray.init(address=nodes.address, log_to_driver=False, configure_logging=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_node_that_is_lost_costs_no_row(tmp_path, items, cluster):
    from mfh.batch.ray_engine import RayEngine

    for k in range(30):
        picture(tmp_path / "in" / "more" / f"{k:02d}.png", 100 + k)
    for name in ("deadly.png", "once.png"):
        picture(tmp_path / "in" / name)
    items = read_inputs([str(tmp_path / "in")])
    lost, deadline = [], time.monotonic() + 240

    def watch(progress):
        assert time.monotonic() < deadline, "the actors do not come up"
        if progress.measured >= 8 and not lost:
            lost.append(progress.measured)
            cluster.remove_node(cluster.others[0], allow_graceful=False)

    progress = measured(
        tmp_path / "ray", items, start=lambda job: RayEngine(job, 3, make=stub.slow_and_deadly), report=watch
    )
    assert lost and progress.counts == {"ok": 43, "no scale": 1, "failed": 2}
    rows = rows_of(tmp_path / "ray")
    assert len(rows) == 46 and "twice" in rows["deadly.png"]["error"] and rows["once.png"]["status"] == "ok"
    (tmp_path / "ray" / "once.png.tried").unlink()
    healthy = Photos.of(one for one in items if one.id != "deadly.png")
    measured(tmp_path / "local", healthy)
    del rows["deadly.png"]
    assert rows == rows_of(tmp_path / "local")
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    for shard in ("2/2", "1/2"):
        measured(tmp_path / "shards", shard_of(healthy, shard))
    assert rows == rows_of(tmp_path / "shards") and contents(tmp_path / "shards") == contents(tmp_path / "local")


def test_a_full_object_store_and_an_actor_without_memory_cost_no_other_photo(tmp_path, items, cluster):
    import ray

    from mfh.batch.ray_engine import RayEngine

    picture(tmp_path / "in" / "greedy.png")
    items, others = read_inputs([str(tmp_path / "in")]), []

    def fill(progress):
        # Of another user of the cluster: twice what its nodes hold, so that it spills to disk.
        if not others:
            others.extend(ray.put(np.full(40 << 20, k, np.uint8)) for k in range(12))

    progress = measured(tmp_path / "run", items, start=lambda job: RayEngine(job, 2, make=stub.greedy), report=fill)
    assert progress.counts == {"ok": 12, "no scale": 1, "failed": 2}
    rows = rows_of(tmp_path / "run")
    assert "more memory than there is" in rows["greedy.png"]["error"]
    assert [int(ray.get(one)[0]) for one in others] == list(range(12))
    measured(tmp_path / "local", Photos.of(one for one in items if one.id != "greedy.png"))
    del rows["greedy.png"]
    assert rows == rows_of(tmp_path / "local") and contents(tmp_path / "run") == contents(tmp_path / "local")


def test_models_that_are_not_there_end_the_run(tmp_path, items, cluster):
    from mfh.batch.ray_engine import RayEngine

    with pytest.raises(BackendError, match="package of the models"):
        measured(tmp_path / "run", items, start=lambda job: RayEngine(job, 1, make=stub.Unloadable))


def test_where_there_is_no_cluster_that_is_one_line(tmp_path, items):
    from mfh.batch.ray_engine import RayEngine

    with pytest.raises(BackendError, match="no Ray cluster at 127.0.0.1:1") as caught:
        measured(tmp_path / "run", items, start=lambda job: RayEngine(job, 1, address="127.0.0.1:1"))
    assert "\n" not in str(caught.value)
