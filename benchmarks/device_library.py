"""Moments of every effect and preset from 1e6 samples, and times beside aihwkit's models of the same name.

Run as a module from the root, so that `devices` is the package: `python -m benchmarks.device_library [--samples 1000000]`.
"""

import argparse
import dataclasses
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

import devices
from benchmarks.device_moments import all_moments

DAY = 86400.0


def print_moments(samples: int) -> None:
    """Stated value, sampled value, relative difference; one line per moment."""
    print(f"| member | moment | stated | {samples:.0e} samples | difference |\n|---|---|---|---|---|")
    worst = 0.0
    for moment in all_moments():
        sampled = moment.measure(samples)
        difference = abs(sampled / moment.stated - 1)
        worst = max(worst, difference)
        print(f"| {moment.member} | {moment.what} | {moment.stated:.6g} | {sampled:.6g} | {100 * difference:.3f} % |")
    print(f"\nlargest difference {100 * worst:.2f} % of {len(all_moments())} moments")


def milliseconds(*calls: Callable[[], Any], rounds: int = 41) -> list[float]:
    """Median processor time of each call on one thread, interleaved so that a busy machine slows all of them alike."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for spent, call in zip(times, calls, strict=True):
            start = time.process_time()
            call()
            spent.append(1e3 * (time.process_time() - start))
    return [statistics.median(spent) for spent in times]


def print_times(size: int = 512) -> None:
    """Ours : aihwkit for programming an array and for reading it after a day, in float32, on one thread."""
    torch.set_num_threads(1)
    try:
        from aihwkit.inference import PCMLikeNoiseModel, ReRamCMONoiseModel, ReRamWan2022NoiseModel
        from aihwkit.inference.noise.hermes import HermesNoiseModel
    except ImportError:
        print("aihwkit is not installed: no times beside it")
        return
    # Without the 1 % of read noise that our Wan preset has and aihwkit's model has not.
    pairs = (
        (devices.PCM_JOSHI_2020, PCMLikeNoiseModel()),
        (devices.PCM_HERMES_TWO_DEVICES, HermesNoiseModel()),
        (dataclasses.replace(devices.RRAM_WAN_2022, read_noise=None), ReRamWan2022NoiseModel(g_max=40.0)),
        (devices.CMO_HFOX_2_PERCENT, ReRamCMONoiseModel(acceptance_range=2)),
    )
    print(f"\n| {size}x{size} | program [ms], ours : aihwkit | drift and read [ms] | both |\n|---|---|---|---|")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # aihwkit's: numpy functions on tensors
        for device, model in pairs:
            print(_row(device, model, size))


def _row(device: Any, model: Any, size: int) -> str:
    target = torch.linspace(device.g_min, device.g_max, size**2).reshape(size, size)
    micro = target * 1e6
    cells = devices.program_cells(device, target)
    programmed = model.apply_programming_noise_to_conductance(micro)
    carried = model.generate_drift_coefficients(micro)

    def theirs_program() -> None:
        model.apply_programming_noise_to_conductance(micro)
        model.generate_drift_coefficients(micro)

    a, b, c, d = milliseconds(
        lambda: devices.program_cells(device, target),
        theirs_program,
        lambda: devices.read_conductance(device, cells, DAY),
        lambda: model.apply_drift_noise_to_conductance(programmed, carried, DAY),
    )
    columns = [f"{x:.2f} : {y:.2f} = {x / y:.2f}" for x, y in ((a, b), (c, d), (a + c, b + d))]
    return f"| {device.name} | {' | '.join(columns)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    samples = parser.parse_args().samples
    print_moments(samples)
    print_times()


if __name__ == "__main__":
    main()
