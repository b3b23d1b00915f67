"""Batch-norm adaptation and fine-tuning of VGG16 on CIFAR-10, beside the numbers of arXiv 2305.18416.

    python -m benchmarks.batchnorm --data FOLDER                 # run what is missing, then print the table
    python -m benchmarks.batchnorm --data FOLDER --table         # print what there is

Every result is one line of a JSON-lines file, written when it is known: an interrupted study goes on where it stopped.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

import crossbar as xb
import devices
from benchmarks.result_lines import ResultLines
from calibration import adapt_batchnorm, finetune_batchnorm, weight_pc2
from crossbar.examples import Split, accuracy, load_cifar10, load_vgg16

TEST_IMAGES, TRAIN_IMAGES, BATCH, FEW_BATCHES, MOMENTUM = 1000, 2000, 50, 5, 0.1
STAGES = ("before", "gain", "few", "moving", "exact", "other chip", "tuned")
"""As programmed; gain of each layer divided out; adapted with momentum over few batches, over all, exactly; exact
statistics of another chip; fine-tuned, and then (tuned exact) with exact statistics."""
CONV_5 = "0.14"
WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
NO_WIRES = xb.Wires()
ONE_CELL = xb.MappingConfig(weight_bits=8, cell_bits=7, rows=64, cols=64)
"""One cell per weight and sign: the noise of the paper, which emulates in weight space."""
TWO_SLICES = xb.MappingConfig(weight_bits=9, cell_bits=4, rows=64, cols=64)
"""Two full 4-bit cells per weight and sign: the paper's hardware, each cell with noise of its own."""
REFERENCE = xb.MappingConfig(weight_bits=8, cell_bits=8, rows=64, cols=64, encoding="offset", reference_column=True)
"""One cell per weight, zero in the middle of the window, and a reference column: every cell conducts much."""
PAPER_WIRES = {
    64: {"pc2": 3.07e-3, "before": 74.37, "adapted": 86.31, "tuned": 87.97},
    128: {"pc2": 7.84e-3, "before": 32.9, "adapted": 83.03, "tuned": 87.81},
}
FEFET_DRIFT = 0.1
"""The exponent of the paper's table 1: conductances shrink as t^-0.1, noise that does not shrink grows beside them."""
DRIFT_PAPER = {"adapted": 88.62 - 76.5, "tuned": 88.62 - 5.0}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table: a setting, and what the paper reports for it."""

    device: devices.Device
    mapping: xb.MappingConfig = ONE_CELL
    wires: xb.Wires = NO_WIRES
    time: float = 0.0
    paper: Mapping[str, float]

    @property
    def random(self) -> bool:
        """Whether chips differ."""
        return self.device.read_noise is not None

    def config(self) -> xb.CrossbarConfig:
        device = replace(self.device, levels=None)
        return xb.CrossbarConfig(device=device, mapping=self.mapping, wires=self.wires)


def _noisy(device: devices.Device, ratio: float) -> devices.Device:
    return replace(device, read_noise=devices.RelativeReadNoise(ratio=ratio, draw="programming"))


def _quiet(device: devices.Device) -> devices.Device:
    return replace(device, read_noise=None)


def _sized(mapping: xb.MappingConfig, size: int) -> xb.MappingConfig:
    return replace(mapping, rows=size, cols=size)


ROWS: Mapping[str, Row] = {
    "RRAM read noise": Row(device=devices.RRAM, paper={"pc2": 5.59e-3, "adapted": 80.40, "tuned": 84.07}),
    "FeFET sigma .15": Row(device=_noisy(devices.FeFET, 0.15), paper={"pc2": 6.03e-3, "adapted": 77.89}),
    "PCM-i": Row(device=devices.PCM_I, paper={"pc2": 9.61e-3, "adapted": 79.85, "tuned": 82.0}),
    "PCM-ii": Row(device=devices.PCM_II, paper={"pc2": 3.16e-3, "adapted": 85.44, "tuned": 86.81}),
    "FeFET sigma .05": Row(device=_noisy(devices.FeFET, 0.05), paper={"pc2": 6.90e-4, "adapted": 87.78}),
    "FeFET sigma .10": Row(device=_noisy(devices.FeFET, 0.10), paper={"pc2": 2.71e-3}),
    "RRAM wires 64x64": Row(
        device=_quiet(devices.RRAM),
        wires=WIRES,
        paper=PAPER_WIRES[64],
    ),
    "RRAM wires 64x64 + noise": Row(device=devices.RRAM, wires=WIRES, paper={"before": 62.28, "tuned": 83.22}),
    "RRAM noise, two slices": Row(
        device=devices.RRAM, mapping=TWO_SLICES, paper={"pc2": 5.59e-3, "adapted": 80.40, "tuned": 84.07}
    ),
    "RRAM wires 128x128": Row(
        device=_quiet(devices.RRAM),
        mapping=_sized(ONE_CELL, 128),
        wires=WIRES,
        paper=PAPER_WIRES[128],
    ),
    "RRAM wires 128x128 + noise": Row(
        device=devices.RRAM, mapping=_sized(ONE_CELL, 128), wires=WIRES, paper={"before": 27.86, "tuned": 81.59}
    ),
    "RRAM wires 64x64, two slices": Row(
        device=_quiet(devices.RRAM), mapping=TWO_SLICES, wires=WIRES, paper=PAPER_WIRES[64]
    ),
    **{
        f"RRAM wires {size}x{size}, reference column": Row(
            device=_quiet(devices.RRAM), mapping=_sized(REFERENCE, size), wires=WIRES, paper=paper
        )
        for size, paper in PAPER_WIRES.items()
    },
    **{
        f"FeFET drift {t:.0e} s": Row(device=_quiet(devices.FeFET), time=t, paper=paper)
        for t, paper in ((1e0, {}), (1e2, {}), (1e5, {}), (1e8, {}), (1e10, DRIFT_PAPER))
    },
    **{
        f"FeFET drift {t:.0e} s, noise .05 of t0": Row(
            device=_noisy(devices.FeFET, 0.05 * t**FEFET_DRIFT), time=t, paper=paper
        )
        for t, paper in ((1e5, {}), (1e10, DRIFT_PAPER))
    },
}


def work(chips: int) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield (row, chip, stages) in the order of interest: one whole chip of each row, then the others, tuned last."""
    cheap = STAGES[:-1]
    for stages in (cheap, STAGES):
        yield from ((name, 0, stages) for name in ROWS)
        yield from ((name, chip, stages) for chip in range(1, chips) for name, row in ROWS.items() if row.random)


