import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfh.models.segmentation.regions import person_of_mask, segment_each


def _bright(photo: np.ndarray) -> list:
    """People are bright columns of a picture; the score is their brightness."""
    people = []
    for level in np.unique(photo[photo[..., 0] > 0.5][:, 0]) if (photo[..., 0] > 0.5).any() else []:
        person = person_of_mask(photo[..., 0] == level, float(level))
        assert person is not None
        people.append(person)
    return people


def _photo() -> np.ndarray:
    photo = np.zeros((80, 200, 3), np.float32)
    photo[10:70, 20:40] = 0.6
    photo[30:60, 100:110] = 0.9
    return photo


def test_the_most_confident_comes_first():
    (people,) = segment_each([_photo()], None, _bright)
    assert [person.score for person in people] == pytest.approx([0.9, 0.6])
    assert people[0].box_xyxy.tolist() == [100, 30, 109, 59]


def test_a_region_holds_those_who_stand_in_it():
    photo = _photo()
    left, empty = np.zeros((80, 200), bool), np.zeros((80, 200), bool)
    left[:, 15:50] = True
    alone, nobody, both = segment_each([photo] * 3, [left, empty, None], _bright)
    assert nobody == [] and len(both) == 2
    (person,) = alone
    assert person.box_xyxy.tolist() == [20, 10, 39, 69]
    np.testing.assert_array_equal(person.instance_mask, photo[..., 0] == np.float32(0.6))


def test_only_the_surroundings_of_a_region_are_looked_at():
    seen = []
    region = np.zeros((500, 800), bool)
    region[200:300, 400:440] = True
    segment_each([np.zeros((500, 800, 3), np.float32)], [region], lambda view: seen.append(view.shape) or [])
    # Thirty pixels around 100 rows and 40 columns.
    assert seen == [(160, 100, 3)]


@pytest.mark.slow
@given(st.integers(0, 79), st.integers(0, 199), st.integers(1, 80), st.integers(1, 200))
def test_nobody_is_found_who_does_not_stand_there(top, left, height, width):
    photo = _photo()
    region = np.zeros((80, 200), bool)
    region[top : top + height, left : left + width] = True
    (people,) = segment_each([photo], [region], _bright)
    expected = {
        0.6: (region & (photo[..., 0] == np.float32(0.6))).sum() >= 600,
        0.9: (region & (photo[..., 0] == np.float32(0.9))).sum() >= 150,
    }
    found = {round(person.score, 1) for person in people}
    # Whoever stands there wholly is found, and nobody who mostly stands elsewhere (parts outside the view count not).
    for score, area in ((0.6, 1200), (0.9, 300)):
        covered = (region & (photo[..., 0] == np.float32(score))).sum()
        if covered == area:
            assert score in found
        if covered == 0:
            assert score not in found
    assert found >= {score for score, there in expected.items() if there}


def test_an_empty_mask_is_nobody():
    assert person_of_mask(np.zeros((4, 5), bool), 0.7) is None
    one = person_of_mask(np.eye(4, dtype=bool), 1.0000001, np.array([0.5, 0.5, 3.5, 3.5]))
    assert one is not None and one.score == 1.0 and one.box_xyxy.tolist() == [0.5, 0.5, 3.5, 3.5]


def test_as_many_regions_as_photos():
    with pytest.raises(ValueError, match="zip"):
        segment_each([_photo()], [None, None], _bright)
