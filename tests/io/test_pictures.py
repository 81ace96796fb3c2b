"""The door for pictures, where decoders do not keep to it themselves."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from mfh.errors import InputError
from mfh.io.pictures import open_picture


def decode(source):
    with open_picture(source, formats=["TIFF", "JPEG"], what="the picture", expected="a tiff or jpeg") as image:
        return np.asarray(image)


@pytest.fixture
def damaged(tmp_path):
    """A deflated tiff with some of its pixels destroyed."""
    path = tmp_path / "p.tif"
    Image.fromarray(np.random.default_rng(0).random((40, 50), np.float32)).save(path, compression="tiff_adobe_deflate")
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(100) + whole[140:])
    return path


def test_a_damaged_tiff_is_one_line_and_the_decoder_s_remarks_are_not_shown(damaged, capfd):
    with pytest.raises(InputError, match="p.tif is damaged"):
        decode(damaged)
    assert capfd.readouterr() == ("", "")
    os.write(2, b"afterwards")
    print("as ever", file=sys.stderr)
    assert capfd.readouterr().err == "afterwardsas ever\n"


def test_a_tiff_is_read_where_there_is_no_standard_error(tmp_path):
    values = np.random.default_rng(0).random((40, 50), np.float32)
    Image.fromarray(values).save(tmp_path / "p.tif", compression="tiff_lzw")
    kept = os.dup(2)
    os.close(2)
    try:
        read = decode(tmp_path / "p.tif")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    np.testing.assert_array_equal(read, values)


def test_bytes_are_called_what_they_are():
    with pytest.raises(InputError, match=r"^the picture is not a picture this can read"):
        decode(b"no picture at all")
