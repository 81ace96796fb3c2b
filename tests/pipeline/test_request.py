"""A request holds what it says it holds; another type is one line, from every door."""

import subprocess
import sys
import textwrap

import pytest

SETUP = """
    import numpy as np
    from mfh import KnownDistance, KnownSizes, MetricFromHuman, Region, Request, Segment
    from mfh import metric_from_relative_depth, refit
    pipeline = MetricFromHuman.__new__(MetricFromHuman)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("Request(known=3)", "known is 3: expected KnownSizes("),
        ("Request(known=KnownDistance(1.0, 2.0, 3.0))", "expected KnownSizes("),
        ("Request(region=(1, 1, 5, 5))", "region is (1, 1, 5, 5): expected Region("),
        ("Request(lengths=Segment((1.0, 2.0), (3.0, 4.0)))", "expected a list of Segment("),
        ("Request(lengths=[((1, 2), (3, 4))])", "expected a list of Segment("),
        ("pipeline('photo.jpg', KnownSizes())", "the second argument is a KnownSizes: expected a Request"),
        ("pipeline(np.zeros((40, 40, 3)))", "the photo is a ndarray: expected a path or a Photo (photo_from_array"),
        ("refit('evidence.npz')", "the evidence is a str: expected load_evidence("),
        ("MetricFromHuman.from_preset('pocket', models={'paintr': 3})", "models has 'paintr': expected roles, of"),
        ("metric_from_relative_depth('photo.jpg', np.ones((4, 4)), space='dpeth')", "photo.jpg"),
    ],
)
def test_another_type_is_one_line(code, message):
    """In a process of its own: under these tests, annotations are checked before."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(SETUP) + code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mfh.errors.InputError: ") and message in last
