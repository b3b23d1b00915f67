"""Fixtures that every test may use."""

from pathlib import Path

import pytest
import torch

DATA = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def _one_thread_per_worker():
    """Let test workers share the cores instead of fighting over them."""
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """Return a seeded source of randomness."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of CIFAR-10 and the trained weights, or skip."""
    if not (DATA / "cifar10.npz").is_file():
        pytest.skip("needs cifar10.npz and the trained weights in ../shared/data")
    return DATA
