"""Tables of every quantiser, encoding and kind of placement; a new member joins its table and inherits the suites."""

from dataclasses import replace
from typing import Any

from mapping import (
    AdditivePowersOfTwoQuantizer,
    MappingConfig,
    PowerOfTwoQuantizer,
    SMECodebook,
    TernaryQuantizer,
    TruncatedGaussianQuantizer,
    UniformQuantizer,
)

QUANTIZERS = {
    "uniform": UniformQuantizer(bits=8),
    "uniform least squares": UniformQuantizer(bits=4, scale="least_squares"),
    "uniform per output": UniformQuantizer(bits=5, granularity="output", scale="least_squares"),
    "SME": SMECodebook(bits=8, window=3),
    "SME per output": SMECodebook(bits=6, window=2, granularity="output"),
    "SME least squares": SMECodebook(bits=5, window=4, scale="least_squares"),
    "power of two": PowerOfTwoQuantizer(bits=7),
    "power of two per output": PowerOfTwoQuantizer(bits=4, granularity="output", scale="least_squares"),
    "additive powers of two": AdditivePowersOfTwoQuantizer(terms=2, term_bits=2),
    "additive powers of two per output": AdditivePowersOfTwoQuantizer(
        terms=3, term_bits=2, granularity="output", scale="least_squares"
    ),
    "ternary": TernaryQuantizer(),
    "ternary per output": TernaryQuantizer(granularity="output", scale="max"),
    "truncated Gaussian": TruncatedGaussianQuantizer(),
    "truncated Gaussian per output": TruncatedGaussianQuantizer(granularity="output"),
}

ENCODING_NAMES = ("differential", "offset", "twos_complement")

ARRANGEMENTS = {
    "dense inter": {},
    "dense intra": {"slicing": "intra"},
    "sorted": {"row_order": "sorted"},
    "released": {"release_empty": True},
    "sorted and released": {"row_order": "sorted", "release_empty": True},
    "merged": {"merge_columns": True},
    "reference column": {"encoding": "offset", "reference_column": True},
    "reference column intra": {"encoding": "offset", "reference_column": True, "slicing": "intra"},
    "merged intra": {"merge_columns": True, "slicing": "intra"},
    "adjacent bit lines": {"encoding": "differential", "pairs": "bit_lines"},
    "adjacent bit lines intra": {"encoding": "differential", "pairs": "bit_lines", "slicing": "intra"},
    "adjacent bit lines released": {"encoding": "differential", "pairs": "bit_lines", "release_empty": True},
    "adjacent word lines": {"encoding": "differential", "pairs": "word_lines"},
    "adjacent word lines intra": {"encoding": "differential", "pairs": "word_lines", "slicing": "intra"},
    "adjacent word lines sorted": {"encoding": "differential", "pairs": "word_lines", "row_order": "sorted"},
    "adjacent word lines merged": {"encoding": "differential", "pairs": "word_lines", "merge_columns": True},
    "packed groups": {"group_packing": "absent"},
    "packed groups intra": {"group_packing": "absent", "slicing": "intra"},
    "packed groups sorted and released": {"group_packing": "absent", "row_order": "sorted", "release_empty": True},
    "packed groups merged": {"group_packing": "absent", "merge_columns": True},
    "packed groups with idle cells": {"group_packing": "g_min"},
    "packed groups with idle cells merged": {"group_packing": "g_min", "merge_columns": True, "slicing": "intra"},
    "packed groups on bit lines": {"group_packing": "absent", "encoding": "differential", "pairs": "bit_lines"},
    "packed groups on word lines": {"group_packing": "absent", "encoding": "differential", "pairs": "word_lines"},
}
"""Settings of `MappingConfig` that leave the weights as they are."""


def arranged(config: MappingConfig, arrangement: dict[str, Any]) -> MappingConfig:
    """Return a config with the settings of an arrangement, and lines enough for the pair or the groups of an array."""
    times = 5 if "group_packing" in arrangement else 1
    lines = {name: times * max(1 + ("pairs" in arrangement), getattr(config, name)) for name in ("rows", "cols")}
    return replace(config, **lines, **arrangement)
