"""The seeds of every trial."""

from typing import NamedTuple

import numpy as np

_LOW_32_BITS = 0xFFFFFFFF


class TrialSeeds(NamedTuple):
    """Seeds of the two streams a trial may draw from."""

    generator: int
    """Seed of the generator that the point receives (programming, faults, drift)."""
    default_stream: int
    """Seed of torch's default stream (read noise, dropout)."""


def trial_seeds(seed: int, trials: int) -> tuple[TrialSeeds, ...]:
    """Return the seeds of all trials; those of trial k do not depend on how many follow.

    torch's CPU generator (mt19937) looks at the low 32 bits of a seed only, where chance would soon repeat one among
    many trials; a repeated one is therefore drawn again.
    """
    taken: set[int] = set()
    return tuple(
        TrialSeeds(_unused(child, taken), _unused(child.spawn(1)[0], taken))
        for child in np.random.SeedSequence(seed).spawn(trials)
    )


def _unused(sequence: np.random.SeedSequence, taken: set[int]) -> int:
    """Return the first word of `sequence` whose low 32 bits no earlier trial has, and note it in `taken`."""
    words = 1
    while True:
        word = int(sequence.generate_state(words, np.uint64)[-1])
        if word & _LOW_32_BITS not in taken:
            taken.add(word & _LOW_32_BITS)
            return word
        words += 1
