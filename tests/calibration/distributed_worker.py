"""One process of a group: calibrates with its share of the batches and saves what came out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

import crossbar as xb
import devices
from calibration import (
    adapt_batchnorm,
    calibrate_adc_ranges,
    calibrate_input_ranges,
    finetune_batchnorm,
    finetune_squeezed,
    fit_output_affine,
    mime,
)


def network() -> nn.Sequential:
    """Return a small network with seeded weights."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).eval()


def calibrate(batches: list, *, wrap: bool) -> dict[str, torch.Tensor]:
    """Run the calibrations that reduce over processes and return the state after each."""
    digital = network()
    config = xb.CrossbarConfig(
        device=devices.RRAM,
        mapping=xb.MappingConfig(cell_bits=4),
        inputs=xb.InputConfig(range="static"),
        adc=xb.ADC(bits=8, range="calibrated"),
    )
    analog = xb.convert_to_analog(digital, config)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    model = DistributedDataParallel(analog) if wrap else analog
    found = {}
    calibrate_input_ranges(model, batches)
    found["input_range"] = torch.cat(
        [layer.array.corrections["static_range"].bounds for layer in xb.analog_layers(analog)]
    )
    # All vectors are kept, so the fit does not depend on a draw; the first layer's inputs not on an earlier fit.
    calibrate_adc_ranges(model, batches, vectors=10_000)
    found["adc"] = xb.analog_layers(analog)[0].array.corrections["adc_steps"].steps.clone()
    fit_output_affine(model, digital, batches)
    found["affine"] = xb.analog_layers(analog)[0].array.corrections["output_affine"].scale.clone()
    adapt_batchnorm(model, batches)
    found["exact"] = torch.cat([analog[1].running_mean, analog[1].running_var])
    adapt_batchnorm(model, batches, momentum=0.1)
    found["moving"] = torch.cat([analog[1].running_mean, analog[1].running_var])
    history = finetune_batchnorm(model, batches, epochs=1)
    found["loss"] = torch.tensor(history.loss.values)
    found["tuned"] = torch.cat([analog[1].weight, analog[1].bias, analog[1].running_mean]).detach()
    return found | trained(analog, batches, wrap=wrap)


def trained(analog: nn.Module, batches: list, *, wrap: bool) -> dict[str, torch.Tensor]:
    """Run the other trainings and return what they learned."""
    thresholds = mime.attach_thresholds(analog, batches[0][0][:2])
    # A head that each process draws for itself; all end with that of the first.
    torch.manual_seed(len(batches) + int(batches[0][0].sum() * 100))
    task, history = mime.train_task(thresholds, batches, head=3, epochs=1, batchnorm="affine")
    found = {"task": torch.cat([task.head.weight.flatten(), *task.thresholds.values()]).detach()}
    found["accuracy"] = torch.tensor(history.accuracy.values)
    mime.calibrate_thresholds(DistributedDataParallel(thresholds) if wrap else thresholds, batches, epochs=1)
    found["thresholds"] = thresholds.get_parameter("2.threshold").detach()
    generator = torch.Generator().manual_seed(1)
    finetune_squeezed(DistributedDataParallel(analog) if wrap else analog, batches, epochs=1, generator=generator)
    found["squeezed"] = torch.cat([tensor.flatten() for tensor in analog.parameters()]).detach()
    return found


class Killed(Exception):
    """The end of a run that is continued."""


def continued(folder: str, batches: list) -> dict[str, torch.Tensor]:
    """Return what a run learns that is killed in its second epoch and continued, and what it learns at once."""

    def killing() -> Iterator[object]:
        """Give batches until the fourth."""
        for number in range(10**6):
            if number == 3:
                raise Killed
            yield batches[number % 2]

    class Once:
        """Two batches an epoch, and a kill in the second one."""

        def __init__(self) -> None:
            self.source = killing()

        def __iter__(self) -> Iterator[object]:
            return (next(self.source) for _ in range(2))

    found = {}
    for name, attempts in (("whole", [batches]), ("continued", [Once(), batches])):
        torch.manual_seed(3)
        analog = xb.convert_to_analog(network(), xb.CrossbarConfig(device=devices.RRAM))
        xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
        for attempt in attempts:
            with suppress(Killed):
                finetune_batchnorm(analog, attempt, epochs=3, checkpoint=f"{folder}/{name}.run", checkpoint_steps=1)
        found[name] = torch.cat([analog[1].weight, analog[1].bias, analog[1].running_mean]).detach()
    return found


def data(*, processes: int, rank: int) -> list:
    """Return this process's batches of the common data."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(96, 6, generator=generator)
    y = torch.randint(3, (96,), generator=generator)
    batches = list(zip(x.split(24), y.split(24), strict=True))
    return batches[rank::processes]


@contextmanager
def joined(folder: object, *, processes: int, rank: int) -> Iterator[None]:
    """Be a member of a process group that meets in `folder`."""
    distributed.init_process_group("gloo", init_method=f"file://{folder}/group", world_size=processes, rank=rank)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def main() -> None:
    """Join the group named on the command line: folder, number of processes, rank."""
    folder, processes, rank = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    with joined(folder, processes=processes, rank=rank):
        batches = data(processes=processes, rank=rank)
        torch.save(calibrate(batches, wrap=True) | continued(folder, batches), f"{folder}/{rank}.pt")


if __name__ == "__main__":
    main()
