"""The ledger's words for what differs."""

from mfh.evaluation.ledger import differences


def test_differences_are_named_by_their_path():
    old = {"method": {"name": "mfh", "seed": 0, "sizes": [1, 2]}, "code": "abc", "gone": None}
    new = {"method": {"name": "mfh", "seed": 1, "sizes": [1, 3]}, "code": "abc", "extra": True}
    assert differences(old, new) == [
        "method.seed was 0, is 1",
        "method.sizes was [1, 2], is [1, 3]",
        "gone was null, is nothing",
        "extra was nothing, is true",
    ]
    assert differences(old, old) == []
