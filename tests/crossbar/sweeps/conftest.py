import pytest

from crossbar.sweeps import Sweep
from tests.crossbar.sweeps import sweep_points


@pytest.fixture
def sweep():
    axes = {"sigma": {"values": [0, 0.1, 0.2], "units": "S"}, "bits": [4, 6]}
    return Sweep(axes=axes, outputs=sweep_points.OUTPUTS, trials=3, seed=11)
