"""The table of sensors: which family a model is of, and that no family takes another's."""

import pytest

from mfh.io.sensors import find_sensor, is_phone, is_sensor_width

WIDTHS = [
    ("Canon", "Canon EOS 5D", 35.8),
    ("Canon", "Canon EOS 5D Mark III", 36.0),
    ("Canon", "Canon EOS R6", 35.9),
    ("Canon", "Canon EOS-1D Mark III", 28.1),
    ("Canon", "Canon EOS-1Ds Mark II", 36.0),
    ("Canon", "Canon EOS 7D", 22.3),
    ("Canon", "Canon EOS 1100D", 22.2),
    ("Canon", "Canon EOS DIGITAL REBEL XT", 22.2),
    ("Canon", "Canon EOS Kiss X5", 22.3),
    ("Canon", "Canon EOS M50m2", 22.3),
    ("Canon", "Canon EOS R10", 22.3),
    ("Canon", "Canon PowerShot G1 X", 18.7),
    ("Canon", "Canon PowerShot G7 X Mark II", 13.2),
    ("Canon", "Canon PowerShot G12", 7.44),
    ("Canon", "Canon DIGITAL IXUS 400", 7.18),
    ("Canon", "Canon PowerShot SX260 HS", 6.17),
    ("NIKON CORPORATION", "NIKON D5", 35.9),
    ("NIKON CORPORATION", "NIKON D610", 35.9),
    ("NIKON CORPORATION", "NIKON Z 6", 35.9),
    ("NIKON CORPORATION", "NIKON D50", 23.7),
    ("NIKON CORPORATION", "NIKON D7500", 23.5),
    ("NIKON CORPORATION", "NIKON Z 50", 23.5),
    ("NIKON CORPORATION", "NIKON 1 J1", 13.2),
    ("NIKON", "COOLPIX P900", 6.17),
    ("SONY", "ILCE-7M3", 35.6),
    ("SONY", "DSC-RX1R", 35.8),
    ("SONY", "ILCE-6000", 23.5),
    ("SONY", "NEX-5", 23.4),
    ("SONY", "DSC-RX100M3", 13.2),
    ("SONY", "DSC-HX50V", 6.17),
    ("FUJIFILM", "FinePix X100", 23.6),
    ("FUJIFILM", "X-T2", 23.6),
    ("FUJIFILM", "X-S10", 23.5),
    ("FUJIFILM", "X-S1", 8.8),
    ("FUJIFILM", "GFX 50S", 43.8),
    ("Panasonic", "DC-GH5", 17.3),
    ("Panasonic", "DMC-FZ1000", 13.2),
    ("Panasonic", "DMC-FZ30", 7.18),
    ("Panasonic", "DC-S5", 35.6),
    ("OLYMPUS IMAGING CORP.", "E-M10MarkII", 17.3),
    ("OLYMPUS CORPORATION", "E-20", 8.8),
    ("OM Digital Solutions", "OM-1", 17.3),
    ("PENTAX", "PENTAX K-5 II", 23.7),
    ("RICOH IMAGING COMPANY, LTD.", "PENTAX K-1 Mark II", 35.9),
    ("RICOH IMAGING COMPANY, LTD.", "RICOH GR III", 23.5),
    ("Leica Camera AG", "M8 Digital Camera", 27.0),
    ("Leica Camera AG", "LEICA Q (Typ 116)", 36.0),
    ("Hasselblad", "L1D-20c", 13.2),
    ("SIGMA", "SIGMA DP2", 20.7),
    ("SAMSUNG", "NX300", 23.5),
    ("DJI", "FC6310", 13.2),
]


@pytest.mark.parametrize(("make", "model", "width_mm"), WIDTHS)
def test_cameras_have_the_widths_their_makers_state(make, model, width_mm):
    sensor = find_sensor(make, model)
    assert sensor is not None and sensor.width_mm == pytest.approx(width_mm, rel=0.02)
    assert sensor.camera == model and 1.3 < sensor.aspect < 1.54
    assert not is_phone(make, model)


@pytest.mark.parametrize(
    ("model", "focal_mm", "equivalent_mm"),
    [("iPhone 8", 3.99, 28), ("iPhone 11 Pro", 6.0, 52), ("iPhone 13", 1.54, 13), ("SM-G973F", 4.32, 26)],
)
def test_a_phones_lens_is_told_by_its_focal_length(model, focal_mm, equivalent_mm):
    sensor = find_sensor("Maker", model, focal_mm)
    assert sensor is not None and focal_mm * sensor.crop_factor == pytest.approx(equivalent_mm)
    assert find_sensor("Maker", model, 2.0 * focal_mm) is None and find_sensor("Maker", model) is None
    assert is_phone(None, model)


@pytest.mark.parametrize(
    ("make", "model"),
    [(None, None), ("", ""), ("Canon", None), ("Canon", "Canon EOS R99"), ("Maker", "E-1"), ("Sony", "G8441")],
)
def test_what_is_not_known_is_not_guessed(make, model):
    assert find_sensor(make, model, 50.0) is None


def test_models_that_lost_their_maker_are_known_where_the_name_is_enough():
    bare = find_sensor(None, "ILCE-6000")
    assert bare is not None and bare.width_mm == 23.5
    assert find_sensor(None, "E-1") is None


@pytest.mark.parametrize(
    ("width_mm", "is_one"), [(36.0, True), (22.3, True), (6.2, True), (46.6, False), (14.9, False)]
)
def test_between_the_formats_there_are_no_sensors(width_mm, is_one):
    assert is_sensor_width(width_mm) is is_one