def measure(
    model: nn.Module, row: str, chip: int, stages: list[str], train: Split, test: Split, out: ResultLines
) -> None:
    """Program one chip and measure the stages, each from the digital network's own batch norms."""
    setting = ROWS[row]
    analog = xb.convert_to_analog(model, setting.config(), overrides={"2": None})
    _program(analog, setting, chip)
    weights = {
        name: (layer.array.placement.to_weight(), layer.array.effective_weight.t())
        for name, layer in xb.named_analog_layers(analog)
    }
    pc2 = {name: weight_pc2(*pair) for name, pair in weights.items()}
    gain = {name: float((ideal * real).sum() / ideal.square().sum()) for name, (ideal, real) in weights.items()}
    figures = {"pc2": pc2[CONV_5], "gain": gain[CONV_5], "mean_pc2": sum(pc2.values()) / len(pc2)}
    norms = {k: v.clone() for k, v in analog.state_dict().items() if k.rsplit(".", 1)[0] in _norm_names(analog)}
    for stage in stages:
        analog.load_state_dict(norms, strict=False)
        for layer in xb.analog_layers(analog):
            layer.array.corrections["output_affine"].scale = None
        start = time.perf_counter()
        if stage == "gain":
            for name, layer in xb.named_analog_layers(analog):
                layer.array.corrections["output_affine"].scale = torch.tensor(1 / gain[name])
        elif stage == "other chip":
            _program(analog, setting, chip + 1000)
            _apply("exact", analog, train)
            _program(analog, setting, chip)
        else:
            _apply(stage, analog, train)
        seconds = time.perf_counter() - start
        out.add(row=row, chip=chip, stage=stage, accuracy=accuracy(analog, test), seconds=seconds, **figures)
        if stage == "tuned":
            _apply("exact", analog, train)
            seconds = time.perf_counter() - start
            out.add(
                row=row, chip=chip, stage="tuned exact", accuracy=accuracy(analog, test), seconds=seconds, **figures
            )


def _program(analog: nn.Module, setting: Row, seed: int) -> None:
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(seed))
    xb.drift_analog_weights(analog, setting.time)


