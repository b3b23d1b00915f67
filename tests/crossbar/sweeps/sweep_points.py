"""Point functions that worker processes can import."""

import functools
import os
import signal
import time
from pathlib import Path

import torch

OUTPUTS = {"accuracy": {"units": "1"}, "energy": {"units": "J", "long_name": "energy per inference"}}


def noisy(parameters, *, generator):
    """Both streams a trial may use, and every parameter, show in the result."""
    level = float(parameters["sigma"])
    read = torch.randn(3)
    cells = torch.randn(3, generator=generator)
    return {"accuracy": float((1 + level * (read + cells)).mean()), "energy": parameters["bits"] + level * cells[0]}


def slow(parameters, *, generator, folder, seconds=0.02):
    """Leave a line per trial in a log, then take a while."""
    with (Path(folder) / "log").open("a") as log:
        log.write(f"{parameters['sigma']} {parameters['bits']} {os.getpid()}\n")
    time.sleep(seconds)
    return noisy(parameters, generator=generator)


def sometimes_fails(parameters, *, generator):
    if parameters["sigma"] == 0.2:
        raise ArithmeticError(f"no luck at {parameters['bits']}")
    return noisy(parameters, generator=generator)


def dies_once(parameters, *, generator, folder):
    if parameters["sigma"] == 0.5 and not (Path(folder) / "died").exists():
        (Path(folder) / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return slow(parameters, generator=generator, folder=folder)


def kills_its_worker(parameters, *, generator, folder):
    """Poison the first point, as running out of memory would, until a file says otherwise."""
    if parameters["sigma"] == 0.0 and parameters["bits"] == 4 and not (Path(folder) / "healed").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return noisy(parameters, generator=generator)


@functools.lru_cache(maxsize=1)
def load_model(folder):
    with (Path(folder) / "loads").open("a") as log:
        log.write(f"{os.getpid()}\n")
    # What a load draws would shift the stream of the one trial of each worker that loads.
    with torch.random.fork_rng(devices=[]):
        return torch.nn.Linear(2, 2)


def uses_model(parameters, *, generator, folder):
    load_model(folder)
    time.sleep(0.05)
    return noisy(parameters, generator=generator)


def reports_threads(parameters, *, generator):
    return {"accuracy": torch.get_num_threads(), "energy": 0.0}


def note_setup(folder):
    with (Path(folder) / "setups").open("a") as log:
        log.write(f"{os.getpid()}\n")
