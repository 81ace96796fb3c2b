import pytest

from mfh_lab.pocket.world.bodies import BodyBank, load_bank, sample_bank_path


@pytest.fixture(scope="session")
def bank() -> BodyBank:
    """The ten test bodies that ship with the package."""
    return load_bank(sample_bank_path())
