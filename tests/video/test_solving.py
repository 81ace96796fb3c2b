"""One scale from all frames; people are painted once."""

from dataclasses import replace

import numpy as np

from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import Evidence
from tests.video.test_run import ALL, run, walking
from tests.video.world import Truth


def test_later_rounds_paint_nobody_and_keep_what_was_painted(tmp_path, monkeypatch):
    asked, complete = [], MetricFromHuman.complete

    def painted(self, observed, request, watch=None):
        asked.append(observed)
        gathered = complete(self, observed, request, watch)
        # As if the people were painted: the same pairs once more, in the space of this round.
        (one,) = gathered.evidence
        return replace(gathered, evidence=(one, Evidence(one.relative, one.depth_m, one.person, one.landmarks)))

    monkeypatch.setattr(MetricFromHuman, "complete", painted)
    measured = run(tmp_path, Truth(list(walking())), ALL)
    assert len(asked) == 1, "however many rounds there are"
    first, second = (np.array([one.relative.min(), one.relative.max()]) for one in measured.solved.gathered.evidence)
    # Both in the space of the last round, which differs from that of the first.
    np.testing.assert_allclose(second, first, rtol=0.05)
    begun = asked[0].evidence[0].relative
    assert not np.allclose(second, [begun.min(), begun.max()], rtol=0.05)
