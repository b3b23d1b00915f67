"""`python -m crossbar sweep`."""

import argparse
import functools
import math
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
import xarray as xr

from crossbar.command_line.study import (
    FieldError,
    Study,
    check_remedies,
    load_study,
    located,
    read_study,
    read_toml,
    study_point,
    study_to_json,
)
from crossbar.examples import accuracy
from crossbar.sweeps import SweepStatus, process_pool, sweep_status

HELP = "a whole study from one TOML file; run the same line again to resume it"
EXAMPLES = """examples:
  python -m crossbar sweep study.toml
  python -m crossbar sweep study.toml --workers 2        processes; each loads model and data once
  python -m crossbar sweep study.toml --check            only look for mistakes in the file
  python -m crossbar sweep study.toml --status           how far it is; also while it runs elsewhere
  python -m crossbar sweep study.toml --resume           go on, and refuse to begin anew
  python -m crossbar sweep study.toml --extend           after chips or values were added: compute only those

A study runs code: package.module:function imports and calls it, in the current folder too. Run no study that you would not
run as a program. Results are written to `output`, which must lie in the folder of the study; --output-anywhere lifts that.

A function given as package.module:function takes no arguments; one for data returns ((images, labels), (images,
labels)), for training and for test.

study.toml:
  output = "runs/wires.zarr"          # a folder; plot it with: python -m crossbar plot runs/wires.zarr
  chips = 5
  seed = 0
  time = 3600.0                       # s since programming; or an axis

  [model]
  name = "digits"                     # digits, resnet20, vgg16, or package.module:function that returns the model
  # folder = "../shared/data"         # trained weights of resnet20 and vgg16
  # checkpoint = "model.safetensors"  # state_dict to load, safetensors or torch
  digital = ["10"]                    # layers that stay digital

  [data]
  name = "digits"                     # digits, cifar10, or package.module:function
  test = 540                          # as many test images at most; also train, batch, folder

  [config]                            # fields of crossbar.CrossbarConfig
  device = "RRAM"                     # see: python -m crossbar devices
  mapping = {weight_bits = 8, cell_bits = 4, rows = 64, cols = 64}
  wires = {row = 5.0, column = 10.0, driver = 1e3, sense = 1e3}
  adc.bits = 8

  [axes]                              # fields by dotted name, time, calibration, or names explained under [named]
  "device.read_noise.ratio" = [0.0, 0.05, 0.1]
  calibration = ["none", "compensate_drift + adapt_batchnorm"]
  technology = ["ideal", "real"]

  [named.technology]
  ideal = {wires = {row = 0.0, column = 0.0, driver = 0.0, sense = 0.0}}
  real = {}

  [calibration]                       # where it is no axis
  after_programming = "none"          # steps, joined by +, before the clock moves to `time`
"""


_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC.toml", help="the study")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 computes here (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="check the file, model and data, compute nothing")
    parser.add_argument("--status", action="store_true", help="say how far the study is, compute nothing")
    parser.add_argument("--resume", action="store_true", help="only go on with results that are there")
    parser.add_argument("--extend", action="store_true", help="let the stored study grow by chips or values of axes")
    parser.add_argument(
        "--output-anywhere", action="store_true", help="write to an `output` outside the folder of the study"
    )


def run(options: argparse.Namespace) -> int:
    """Check the file, compute what its store lacks, and print a table."""
    study = read_study(options.spec)
    _check_output(study, options)
    if options.status:
        sys.stdout.write(status_text(study.output, sweep_status(study.output)))
        return 0
    if study.model["name"] == "digits":
        # The network is so small that threads cost more than they give, ten times more on a busy machine.
        torch.set_num_threads(1)
    specification, sweep = study_to_json(study), study.sweep()
    try:
        loaded = load_study(specification)
        check_remedies(loaded, every_point=options.check)
    except FieldError as error:
        raise located(error, options.spec, read_toml(options.spec)[1]) from error
    if options.check:
        sizes = " x ".join(str(size) for size in sweep.shape)
        sys.stdout.write(f"{options.spec} is in order: {sizes} chips.\n")
        return 0
    Path(study.output).parent.mkdir(parents=True, exist_ok=True)
    point = functools.partial(study_point, study=specification)
    with process_pool(options.workers) if options.workers else nullcontext() as pool:
        results = sweep.run(point, study.output, pool, progress=True, config=study.shared(), extend=options.extend)
    digital = accuracy(loaded.model, loaded.test)
    sys.stdout.write(f"digital accuracy {digital:.1%}, {len(loaded.test.labels)} test images, {study.chips} chips\n\n")
    sys.stdout.write(sweep_table(results))
    sys.stdout.write(f"\nWrote {study.output}.\n")
    return 0


def _check_output(study: Study, options: argparse.Namespace) -> None:
    """Raise unless the study may write where it wants to."""
    home, output = options.spec.resolve().parent, Path(study.output).resolve()
    if not options.output_anywhere and not output.is_relative_to(home):
        error = FieldError(
            "output",
            f"must lie in the folder of the study, {home}, unless --output-anywhere is given. It is {output}: relative "
            "names start at the current folder.",
        )
        raise located(error, options.spec, read_toml(options.spec)[1])
    if (options.resume or options.extend) and not output.exists():
        raise ValueError(f"--resume and --extend need results to go on with. There are none at {study.output}.")


def status_text(store: str, status: SweepStatus) -> str:
    """Return in words how far a study is."""
    lines = [
        f"{store}: {status.done} of {status.points} points, {status.trials} of {status.trials_in_all} chips",
        f"last word of a worker {status.idle:.0f} s ago" if math.isfinite(status.idle) else "not begun",
    ]
    for what, labels in (("being computed, or interrupted", status.begun), ("failed", status.failed)):
        lines += [f"{what}: {label}" for label in labels[:_SHOWN]]
        if len(labels) > _SHOWN:
            lines.append(f"{what}: {len(labels) - _SHOWN} more")
    return "\n".join(lines) + "\n"


def sweep_table(results: xr.Dataset) -> str:
    """Return a line of text for every point: its place on the axes, mean and standard deviation over the chips."""
    array = results.accuracy
    axes = [str(name) for name in array.dims if name != "trial"]
    points = array.stack(point=axes) if axes else array.expand_dims("point")
    mean, spread = 100 * points.mean("trial"), 100 * points.std("trial")
    cells = [[*axes, "accuracy [%]"]]
    for number in range(points.sizes["point"]):
        place = [f"{points[axis].values[number]}" for axis in axes]
        cells.append([*place, f"{float(mean[number]):.1f} ± {float(spread[number]):.1f}"])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines) + "\n"
