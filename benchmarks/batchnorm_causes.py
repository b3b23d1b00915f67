"""Why the batch-norm study differs from arXiv 2305.18416: what a gain does alone, and which networks noise hurts.

    python -m benchmarks.batchnorm_causes --data FOLDER [--out FOLDER] [--epochs 12] [--only pc2 gain networks]

*pc2*: PC2 of VGG16's fifth convolution under read noise, with one cell or two slices of a cell each per weight and sign,
and as an emulation in weight space that lets the idle cell of a pair be quiet.

*gain*: every convolution of VGG16 scaled by one number, batch norms as trained. It shows which per-layer gain the
paper's accuracies before adaptation stand for.

*networks*: FeFET read noise of equal sigma on VGG16, ResNet-20 and two half-width VGG16 trained here on 20 000 images,
one plainly (Adam, no augmentation, no weight decay), one as is usual (SGD, flips and shifts, weight decay 5e-4): mean
over three chips, before and after exact statistics. PC2 is the mean over layers.
"""

import argparse
import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import crossbar as xb
import devices
from benchmarks.batchnorm import ONE_CELL, ROWS, TWO_SLICES
from calibration import adapt_batchnorm, layer_deviations, weight_pc2
from crossbar.examples import Split, accuracy, load_cifar10, load_resnet20, load_vgg16, vgg16

PARTS = ("pc2", "gain", "networks")
GAINS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.63, 0.41)
RATIOS = (0.05, 0.10, 0.15, 0.25)
CHIPS, BATCH = 3, 50


def noise_pc2(layer: nn.Module) -> Iterator[tuple[str, list[float]]]:
    """Yield each noisy device of the paper, and PC2 of its emulations and of the paper."""
    for name, row in ROWS.items():
        if "pc2" not in row.paper or not row.random or row.mapping != ONE_CELL:
            continue
        found = []
        for mapping in (ONE_CELL, TWO_SLICES):
            analog = xb.convert_to_analog(nn.Sequential(layer), replace(row, mapping=mapping).config())
            xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
            found.append(float(layer_deviations(analog, currents=False).pc2[0]))
        yield name, [*found, _active_cell_pc2(layer.weight.detach(), row.device), row.paper["pc2"]]


def _active_cell_pc2(weight: Tensor, device: devices.Device) -> float:
    """Return PC2 where noise falls on the cell of a pair that holds the weight, and not on the one at g_min."""
    size = weight.abs() / weight.abs().max()
    conductance = device.g_min + device.window.span * size
    noise = device.read_noise
    if noise is None:
        raise ValueError("`device` must have read noise.")
    sigma = noise.sigma(conductance, target=conductance, window=device.window, t=0.0)
    deviation = sigma / device.window.span * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    return weight_pc2(weight, weight + weight.abs().max() * deviation)


def gain_sensitivity(model: nn.Module, test: Split) -> Iterator[tuple[float, float]]:
    """Yield (gain, accuracy) of a network whose convolutions all carry this gain, with its old statistics."""
    for gain in GAINS:
        scaled = copy.deepcopy(model)
        for module in scaled.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data.mul_(gain)
        yield gain, accuracy(scaled, test)


def noise_sensitivity(model: nn.Module, classifier: str, ratio: float, train: Split, test: Split) -> list[float]:
    """Return PC2 and the accuracies before and after exact statistics [%], means over chips."""
    device = replace(devices.FeFET, levels=None, read_noise=devices.RelativeReadNoise(ratio=ratio, draw="programming"))
    config = xb.CrossbarConfig(device=device, mapping=ONE_CELL)
    found = []
    for chip in range(CHIPS):
        analog = xb.convert_to_analog(model, config, overrides={classifier: None})
        xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(chip))
        before = accuracy(analog, test)
        adapt_batchnorm(analog, train.batches(BATCH))
        pc2 = float(layer_deviations(analog, currents=False).pc2.mean())
        found.append([pc2, 100 * before, 100 * accuracy(analog, test)])
    return torch.tensor(found).mean(0).tolist()


def half_vgg16(data: Split, path: Path, *, plain: bool, epochs: int) -> nn.Module:
    """Return a half-width VGG16, trained now unless `path` holds it."""
    torch.manual_seed(0)
    model = vgg16(width=0.5)
    if path.is_file():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    _train(model, data, plain=plain, epochs=epochs)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), path)
    return model


def _train(model: nn.Module, data: Split, *, plain: bool, epochs: int) -> None:
    steps = epochs * -(-len(data.labels) // 128)
    optimizer: torch.optim.Optimizer
    if plain:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(data.labels)), 128):
            images = data.images[chosen] if plain else _augmented(data.images[chosen])
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(images), data.labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    model.eval()


def _augmented(images: Tensor) -> Tensor:
    """Flip and shift each image by itself."""
    padded = F.pad(images, (4, 4, 4, 4))
    rows, columns = torch.randint(0, 9, (2, len(images))).tolist()
    shifted = torch.stack([p[:, r : r + 32, c : c + 32] for p, r, c in zip(padded, rows, columns, strict=True)])
    flip = torch.rand(len(images)) < 0.5
    return torch.where(flip[:, None, None, None], shifted.flip(3), shifted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10.npz and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="keeps the networks trained here")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train, test = load_cifar10(arguments.data, train=20000, test=1000)
    if "pc2" in arguments.only:
        print("| device | one cell | two slices | idle cell quiet | paper |\n|---|---|---|---|---|")
        for name, values in noise_pc2(load_vgg16(arguments.data)[0][14]):
            print(f"| {name} | {' | '.join(f'{value:.2e}' for value in values)} |", flush=True)
    if "gain" in arguments.only:
        for gain, share in gain_sensitivity(load_vgg16(arguments.data), test):
            print(f"gain of every convolution {gain:.2f}: {100 * share:.1f} %", flush=True)
    if "networks" not in arguments.only:
        return
    print("| network | digital | sigma | PC2 | before | exact statistics |\n|---|---|---|---|---|---|")
    networks: dict[str, tuple[nn.Module, str]] = {
        "VGG16": (load_vgg16(arguments.data), "2"),
        "ResNet-20": (load_resnet20(arguments.data), "fc"),
    }
    for name, plain in (("plainly trained", True), ("usually trained", False)):
        path = arguments.out / f"vgg16_half_{'plain' if plain else 'usual'}_{arguments.epochs}.pt"
        half = half_vgg16(train, path, plain=plain, epochs=arguments.epochs)
        networks[f"half-width VGG16, {name}"] = (half, "2")
    for name, (model, classifier) in networks.items():
        digital = 100 * accuracy(model, test)
        for ratio in RATIOS:
            pc2, before, after = noise_sensitivity(model, classifier, ratio, train.first(2000), test)
            print(f"| {name} | {digital:.1f} | {ratio:.2f} | {pc2:.2e} | {before:.1f} | {after:.1f} |", flush=True)


if __name__ == "__main__":
    main()
