"""Two real measurement files are read back exactly."""

from pathlib import Path

import pytest

from identities.models import Identity
from tests.analysis.conftest import Get
from tests.analysis.queries.factories import make_series

DATA = Path(__file__).parent.parent.parent / "data"


@pytest.mark.parametrize("file", ["hr_measurement_2019_06_11", "ibi_measurement_2019_06_11"])
def test_every_sample_of_a_real_file_is_read_back(get: Get, ward: Identity, file: str) -> None:
    lines = [line.split(",") for line in (DATA / file).read_text().split()]
    samples = {int(time): float(value) for time, value in lines}
    make_series(ward, "recording", samples, blocks_per_hour=2)
    text = b"".join(get("series/Ward3-07/recording/samples")).decode()
    found = [line.split(",") for line in text.splitlines()[1:]]
    assert {int(time): float(value) for time, value in found} == samples
    assert [int(time) for time, _ in found] == sorted(samples)
