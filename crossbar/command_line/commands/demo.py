"""`python -m crossbar demo`."""

import argparse
import sys
from pathlib import Path

import torch

from crossbar.command_line.demo import DEVICES, DemoConfig, run_demo
from crossbar.command_line.demo_figure import demo_figure
from crossbar.command_line.demo_table import demo_table
from crossbar.plots import save_figure
from crossbar.sweeps import export_netcdf

HELP = "a network's accuracy over read noise, wires and time, before and after batch-norm adaptation"
EXAMPLES = """examples:
  python -m crossbar demo                                          digits, RRAM, 5 chips, about a minute
  python -m crossbar demo --quick                                  the same with fewer points and 2 chips
  python -m crossbar demo --device FeFET --chips 10 --output fefet
  python -m crossbar demo --model resnet20 --data ../shared/data   trained ResNet-20 on CIFAR-10
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--device", choices=sorted(DEVICES), default="RRAM", help="device preset (default: %(default)s)"
    )
    parser.add_argument("--chips", type=int, help="chips programmed at every point (default: 5, quick 2)")
    parser.add_argument("--quick", action="store_true", help="the ends of every axis only, in seconds")
    parser.add_argument("--model", choices=("digits", "resnet20"), default="digits", help="default: %(default)s")
    parser.add_argument("--data", type=Path, help="folder with cifar10.npz and the trained weights, for resnet20")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder for results (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of training and chips (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Run the study; write results, figure and table."""
    config = DemoConfig(
        device=options.device,
        chips=(2 if options.quick else 5) if options.chips is None else options.chips,
        quick=options.quick,
        model=options.model,
        data=options.data,
        seed=options.seed,
    )
    if config.model == "digits":
        # The network is so small that threads cost more than they give, ten times more on a busy machine.
        torch.set_num_threads(1)
    results_path, figure_path = options.output / "results.nc", options.output / "accuracy.png"
    options.output.mkdir(parents=True, exist_ok=True)
    results = run_demo(config, progress=True)
    export_netcdf(results, results_path)
    save_figure(demo_figure(results), figure_path)
    sys.stdout.write(demo_table(results))
    sys.stdout.write(f"\nWrote {results_path} and {figure_path}.\n")
    return 0
