"""`python -m crossbar devices`."""

import argparse
import sys
from pathlib import Path

import xarray as xr

from crossbar.plots import save_figure
from devices import find_presets, list_presets, plot_device
from devices.validation import check_choice

HELP = "published devices as a table, or one of them as a picture"
EXAMPLES = """examples:
  python -m crossbar devices
  python -m crossbar devices --plot RRAM                          writes RRAM.png
  python -m crossbar devices --plot PCM_JOSHI_2020 --output pcm.pdf
"""
_MICRO = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--plot", metavar="NAME", help="draw this device: programming error, read noise, drift")
    parser.add_argument("--output", type=Path, help="PNG, SVG or PDF of the picture (default: NAME.png)")


def run(options: argparse.Namespace) -> int:
    """Print the table, or draw one device."""
    if options.plot is None:
        if options.output is not None:
            raise ValueError("`--output` needs `--plot NAME`.")
        sys.stdout.write(device_table(list_presets()))
        return 0
    found = find_presets()
    check_choice("--plot", options.plot, tuple(found))
    path = options.output or Path(f"{options.plot}.png")
    save_figure(plot_device(found[options.plot]), path)
    sys.stdout.write(f"Wrote {path}.\n")
    return 0


def device_table(presets: xr.Dataset) -> str:
    """Return the presets as text: window and deviations at half range [uS], effects and source."""
    lines = [
        f"{'':<24}{'g_min':>8}{'g_max':>8}{'levels':>8}{'programming':>13}{'read':>8}  {'drift':<30}source",
        f"{'':<24}{'[uS]':>8}{'[uS]':>8}{'':>8}{'sigma [uS]':>13}{'[uS]':>8}",
    ]
    for name in presets.preset.values.tolist():
        row = {str(key): value.item() for key, value in presets.sel(preset=name).data_vars.items()}
        micro = {key: row[key] * _MICRO for key in ("g_min", "g_max", "programming_sigma", "read_sigma")}
        window = f"{micro['g_min']:>8.3g}{micro['g_max']:>8.3g}{row['levels'] or 'any':>8}"
        deviations = f"{micro['programming_sigma']:>13.3g}{micro['read_sigma']:>8.3g}"
        lines.append(f"{name:<24}{window}{deviations}  {row['drift'] or 'none':<30}{row['source']}")
    return "\n".join(lines) + "\n"
