"""Arguments of `python -m crossbar`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crossbar.command_line.demo import DEVICES, DemoConfig, run_demo
from crossbar.command_line.demo_figure import save_demo_figure
from crossbar.command_line.demo_table import demo_table

_EPILOG = """examples:
  python -m crossbar demo                                       digits, RRAM, 5 chips, about a minute
  python -m crossbar demo --device FeFET --chips 10 --output fefet
  python -m crossbar demo --model resnet20 --data ../shared/data   trained ResNet-20 on CIFAR-10
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed on what it was given, 2 not understood."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ImportError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crossbar", description="Neural networks on emulated ReRAM crossbars."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="a network's accuracy over read noise, wires and time, before and after batch-norm adaptation",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument("--device", choices=sorted(DEVICES), default="RRAM", help="device preset (default: %(default)s)")
    demo.add_argument("--chips", type=int, default=5, help="chips programmed at every point (default: %(default)s)")
    demo.add_argument("--model", choices=("digits", "resnet20"), default="digits", help="default: %(default)s")
    demo.add_argument("--data", type=Path, help="folder with cifar10.npz and the trained weights, for resnet20")
    demo.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for results (%(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="seed of training and chips (default: %(default)s)")
    demo.set_defaults(run=_demo)
    return parser


def _demo(options: argparse.Namespace) -> int:
    config = DemoConfig(
        device=options.device, chips=options.chips, model=options.model, data=options.data, seed=options.seed
    )
    options.output.mkdir(parents=True, exist_ok=True)
    results = run_demo(config, progress=True)
    results.to_netcdf(options.output / "results.nc", engine="netcdf4")
    save_demo_figure(results, options.output / "accuracy.png")
    sys.stdout.write(demo_table(results))
    sys.stdout.write(f"\nWrote {options.output / 'results.nc'} and {options.output / 'accuracy.png'}.\n")
    return 0
