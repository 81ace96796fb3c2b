"""The metrics of each dataset's fixture under both protocols, from the numbers that went into its files."""

import math

import numpy as np
import pytest

from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.protocols import PROTOCOLS, view
from mfh_lab.evaluation.scoring import score
from tests.lab.evaluation.datasets.layouts import write_diode, write_eth3d, write_ibims1, write_kitti, write_nyu_bts

IBIMS_M = 6554 * 50 / 65535
WRITERS = {
    "nyu": write_nyu_bts,
    "kitti": write_kitti,
    "diode": write_diode,
    "ibims1": write_ibims1,
    "eth3d": write_eth3d,
}
# Pixels that count, the constant answer in metres, and the truths with their shares of those pixels.
EXPECTED = {
    ("nyu", "paper"): (426 * 560 - 100, 2.0, {2.5: 1.0}),
    ("nyu", "authors_code"): (426 * 560 - 100, 2.0, {2.5: 1.0}),
    ("kitti", "paper"): (51 * 1153, 22.0, {20.0: 50 / 51, 10.0: 1 / 51}),
    ("kitti", "authors_code"): (51 * 1129, 22.0, {20.0: 50 / 51, 40.0: 1 / 51}),
    ("diode", "paper"): (668 * 1024, 2.0, {2.0: 1.0}),
    ("diode", "authors_code"): (426 * 560, 2.0, {2.0: 326 / 426, 8.0: 100 / 426}),
    ("ibims1", "paper"): (424 * 560, 4.0, {IBIMS_M: 1.0}),
    ("ibims1", "authors_code"): (424 * 560, 4.0, {IBIMS_M: 1.0}),
    ("eth3d", "paper"): (252 * 751, 4.5, {3.0: 1.0}),
    ("eth3d", "authors_code"): (252 * 756, 4.5, {3.0: 1.0}),
}


@pytest.mark.parametrize("dataset, protocol", EXPECTED)
def test_constant_answer(tmp_path, dataset, protocol):
    pixels, answer, truths = EXPECTED[dataset, protocol]
    WRITERS[dataset](tmp_path)
    opened = open_dataset(dataset, tmp_path)
    for name in opened.names:
        seen = view(opened.load(name), PROTOCOLS[protocol].of(dataset))
        # The answer has the size of what was shown; the truth may be larger.
        depth_m = np.full(seen.photo.rgb.shape[:2], answer, np.float32)
        scores = score(Prediction(depth_m, "disparity"), seen)
        found = scores.metric
        assert scores.pixels == pixels
        ratios = {max(truth / answer, answer / truth): share for truth, share in truths.items()}
        assert found.delta1 == pytest.approx(sum(share for ratio, share in ratios.items() if ratio < 1.25))
        assert found.delta2 == pytest.approx(sum(share for ratio, share in ratios.items() if ratio < 1.25**2))
        assert found.abs_rel == pytest.approx(sum(abs(t - answer) / t * share for t, share in truths.items()))
        assert found.sq_rel == pytest.approx(sum((t - answer) ** 2 / t * share for t, share in truths.items()))
        assert found.rmse == pytest.approx(math.sqrt(sum((t - answer) ** 2 * share for t, share in truths.items())))
        # Two logarithms a and b in shares p and q have the deviation |a - b| sqrt(p q).
        logs, shares = [math.log(t) for t in truths], list(truths.values())
        spread = abs(logs[0] - logs[1]) * math.sqrt(shares[0] * shares[1]) if len(logs) == 2 else 0.0
        assert found.silog == pytest.approx(100 * spread, abs=1e-4)
        assert scores.scale_error == pytest.approx(abs(math.log(answer / max(truths, key=lambda t: truths[t]))))


@pytest.mark.slow
def test_what_the_two_protocols_make_of_one_answer_differs_where_the_datasets_say_so(tmp_path):
    # An answer that is right wherever DIODE's mask says that the truth is good.
    write_diode(tmp_path)
    sample = open_dataset("diode", tmp_path).load("scene_00019/scan_00183/00019_00183_indoors_000_010")
    answers = {}
    for name, protocol in PROTOCOLS.items():
        seen = view(sample, protocol.of("diode"))
        depth_m = np.full(seen.photo.rgb.shape[:2], 2.0, np.float32)
        answers[name] = score(Prediction(depth_m, "disparity"), seen).metric.abs_rel
    assert answers["paper"] == 0
    assert answers["authors_code"] == pytest.approx(0.75 * 100 / 426)
