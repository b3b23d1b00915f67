"""`python -m crossbar map`."""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn

from crossbar.command_line.study import (
    EXAMPLE_INPUTS,
    EXAMPLE_MODELS,
    FieldError,
    config_from_table,
    load_data,
    load_model,
    located,
    merged,
    read_toml,
)
from crossbar.compensation.report import compensation_report
from crossbar.conversion import convert_to_analog
from crossbar.cost import ARCHITECTURES, cost_report, cost_table, count_events
from crossbar.lifecycle import program_analog_weights
from crossbar.mapping_report import mapping_report
from crossbar.sweeps import export_netcdf

HELP = "what a network costs on crossbars, layer by layer, next to named baselines"
EXAMPLES = """examples:
  python -m crossbar map digits
  python -m crossbar map digits --set mapping.rows=64 mapping.cols=64 mapping.cell_bits=1 mapping.squeezed_planes=3
  python -m crossbar map resnet20 --folder ../shared/data --digital fc --output resnet20.nc
  python -m crossbar map digits --set adc.bits=8 inputs.dac_bits=1 --cost ISAAC_2016
  python -m crossbar map digits --set device=RRAM wires.row=5 wires.column=10 compensation.time=0
  python -m crossbar map package.module:function --checkpoint model.safetensors --config study.toml --input 3 32 32
"""
_IMAGES = 20
_COMPENSATED = ("scale", "signal_before", "error_before", "error_after", "at_g_max")
_SHOWN = ("crossbars", "cells", "utilization", "adc_conversions", "input_cycles")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", metavar="MODEL", help="digits, resnet20, vgg16, or package.module:function")
    parser.add_argument("--folder", type=Path, help="folder of the trained weights of resnet20 and vgg16")
    parser.add_argument("--checkpoint", type=Path, help="state_dict to load, safetensors or torch")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="file with a [config] table, as for sweep")
    parser.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="config fields by dotted name")
    parser.add_argument("--digital", nargs="+", default=[], metavar="LAYER", help="layers that stay digital")
    parser.add_argument(
        "--input", nargs="+", type=int, metavar="SIZE", help="shape of one input, to count per inference"
    )
    parser.add_argument(
        "--cost", metavar="NAME", choices=sorted(ARCHITECTURES), help="price a read on this architecture"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.nc", help="netCDF file for the whole report")


def run(options: argparse.Namespace) -> int:
    """Convert the model, print the report, and store it."""
    config = config_from_table(merged(_config_table(options.config), _assignments(options.set)))
    model = load_model(options.model, folder=options.folder, checkpoint=options.checkpoint)
    analog = convert_to_analog(model, config, overrides=dict.fromkeys(options.digital))
    shape = options.input or EXAMPLE_INPUTS.get(options.model)
    report = mapping_report(analog, None if shape is None else torch.zeros(1, *shape))
    sys.stdout.write(mapping_table(report))
    if options.cost is not None:
        cost = _priced(analog, options, shape)
        sys.stdout.write(f"\n{cost_table(cost)}")
        if options.output is not None:
            _store(cost, options.output.with_suffix(".cost.nc"))
    if config.compensation is not None:
        program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
        compensated = compensation_report(analog)
        sys.stdout.write(f"\n{compensation_table(compensated)}")
        report = report.merge(compensated, combine_attrs="drop_conflicts")
    if options.output is not None:
        _store(report, options.output)
    return 0


def _store(report: xr.Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    export_netcdf(report, path)
    sys.stdout.write(f"\nWrote {path}.\n")


def _priced(analog: nn.Module, options: argparse.Namespace, shape: Sequence[int] | None) -> xr.Dataset:
    """Program a chip, run it on test images of the example, or on random ones, and price what happens."""
    program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    if options.model in EXAMPLE_MODELS:
        data = "digits" if options.model == "digits" else "cifar10"
        images = load_data(data, folder=options.folder, train=1, test=_IMAGES)[1].first(_IMAGES).images
    elif shape is None:
        raise ValueError("`--cost` needs inputs. Give the shape of one: --input 3 32 32.")
    else:
        images = torch.rand(_IMAGES, *shape, generator=torch.Generator().manual_seed(0))
        sys.stdout.write(f"\nCounted on {_IMAGES} inputs uniform in [0, 1): no data are known for this model.\n")
    return cost_report(count_events(analog, images), ARCHITECTURES[options.cost])


def mapping_table(report: xr.Dataset) -> str:
    """Return the report as text: a line per layer for its own mapping, then the sums of every mapping."""
    width = max(len(name) for name in (*report.layer.values.tolist(), *report.mapping.values.tolist(), "layer"))
    lines = [_line("layer", _SHOWN, width)]
    own = report.sel(mapping="own")
    for layer in report.layer.values.tolist():
        at_layer = own.sel(layer=layer)
        lines.append(_line(layer, [_number(name, float(at_layer[name])) for name in _SHOWN], width))
    lines += ["", _line("all layers", _SHOWN, width)]
    for mapping in report.mapping.values.tolist():
        part = report.sel(mapping=mapping)
        totals = {name: float(part[name].sum()) for name in _SHOWN}
        # Of all cells of all arrays: not the mean of the layers' shares.
        arrays = float((part.cells / part.utilization).sum())
        totals["utilization"] = totals["cells"] / arrays if arrays else 0.0
        lines.append(_line(mapping, [_number(name, totals[name]) for name in _SHOWN], width))
    notes = [f"{name}: {report[name].attrs['long_name']}" for name in _SHOWN]
    return "\n".join([*lines, "", *notes]) + "\n"


def compensation_table(report: xr.Dataset) -> str:
    """Return the report of `crossbar.compensation_report` as text: a line per layer, then what the numbers are."""
    names = report.layer.values.tolist()
    width = max(len(name) for name in (*names, "layer"))
    lines = [_line("layer", _COMPENSATED, width)]
    for name in names:
        at_layer = report.sel(layer=name)
        lines.append(_line(name, [f"{float(at_layer[figure]):.3g}" for figure in _COMPENSATED], width))
    notes = [f"{name}: {report[name].attrs['long_name']}" for name in _COMPENSATED]
    return "\n".join([*lines, "", *notes]) + "\n"


def _line(first: str, rest: "list[str] | tuple[str, ...]", width: int) -> str:
    return f"{first:<{width}}" + "".join(f"{text:>17}" for text in rest)


def _number(name: str, value: float) -> str:
    return f"{value:.1%}" if name == "utilization" else f"{value:,.0f}"


def _config_table(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    tables, text = read_toml(path)
    try:
        table = tables.get("config")
        if not isinstance(table, dict):
            raise ValueError(f"{path}: has no table [config].")
        config_from_table(merged({}, table))
    except FieldError as error:
        raise located(error, path, text) from error
    return table


def _assignments(given: list[str]) -> dict[str, Any]:
    """Return `field=value` pairs as tables; values are written as in TOML, or as bare text."""
    tables: dict[str, Any] = {}
    for assignment in given:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise ValueError(f"`--set` must be FIELD=VALUE, such as mapping.rows=64. Got {assignment!r}.")
        tables = merged(tables, _parsed(name, value))
    return tables


def _parsed(name: str, value: str) -> dict[str, Any]:
    for text in (value, f'"{value}"'):
        try:
            return tomllib.loads(f"{name} = {text}")
        except tomllib.TOMLDecodeError:
            continue
    raise ValueError(f"`--set` must be FIELD=VALUE, such as mapping.rows=64. Got {name}={value}.")
