"""``mfh video --report``: that the page is asked for, and only then."""

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError


@pytest.mark.parametrize("flags", [(), ("--report",)])
def test_the_page_is_made_on_request(run_mfh, fake_pipeline, tmp_path, monkeypatch, flags):
    asked = []

    def measured(pipeline, clip, place, request, *, commands):
        asked.append((request.report, commands))
        raise InputError("enough")

    monkeypatch.setattr("mfh.video.run.measure_clip", measured)
    frames = tmp_path / "walk"
    frames.mkdir()
    for index in range(2):
        Image.fromarray(np.full((64, 96, 3), 90 + index, np.uint8)).save(frames / f"{index}.png")
    run = run_mfh("video", frames, "--out", tmp_path / "out", *flags)
    assert run.code == 2 and "enough" in run.err, run.err
    ((report, commands),) = asked
    assert report == bool(flags)
    # The page says how it was made, and a receipt without one how its depth was.
    assert len(commands) == 1 and "--report" not in commands[0]
