"""Transformers: models of Hugging Face on ideal arrays, and what the recipe for arrays wins on a small GPT and a small ViT.

    python -m benchmarks.transformers --data FOLDER              # run what is missing, then print the tables
    python -m benchmarks.transformers --data FOLDER --table      # print what there is
    python -m benchmarks.transformers --data FOLDER --quick      # a few steps of one seed, to see that it runs

The orderings are those of Büchel et al., "Analog foundation models", NeurIPS 2025: from one digital network each, four
adaptations by the same number of distillation steps (plain, noise, clip, both) with learned static input ranges, then
chips with Gaussian weight noise relative to the largest weight of the output, 8-bit inputs and 8-bit ADCs. The noise of a
chip is the programming error of the cells of a differential pair, 1/sqrt(2) of it each, drawn once.

The GPT reads characters: of `--text FILE`, or of Python's language reference, which every Python holds (`pydoc_data`, PSF
licence; nothing is shipped here). The ViT reads CIFAR-10 in patches of 4 pixels.

Every result is one line of a JSON-lines file, written when it is known, and trained networks are kept in `--work`: an
interrupted study goes on where it stopped. All on one thread; `seconds` are CPU seconds.
"""

import argparse
import copy
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import crossbar as xb
import devices
from benchmarks.result_lines import ResultLines
from calibration import (
    calibrate_adc_ranges,
    calibrate_input_ranges,
    distillation_loss,
    learn_input_ranges,
    taught_by,
    train_hardware_aware,
)
from crossbar.examples import CharacterGPT, SmallViT, draw_images, draw_text, load_cifar10, train_transformer

NOISE = 0.03
"""Standard deviation of a weight, of the largest weight of its output; that of training too."""
CLIP = 2.5
RANGE_DEVIATIONS = 6.0
"""Standard deviations at which input ranges begin to learn: few steps do not bring 15 to where they belong."""
VARIANTS: Mapping[str, tuple[float, float | None]] = {
    "plain": (0.0, None),
    "noise": (NOISE, None),
    "clip": (0.0, CLIP),
    "noise and clip": (NOISE, CLIP),
}
"""Noise in training and clip, by name; "as trained" has neither distillation nor learned ranges."""
CHIPS: tuple[tuple[float, str, int], ...] = (
    (NOISE, "tile", 0),
    (NOISE, "tile", 1),
    (NOISE, "model", 0),
    (2 * NOISE, "tile", 0),
    (4 * NOISE, "tile", 0),
)
"""Noise, which converters share a range, and the number of the chip, for each seed."""


