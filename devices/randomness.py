"""Random draws that follow one generator, wherever the tensors live."""

import torch
from torch import Tensor

from devices.validation import FieldValueError, check_integer


def standard_normal(like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Return independent standard normals with the shape, dtype and device of `like`.

    They are drawn where the generator lives and then moved, so a chip drawn with a CPU generator is the same chip on
    every device.
    """
    device = like.device if generator is None else generator.device
    return torch.randn(like.shape, dtype=like.dtype, device=device, generator=generator).to(like.device)


def normal_in_layout(like: Tensor) -> Tensor:
    """Return independent standard normals like `like`, from torch's default stream, in the order of its memory.

    torch draws ten to forty times more slowly into memory that is not contiguous, as that of images with channels last.
    """
    if like.is_contiguous() or torch.compiler.is_compiling():
        return torch.randn_like(like)
    order = sorted(range(like.ndim), key=like.stride, reverse=True)
    drawn = torch.randn([like.shape[dim] for dim in order], dtype=like.dtype, device=like.device)
    return drawn.permute([order.index(dim) for dim in range(like.ndim)])


def standard_uniform(like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Return independent uniforms in [0, 1) with the shape, dtype and device of `like`; see `standard_normal`."""
    device = like.device if generator is None else generator.device
    return torch.rand(like.shape, dtype=like.dtype, device=device, generator=generator).to(like.device)


def generator_of(generator: torch.Generator | None, seed: int | None) -> torch.Generator | None:
    """Return the generator that was given, or a new one on the CPU with `seed`; None where neither is.

    Raises
    ------
    ValueError
        If both are given, or `seed` is no seed.
    """
    if seed is None:
        return generator
    if generator is not None:
        raise FieldValueError(
            f"`seed` must be left out where `generator` is given. Got {seed!r}. Give one of the two.", "seed"
        )
    check_integer("seed", seed if isinstance(seed, bool) else int(seed), at_least=0, at_most=_LARGEST_SEED)
    return torch.Generator().manual_seed(int(seed))


_LARGEST_SEED = 2**64 - 1


def fork_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return a generator seeded from where `generator`, or torch's default one, stands, without moving that."""
    source = torch.default_generator if generator is None else generator
    seed = int(torch.randint(2**62, (1,), generator=source.clone_state(), device=source.device))
    # Not the seed that the next draw from `source` itself would give.
    return torch.Generator(source.device).manual_seed(seed ^ _FORKED)


_FORKED = 0x5EED


def spawn_generators(number: int, *, device: torch.device, generator: torch.Generator | None) -> list[torch.Generator]:
    """Return `number` independent generators seeded from `generator`.

    What one of them is asked for never moves the others: a chip keeps its faults when its programming error is
    switched off. Without a generator, torch's default stream gives the seeds and the new ones live on `device`.
    """
    home = device if generator is None else generator.device
    seeds = torch.randint(2**62, (number,), generator=generator, device=generator.device if generator else "cpu")
    return [torch.Generator(device=home).manual_seed(seed) for seed in seeds.tolist()]
