"""`python -m crossbar plot`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from crossbar.command_line.demo_figure import demo_figure
from crossbar.command_line.plot_choice import choose
from crossbar.plots import plot_against, plot_heat_map, save_figure
from crossbar.plots.data import is_numeric
from crossbar.sweeps import load_sweep
from devices.validation import FieldValueError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELP = "a picture of stored results: netCDF, or the store of a sweep, finished or not"
EXAMPLES = """examples:                  (on the study of `sweep --help` and on the results of `demo`)
  python -m crossbar plot runs/wires.zarr                           axes chosen by themselves, and told
  python -m crossbar plot runs/wires.zarr --lines calibration --select technology=real --output wires.pdf
  python -m crossbar plot runs/wires.zarr --x technology --select device.read_noise.ratio=0.1
  python -m crossbar plot runs/wires.zarr --x device.read_noise.ratio --y technology --select calibration=none
  python -m crossbar plot demo-output/results.nc                    the figure of the demo
  python -m crossbar plot demo-output/results.nc --x read_noise --y wire_scale --variable accuracy_after --select time=1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="netCDF file, or folder of a sweep")
    parser.add_argument("--variable", help="what to show (default: the first)")
    parser.add_argument("--x", metavar="AXIS", help="axis along x (default: the first with several numbers)")
    parser.add_argument("--lines", metavar="AXIS", help="axis with a line for each value")
    parser.add_argument("--y", metavar="AXIS", help="axis along y: draws a heat map over x and y")
    parser.add_argument("--budget", type=float, metavar="VALUE", help="draws its contour on a heat map")
    parser.add_argument(
        "--select", nargs="+", default=[], metavar="AXIS=VALUE", help="one value of an axis (default: the first)"
    )
    parser.add_argument("--log", action="store_true", help="logarithmic x")
    parser.add_argument("--output", type=Path, help="PNG, SVG or PDF (default: RESULTS.png)")


def run(options: argparse.Namespace) -> int:
    """Draw the results and write the picture."""
    results = read_results(options.results)
    path = options.output or options.results.with_suffix(".png")
    figure, said = _figure(results, options)
    save_figure(figure, path)
    sys.stdout.write(f"{said}\nWrote {path}.\n")
    return 0


def read_results(path: Path) -> xr.Dataset:
    """Return the Dataset of a netCDF file or of a sweep's store.

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    ValueError
        If the file is no netCDF.
    """
    if path.is_dir():
        return load_sweep(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing.")
    try:
        return xr.load_dataset(path, engine="netcdf4")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} must be a netCDF file or the folder of a sweep: {error}") from error


def _figure(results: xr.Dataset, options: argparse.Namespace) -> "tuple[Figure, str]":
    """Return the picture and what it shows in words."""
    free = not (options.x or options.y or options.lines or options.variable or options.select)
    free = free and options.budget is None
    if free and {"accuracy_before", "accuracy_after"} <= results.data_vars.keys():
        return demo_figure(results), "the demo's figure"
    for assignment in options.select:
        results = _selected(results, assignment)
    choice = choose(results, variable=options.variable, x=options.x, lines=options.lines, y=options.y)
    if not bool(choice.results[choice.variable].notnull().any()):
        raise ValueError(f"{options.results} has no finished points to show there.")
    if choice.y is not None:
        if choice.lines or options.log:
            raise ValueError("--y draws a heat map, which has no --lines and no --log.")
        try:
            figure = plot_heat_map(choice.results, choice.x, choice.y, output=choice.variable, budget=options.budget)
        except FieldValueError as error:
            raise ValueError(str(error).replace("`budget`", "--budget")) from error
        return figure, choice.said
    if options.budget is not None:
        raise ValueError("--budget draws a contour on a heat map. Give --y too.")
    x = choice.results[choice.x]
    if options.log and not (is_numeric(x) and float(x.min()) > 0):
        raise ValueError(f"--log needs numbers > 0 along x. {choice.x} has {', '.join(map(str, x.values.tolist()))}.")
    figure = plot_against(choice.results, choice.x, output=choice.variable, lines=choice.lines, log=options.log)
    return figure, choice.said


def _selected(results: xr.Dataset, assignment: str) -> xr.Dataset:
    """Return the results at one value of an axis, the nearest one of numbers that print alike."""
    name, equals, text = assignment.partition("=")
    if not equals or name not in results.dims:
        known = ", ".join(str(n) for n in results.dims)
        raise ValueError(f"--select must be AXIS=VALUE with an axis of {known}. Got {assignment!r}.")
    values = results[name].values.tolist()
    for number, value in enumerate(values):
        if text == str(value) or (is_numeric(results[name]) and _is_number(text) and float(text) == value):
            return results.isel({name: number})
    raise ValueError(f"--select {name} must be one of {', '.join(map(str, values))}. Got {text!r}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