def config(noise: float, *, adc: bool = True, trained: float = 0.0) -> xb.CrossbarConfig:
    """Return arrays whose weights deviate by `noise`, with a scale per output; in training they do by `trained`."""
    programming = devices.GaussianProgramming(spread=noise / math.sqrt(2)) if noise else devices.ExactProgramming()
    return xb.CrossbarConfig(
        device=devices.Device(g_min=2e-6, g_max=20e-6, programming=programming),
        mapping=xb.MappingConfig(weight_bits=8, cell_bits=7, rows=512, cols=512, granularity="output"),
        inputs=xb.InputConfig(bits=8, range="static", negative="bipolar"),
        adc=xb.ADC(bits=8, range="calibrated", subtraction="analog") if adc else None,
        training=xb.TrainingEffects(noise=xb.ChannelNoise(ratio=trained) if trained else None),
    )


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long a study is."""

    digital_steps: Mapping[str, int]
    steps: Mapping[str, int]
    """Of an adaptation: `EPOCHS` passes over a part of them each, at rates that fall as a cosine."""
    seeds: int
    test: int
    """Pieces of text of 64 characters; ten times as many images."""


EPOCHS = 5
FULL = Size(digital_steps={"gpt": 1200, "vit": 800}, steps={"gpt": 300, "vit": 150}, seeds=3, test=200)
QUICK = Size(digital_steps={"gpt": 20, "vit": 20}, steps={"gpt": 5, "vit": 5}, seeds=1, test=10)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A trained network and its data."""

    model: nn.Module
    draw: Callable[[torch.Generator], tuple[Tensor, Tensor]]
    test: list[tuple[Tensor, Tensor]]

    def batches(self, number: int, seed: int) -> list[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        return [self.draw(generator) for _ in range(number)]


class Study:
    """Results, networks and data of one study."""

    def __init__(self, out: Path, work: Path, data: Path, text: Path | None, size: Size) -> None:
        self.results, self.work, self.data, self.text, self.size = ResultLines(out), work, data, text, size
        self.load, self.adapted = cache(self._load), lru_cache(1)(self._adapted)
        work.mkdir(parents=True, exist_ok=True)

    def run(self, networks: list[str]) -> None:
        """Measure what is missing, seed by seed."""
        for seed in range(self.size.seeds):
            for network in networks:
                for variant in ("as trained", *VARIANTS):
                    if variant != "as trained" or seed == 0:
                        self._measure(network, variant, seed)

    def _measure(self, network: str, variant: str, seed: int) -> None:
        for noise, sharing, chip in CHIPS:
            key = {"network": network, "variant": variant, "seed": seed, "noise": noise, "adc": sharing, "chip": chip}
            if not self.results.find(**key):
                self.results.add(**key, **self._chip(network, variant, seed, noise, sharing, chip))

    def _load(self, network: str) -> Work:
        """Return a network, trained if it is not there yet."""
        torch.manual_seed(0)
        model, draw, test = self._gpt() if network == "gpt" else self._vit()
        path, start = self.work / f"{network}.pt", time.process_time()
        if path.is_file():
            model.load_state_dict(torch.load(path, weights_only=True))
        else:
            train_transformer(model, draw, steps=self.size.digital_steps[network], learning_rate=2e-3)
            torch.save(model.state_dict(), path)
        if not self.results.find(network=network, variant="digital"):
            self.results.add(
                network=network, variant="digital", **score(model, test), seconds=time.process_time() - start
            )
        return Work(model=model.eval(), draw=draw, test=test)

    def _gpt(self) -> tuple[nn.Module, Callable[[torch.Generator], tuple[Tensor, Tensor]], list[tuple[Tensor, Tensor]]]:
        text = reference_text() if self.text is None else self.text.read_text("utf-8")
        characters = sorted(set(text))
        tokens = torch.tensor([characters.index(character) for character in text])
        cut = int(0.9 * len(tokens))
        pieces = tokens[cut : cut + 64 * self.size.test + 1]
        test = list(zip(pieces[:-1].view(-1, 64).split(50), pieces[1:].view(-1, 64).split(50), strict=True))
        return CharacterGPT(len(characters)), draw_text(tokens[:cut]), test

    def _vit(self) -> tuple[nn.Module, Callable[[torch.Generator], tuple[Tensor, Tensor]], list[tuple[Tensor, Tensor]]]:
        train, test = load_cifar10(self.data, train=20_000, test=10 * self.size.test)
        return SmallViT(3, 32, patch=4, layers=3), draw_images(train, shift=2, flip=True), list(test.batches(250))

    def _adapted(self, network: str, variant: str, seed: int) -> nn.Module:
        """Return weights and learned ranges, adapted if they are not there yet."""
        work = self.load(network)
        noise, clip = VARIANTS[variant]
        torch.manual_seed(seed)
        analog = xb.convert_to_analog(work.model, config(0.0, adc=False, trained=noise))
        xb.program_analog_weights(analog, seed=seed)
        calibrate_input_ranges(analog, work.batches(4, 1000), method="deviation", deviations=RANGE_DEVIATIONS)
        learn_input_ranges(analog)
        path = self.work / f"{network}, {variant}, {seed}.pt"
        if path.is_file():
            kept = torch.load(path, weights_only=True)
            for name, parameter in analog.named_parameters():
                parameter.data.copy_(kept[name])
            return analog
        start = time.process_time()
        train_hardware_aware(
            analog,
            taught_by(copy.deepcopy(work.model), work.batches(self.size.steps[network] // EPOCHS, 100 + seed)),
            epochs=EPOCHS,
            loss=distillation_loss(),
            clip=clip,
            optimizer=lambda learning: torch.optim.Adam(learning, lr=3e-4),
        )
        torch.save({name: parameter.detach() for name, parameter in analog.named_parameters()}, path)
        self.results.add(network=network, variant=variant, seed=seed, adapted=time.process_time() - start)
        return analog

    def _chip(self, network: str, variant: str, seed: int, noise: float, sharing: str, chip: int) -> dict[str, float]:
        """Program one chip and measure it."""
        work, start = self.load(network), time.process_time()
        source = work.model if variant == "as trained" else self.adapted(network, variant, seed)
        digital = source if variant == "as trained" else xb.convert_to_digital(source)
        analog = xb.convert_to_analog(digital, config(noise))
        xb.program_analog_weights(analog, seed=10 * seed + chip)
        if variant == "as trained":
            calibrate_input_ranges(analog, work.batches(4, 1000))
        else:
            for own, learned in zip(xb.analog_layers(analog), xb.analog_layers(source), strict=True):
                own.array.corrections.restore(learned.array.corrections.state())
        calibrate_adc_ranges(analog, work.batches(2, 2000), granularity=sharing, vectors=128)  # type: ignore[arg-type]
        return {**score(analog, work.test), "seconds": time.process_time() - start}


def reference_text() -> str:
    """Return the text of Python's language reference, as `help()` shows it."""
    topics: Mapping[str, str] = import_module("pydoc_data.topics").topics
    return "\n\n".join(topics[name] for name in sorted(topics))


@torch.no_grad()
def score(model: nn.Module, test: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Return cross-entropy [nats] and accuracy over every token or image."""
    model.eval()
    loss, right, count = 0.0, 0, 0
    for inputs, classes in test:
        scores, wanted = model(inputs).flatten(0, -2), classes.flatten()
        loss += float(F.cross_entropy(scores, wanted, reduction="sum"))
        right += int((scores.argmax(1) == wanted).sum())
        count += len(wanted)
    return {"loss": loss / count, "accuracy": right / count}


def exactness() -> list[dict[str, Any]]:
    """Compare models of Hugging Face, random and of two layers, with themselves on ideal arrays."""
    library: Any = import_module("transformers")
    common = {"vocab_size": 512, "initializer_range": 0.1}
    shape = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 128, "intermediate_size": 256}
    gpt2 = library.GPT2Config(n_layer=2, n_head=4, n_embd=128, n_positions=64, bos_token_id=0, eos_token_id=0, **common)
    models = {
        "GPT-2": (library.GPT2LMHeadModel, gpt2),
        "Llama": (library.LlamaForCausalLM, library.LlamaConfig(num_key_value_heads=2, **shape, **common)),
        "BERT": (library.BertForMaskedLM, library.BertConfig(**shape, **common)),
    }
    return [compared(name, make, settings) for name, (make, settings) in models.items()]


def matrices(model: nn.Module) -> list[Any]:
    """Return the layers of a model that multiply by a weight, in its order."""
    return [m for m in model.modules() if isinstance(m, nn.Linear) or type(m).__name__ == "Conv1D"]


@torch.no_grad()
def compared(name: str, make: Callable[[Any], Any], settings: Any) -> dict[str, Any]:
    """Return how far the scores of a converted model are from its own, and whether it writes the same text."""
    torch.manual_seed(0)
    model: Any = make(settings).eval()
    mapping = xb.MappingConfig(weight_bits=16, cell_bits=8, granularity="output")
    fine = xb.CrossbarConfig(mapping=mapping, inputs=xb.InputConfig(bits=None))
    analog: Any = xb.convert_to_analog(model, fine)
    xb.program_analog_weights(analog, seed=0)
    # Both models get the weights that 16 bits can hold, so that what differs is not the rounding of weights.
    for (_, layer), own in zip(xb.named_analog_layers(analog), matrices(model), strict=True):
        for either in (layer, own):
            either.weight.copy_(layer.shape_weight(layer.array.placement.to_weight().t()))
    xb.program_analog_weights(analog, seed=0)
    tokens = torch.randint(512, (2, 16), generator=torch.Generator().manual_seed(0))
    batch = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    expected, got = model(**batch).logits, analog(**batch).logits
    row = {
        "model": name,
        "matrices": len(matrices(model)),
        "analog": len(xb.analog_layers(analog)),
        "difference": float((got - expected).abs().max()),
        "largest": float(expected.abs().max()),
    }
    if name != "BERT":
        texts = [
            net.generate(**batch, max_new_tokens=32, do_sample=False, use_cache=use, pad_token_id=0, eos_token_id=None)
            for net in (model, analog)
            for use in (True, False)
        ]
        row |= {
            "same text": all(torch.equal(text, texts[0]) for text in texts),
            "tokens": len(texts[0][:, 16:].unique()),
        }
    return row


def tables(study: Study) -> str:
    """Return what is known, as Markdown."""
    lines = [
        "| network | adapted by | 3 % noise, loss | right [%] | one ADC range, loss | right [%] | 6 % noise, loss "
        "| right [%] | 12 % noise, loss | right [%] |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for network in ("gpt", "vit"):
        for line in study.results.find(network=network, variant="digital"):
            lines.append(f"| {network} | digital | {line['loss']:.4f} | {100 * line['accuracy']:.2f} | | | | | | |")
        for variant in ("as trained", *VARIANTS):
            cells = [_cell(study, network, variant, n, adc, key) for n, adc in COLUMNS for key in ("loss", "accuracy")]
            lines.append(f"| {network} | {variant} | {' | '.join(cells)} |")
    lines += [
        "",
        "| network | less loss than | at 3 % | seeds that agree | at 6 % | seeds that agree | at 12 % | seeds that agree |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network in ("gpt", "vit"):
        for better, worse in ORDERINGS:
            cells = [_ordering(study, network, better, worse, noise) for noise in (NOISE, 2 * NOISE, 4 * NOISE)]
            lines.append(f"| {network} | {better} < {worse} | {' | '.join(cells)} |")
    lines += ["", "| network | adapted by | one ADC range for all costs, loss | points |", "|---|---|---|---|"]
    for network in ("gpt", "vit"):
        for variant in ("as trained", *VARIANTS):
            cost = _cost_of_one_range(study, network, variant)
            lines += (
                [f"| {network} | {variant} | {cost['loss']:+.4f} | {-100 * cost['accuracy']:+.2f} |"] if cost else []
            )
    return "\n".join(lines)


COLUMNS = ((NOISE, "tile"), (NOISE, "model"), (2 * NOISE, "tile"), (4 * NOISE, "tile"))
ORDERINGS = (
    ("noise", "plain"),
    ("clip", "noise"),
    ("noise and clip", "clip"),
    ("noise and clip", "noise"),
    ("noise and clip", "plain"),
)
"""Better, worse: what Büchel et al. report."""


def _by_seed(study: Study, network: str, variant: str, noise: float, adc: str, key: str) -> dict[int, float]:
    """Return the mean over the chips of each seed."""
    found: dict[int, list[float]] = {}
    for line in study.results.find(network=network, variant=variant, noise=noise, adc=adc):
        found.setdefault(line["seed"], []).append(line[key])
    return {seed: statistics.mean(values) for seed, values in found.items()}


def _cell(study: Study, network: str, variant: str, noise: float, adc: str, key: str) -> str:
    factor, digits = (1, 4) if key == "loss" else (100, 2)
    values = [factor * value for value in _by_seed(study, network, variant, noise, adc, key).values()]
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def _cost_of_one_range(study: Study, network: str, variant: str) -> dict[str, float]:
    """Return what the shared range adds on the same chips, a mean over seeds; nothing where there are none."""
    key = {"network": network, "variant": variant, "noise": NOISE, "chip": 0}
    own, shared = ({line["seed"]: line for line in study.results.find(**key, adc=adc)} for adc in ("tile", "model"))
    seeds = own.keys() & shared.keys()
    if not seeds:
        return {}
    return {
        name: statistics.mean(shared[seed][name] - own[seed][name] for seed in seeds) for name in ("loss", "accuracy")
    }


def _ordering(study: Study, network: str, better: str, worse: str, noise: float) -> str:
    low, high = (_by_seed(study, network, variant, noise, "tile", "loss") for variant in (better, worse))
    differences = [high[seed] - low[seed] for seed in low if seed in high]
    if not differences:
        return "- | -"
    return f"{statistics.mean(differences):+.4f} | {sum(d > 0 for d in differences)} of {len(differences)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10.npz")
    parser.add_argument("--text", type=Path, help="text for the GPT (default: Python's language reference)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/transformers.jsonl"))
    parser.add_argument("--work", type=Path, default=Path("runs/transformers"), help="folder for trained networks")
    parser.add_argument("--networks", nargs="*", choices=["gpt", "vit"], default=["gpt", "vit"])
    parser.add_argument("--quick", action="store_true", help="few steps, one seed; results go to --work")
    parser.add_argument("--table", action="store_true", help="print the tables of what there is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work = arguments.work / "quick" if arguments.quick else arguments.work
    out = work / "results.jsonl" if arguments.quick else arguments.out
    study = Study(out, work, arguments.data, arguments.text, QUICK if arguments.quick else FULL)
    if not arguments.table:
        if not study.results.find(row="exactness") and find_spec("transformers") is None:
            print("The rows of Hugging Face's models are left out: `transformers` is not installed.")
        elif not study.results.find(row="exactness"):
            for row in exactness():
                study.results.add(row="exactness", **row)
        study.run(arguments.networks)
    for line in study.results.find(row="exactness"):
        print(json.dumps(line))
    print(tables(study))


if __name__ == "__main__":
    main()
