"""`python -m crossbar sweep`."""

import argparse
import functools
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
import xarray as xr

from crossbar.command_line.study import FieldError, load_study, located, read_study, study_point, study_to_json
from crossbar.examples import accuracy
from crossbar.sweeps import process_pool

HELP = "a whole study from one TOML file; run the same line again to resume it"
EXAMPLES = """examples:
  python -m crossbar sweep study.toml
  python -m crossbar sweep study.toml --workers 2        processes; each loads model and data once
  python -m crossbar sweep study.toml --check            only look for mistakes in the file

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC.toml", help="the study")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 computes here (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="check the file, model and data, compute nothing")


def run(options: argparse.Namespace) -> int:
    """Check the file, compute what its store lacks, and print a table."""
    study = read_study(options.spec)
    if study.model["name"] == "digits":
        # The network is so small that threads cost more than they give, ten times more on a busy machine.
        torch.set_num_threads(1)
    specification, sweep = study_to_json(study), study.sweep()
    try:
        loaded = load_study(specification)
    except FieldError as error:
        raise located(error, options.spec, options.spec.read_text(encoding="utf-8")) from error
    if options.check:
        sizes = " x ".join(str(size) for size in sweep.shape)
        sys.stdout.write(f"{options.spec} is in order: {sizes} chips.\n")
        return 0
    Path(study.output).parent.mkdir(parents=True, exist_ok=True)
    point = functools.partial(study_point, study=specification)
    with process_pool(options.workers) if options.workers else nullcontext() as pool:
        results = sweep.run(point, study.output, pool, progress=True, config=study.shared())
    digital = accuracy(loaded.model, loaded.test)
    sys.stdout.write(f"digital accuracy {digital:.1%}, {len(loaded.test.labels)} test images, {study.chips} chips\n\n")
    sys.stdout.write(sweep_table(results))
    sys.stdout.write(f"\nWrote {study.output}.\n")
    return 0


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