def _apply(stage: str, analog: nn.Module, train: Split) -> None:
    batches = list(train.batches(BATCH))
    if stage == "few":
        adapt_batchnorm(analog, batches[:FEW_BATCHES], momentum=MOMENTUM)
    elif stage == "moving":
        adapt_batchnorm(analog, batches, momentum=MOMENTUM)
    elif stage == "exact":
        adapt_batchnorm(analog, batches)
    elif stage == "tuned":
        # Only the learning runs in half precision: its noise is 1e-3 of a weight, that of the chips 1e-1.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            finetune_batchnorm(analog, batches)


def _norm_names(model: nn.Module) -> set[str]:
    return {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}


def table(results: ResultLines) -> str:
    """Return the table as Markdown, the paper's number in brackets."""
    lines = [
        f"VGG16/CIFAR-10, {TEST_IMAGES} test and {TRAIN_IMAGES} training images, batches of {BATCH}; [paper]",
        "",
        "| row | chips (tuned) | PC2 conv-5 | gain | before | before, gain normalised "
        f"| momentum, {FEW_BATCHES} batches | momentum, all | exact | exact, of another chip | tuned | tuned, exact |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        found = results.find(row=name)
        if not found:
            continue
        counts = [len(results.find(row=name, stage=stage)) for stage in ("before", "tuned")]
        pc2 = sum(line["pc2"] for line in found) / len(found)
        cells = [_cell(results, name, stage) for stage in (*STAGES, "tuned exact")]
        for index, key in ((0, "before"), (3, "adapted"), (6, "tuned")):
            cells[index] += f" [{row.paper[key]:.1f}]" if key in row.paper else ""
        paper_pc2 = f" [{row.paper['pc2']:.2e}]" if "pc2" in row.paper else ""
        front = [name, f"{counts[0]} ({counts[1]})", f"{pc2:.2e}{paper_pc2}", f"{found[0]['gain']:.2f}"]
        lines.append("| " + " | ".join([*front, *cells]) + " |")
    return "\n".join(lines)


def _cell(results: ResultLines, row: str, stage: str) -> str:
    values = torch.tensor([100 * line["accuracy"] for line in results.find(row=row, stage=stage)])
    if not len(values):
        return "-"
    return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else "")


def adaptation_cost(model: nn.Module, train: Split, *, repeats: int = 3) -> str:
    """Return the time of both forms of adaptation over that of a plain forward, the best of a few runs."""
    analog = xb.convert_to_analog(model, ROWS["RRAM read noise"].config(), overrides={"2": None})
    xb.program_analog_weights(analog)
    batches = list(train.first(200).batches(BATCH))

    def plain() -> None:
        with torch.no_grad():
            for images, _ in batches:
                analog(images)

    runs = {
        "plain forward": plain,
        "exact": lambda: adapt_batchnorm(analog, batches),
        "momentum": lambda: adapt_batchnorm(analog, batches, momentum=MOMENTUM),
    }
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    base = best["plain forward"]
    return ", ".join(f"{name} {seconds:.2f} s ({seconds / base:.2f}x)" for name, seconds in best.items())


def _chosen(arguments: argparse.Namespace) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield the work, or the rows and stages asked for."""
    if not arguments.rows:
        yield from work(arguments.chips)
        return
    for name in arguments.rows:
        yield from (
            (name, chip, tuple(arguments.stages)) for chip in range(arguments.chips if ROWS[name].random else 1)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10.npz and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/batchnorm.jsonl"))
    parser.add_argument("--chips", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), help="only these rows (default: all)")
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=STAGES, help="with --rows: only these stages")
    parser.add_argument("--table", action="store_true", help="print the table of what there is")
    parser.add_argument("--cost", action="store_true", help="time adaptation against a plain forward")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = load_vgg16(arguments.data)
    train, test = load_cifar10(arguments.data, train=TRAIN_IMAGES, test=TEST_IMAGES)
    results = ResultLines(arguments.out)
    if arguments.cost:
        print(adaptation_cost(model, train))
        return
    if not arguments.table:
        for row, chip, stages in _chosen(arguments):
            wanted = [stage for stage in stages if stage != "other chip" or (ROWS[row].random and chip == 0)]
            missing = [stage for stage in wanted if not results.find(row=row, chip=chip, stage=stage)]
            if missing:
                measure(model, row, chip, missing, train, test, results)
    print(table(results))


if __name__ == "__main__":
    main()
