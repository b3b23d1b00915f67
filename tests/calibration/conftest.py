import copy
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from crossbar.examples import Split, digits_network, load_digits, train_digits

PAPER_WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)


class Trained(NamedTuple):
    """A trained digital network and its data."""

    model: nn.Sequential
    train: Split
    test: Split

    def batches(self, size: int = 128) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return list(self.train.batches(size))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits() -> Trained:
    pytest.importorskip("sklearn")
    train, test = load_digits()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = digits_network()
    train_digits(model, train, epochs=6)
    return Trained(model, train, test)


@pytest.fixture(scope="session")
def programmed(digits: Trained) -> Callable[..., nn.Sequential]:
    """Return a function that programs a copy of the digits network; equal calls give equal chips."""
    made: dict[tuple, nn.Sequential] = {}

    def program(
        device: devices.Device = devices.RRAM, *, seed: int = 0, t: float = 0.0, **fields: object
    ) -> nn.Sequential:
        key = (device, seed, t, tuple(fields.items()))
        if key not in made:
            config = xb.CrossbarConfig(device=device, mapping=xb.MappingConfig(cell_bits=4), **fields)
            analog = xb.convert_to_analog(digits.model, config, overrides={str(len(digits.model) - 1): None})
            xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(seed))
            xb.drift_analog_weights(analog, t)
            made[key] = analog.eval()
        return copy.deepcopy(made[key])

    return program
