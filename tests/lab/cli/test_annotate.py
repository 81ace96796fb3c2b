"""``mfh annotate`` as a process: a page, a click, a CSV, and an end by Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfh_lab.cli.annotate import encode


def test_a_click_reaches_the_csv_and_ctrl_c_ends_it(photo_path, tmp_path):
    command = [sys.executable, "-m", "mfh.cli.main", "annotate", "--photos", str(photo_path), "--no-browser"]
    source = str(Path(__file__).resolve().parents[3] / "src")
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "new" / "shots.csv")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    ) as process:
        try:
            first, second = process.stdout.readline(), process.stdout.readline()
            assert first == f"1 photos, 0 of them in {tmp_path}/new/shots.csv already\n"
            address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", second)[0]
            with urllib.request.urlopen(f"{address}photo/0", timeout=20) as reply:
                assert reply.read(2) == b"\xff\xd8"
            body = json.dumps({"photo": 0, "angle": "level", "distance": "wide"}).encode()
            urllib.request.urlopen(f"{address}shot", data=body, timeout=20).close()
        finally:
            process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and errors == "" and "1 of 1 photos have a shot type" in rest
    assert (tmp_path / "new" / "shots.csv").read_text() == "photo,angle,distance\nphoto,level,wide\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give either --photos or --dataset"),
        (("--photos", ".", "--dataset", "pocket"), "give either"),
        (("--dataset", "pocket"), "--dataset needs --root"),
        (("--dataset", "nowhere", "--root", "."), "dataset is 'nowhere'"),
        (("--photos", "nowhere"), "no photo or folder nowhere"),
    ],
)
def test_what_cannot_be_annotated_is_one_line(run_mfh, tmp_path, words, message):
    run = run_mfh("annotate", *words, "--out", tmp_path / "shots.csv", "--no-browser")
    assert run.code == 2 and message in run.error_line and not (tmp_path / "shots.csv").exists()


def test_large_photos_are_sent_small(tmp_path):
    import io

    with Image.open(io.BytesIO(encode(np.full((1000, 3200, 3), 0.5, np.float32)))) as image:
        assert image.size == (1600, 500) and np.abs(np.asarray(image).astype(int) - 128).max() < 4
