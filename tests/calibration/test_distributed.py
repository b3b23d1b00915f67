import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed

from tests.calibration.distributed_worker import calibrate, continued, data, joined

WORKER = "tests.calibration.distributed_worker"


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """Return what this process and another found, each with half of the batches."""
    if not (distributed.is_available() and distributed.is_gloo_available()):
        pytest.skip("needs torch.distributed with gloo")
    folder = tmp_path_factory.mktemp("group")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    other = subprocess.Popen([sys.executable, "-m", WORKER, str(folder), "2", "1"], env=environment)
    with joined(folder, processes=2, rank=0):
        batches = data(processes=2, rank=0)
        ours = calibrate(batches, wrap=True) | continued(str(folder), batches)
    assert other.wait(timeout=120) == 0
    return [ours, torch.load(folder / "1.pt", weights_only=True)]


TRAINED = ["loss", "tuned", "task", "accuracy", "thresholds", "squeezed", "whole", "continued"]


@pytest.mark.parametrize("what", ["input_range", "adc", "affine", "exact", "moving", *TRAINED])
def test_processes_agree(group, what):
    assert torch.equal(group[0][what], group[1][what])


@pytest.mark.parametrize("what", ["input_range", "adc", "affine", "exact"])
def test_a_group_finds_what_one_process_finds(group, what):
    alone = calibrate(data(processes=1, rank=0), wrap=False)
    torch.testing.assert_close(group[0][what], alone[what], rtol=5e-3, atol=1e-3 if what == "exact" else 0)


def test_a_killed_group_continues_bit_by_bit(group):
    assert torch.equal(group[0]["whole"], group[0]["continued"])
