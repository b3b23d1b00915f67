"""One point of the sweep in notebook 7. It is a module of its own, so that other processes can import it."""

from functools import lru_cache

import torch

import crossbar as xb
import devices
from calibration import adapt_batchnorm
from crossbar.examples import accuracy, digits_network, load_digits, train_digits


@lru_cache
def trained():
    """Train the network once per process; every later point finds it here."""
    train, test = load_digits()
    torch.manual_seed(0)
    model = digits_network()
    train_digits(model, train, epochs=8)
    return model, train, test


def point(parameters, *, generator):
    """Return the accuracy of one chip, before and after batch-norm adaptation."""
    model, train, test = trained()
    device = devices.Device(
        g_min=2e-6,
        g_max=parameters["on_off"] * 2e-6,
        read_noise=devices.RelativeReadNoise(ratio=parameters["sigma"], draw="programming"),
    )
    config = xb.CrossbarConfig(device=device, mapping=xb.MappingConfig(rows=64, cols=64))
    analog = xb.convert_to_analog(model, config, overrides={"10": None})
    xb.program_analog_weights(analog, generator=generator)
    before = accuracy(analog, test)
    adapt_batchnorm(analog, train.batches(250))
    return {"before": before, "after": accuracy(analog, test)}
