"""What a sweep is, and what it refuses to be."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.sweeps import Sweep
from crossbar.sweeps.seeds import trial_seeds
from tests.crossbar.sweeps.sweep_points import OUTPUTS

NAMES = st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True).filter(lambda name: name not in ("trial", "jobs"))
VALUES = st.one_of(
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=4, unique=True),
    st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True),
    st.lists(st.booleans(), min_size=1, max_size=2, unique=True),
)


@settings(max_examples=50)
@given(
    axes=st.dictionaries(NAMES.map("axis.{}".format), VALUES, max_size=4),
    outputs=st.dictionaries(NAMES, st.just({"units": "1"}), min_size=1, max_size=3),
    trials=st.integers(1, 10**6),
    seed=st.integers(0, 2**63 - 1),
)
def test_a_sweep_is_its_json_and_its_hash(axes, outputs, trials, seed):
    sweep = Sweep(axes=axes, outputs=outputs, trials=trials, seed=seed)
    for copy in (Sweep.from_json(sweep.to_json()), pickle.loads(pickle.dumps(sweep))):
        assert copy == sweep
        assert hash(copy) == hash(sweep)
        assert copy.to_json() == sweep.to_json()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"axes": 3, "outputs": {}}', "[" * 100_000], ids=lambda text: text[:9]
)
def test_json_of_something_else_is_refused(text):
    with pytest.raises(ValueError, match="`text` must be the JSON"):
        Sweep.from_json(text)


def test_numpy_values_become_plain_ones_and_mixed_numbers_floats():
    sweep = Sweep(axes={"a": np.linspace(0, 1, 3), "b": np.arange(2), "c": [0, 0.5]}, outputs=OUTPUTS)
    assert [axis.values for axis in sweep.axes] == [(0.0, 0.5, 1.0), (0, 1), (0.0, 0.5)]
    assert {type(value) for axis in sweep.axes for value in axis.values} == {int, float}
    assert sweep.shape == (3, 2, 2, 1)
    assert sweep.parameters((2, 1, 1)) == {"a": 1.0, "b": 1, "c": 0.5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": {"a": []}}, "`a` must have at least one value"),
        ({"axes": {"a": "text"}}, "`a` must be a sequence"),
        ({"axes": {"a": 3.0}}, "`a` must be a sequence"),
        ({"axes": {"a": [1, "x"]}}, "all numbers, all strings or all booleans. Got int, str"),
        ({"axes": {"a": [True, 0.5]}}, "Got bool, float"),
        ({"axes": {"a": [None]}}, "Got NoneType"),
        ({"axes": {"a": [[1], [2]]}}, "Got list"),
        ({"axes": {"a": [1.0, math.nan]}}, "must not contain NaN"),
        ({"axes": {"a": [1, 1]}}, "must not repeat"),
        ({"axes": {"a": [2**70]}}, "63 bits"),
        ({"axes": {"a/b": [1]}}, "letters, digits, dots and underscores"),
        ({"axes": {"../up": [1]}}, "letters, digits, dots and underscores"),
        ({"axes": {"trial": [1]}}, "cannot use the name 'trial'"),
        ({"axes": {"jobs": [1]}}, "cannot use the name 'jobs'"),
        ({"axes": {"zarr.json": [1]}}, "cannot use the name"),
        ({"axes": {"accuracy": [1]}}, "must not share names"),
        ({"axes": {"a": {"value": [1]}}}, r"`axes\[\"a\"\]` must have `values`"),
        ({"axes": {"a": {"values": [1], "units": 1}}}, "must have text as `units`. Got 1"),
        ({"outputs": {}}, "`outputs` must name at least one"),
        ({"outputs": {"accuracy": {}}}, r"`outputs\[\"accuracy\"\]` must have `units`"),
        ({"outputs": {"accuracy": "1"}}, "must be a dictionary"),
        ({"outputs": ["accuracy"]}, r"`outputs` must be a dictionary by name.* Got \['accuracy'\]"),
        ({"outputs": "accuracy"}, "`outputs` must be a dictionary by name"),
        ({"outputs": {1: {"units": "1"}}}, "`outputs` must be named with letters.* Got 1"),
        ({"outputs": {"accuracy": {"units": 1}}}, "must have text as `units`. Got 1"),
        ({"axes": [("a", [1])]}, "`axes` must be a dictionary by name"),
        ({"axes": None}, "`axes` must be a dictionary by name.* Got None"),
        ({"trials": 0}, "`trials` must be >= 1. Got 0"),
        ({"trials": 2.0}, "`trials` must be an integer"),
        ({"seed": -1}, "`seed` must be in"),
    ],
)
def test_bad_sweeps_are_refused(arguments, message):
    good = {"axes": {"a": [1]}, "outputs": {"accuracy": {"units": "1"}}}
    with pytest.raises((ValueError, TypeError), match=message):
        Sweep(**{**good, **arguments})


def test_trial_seeds_keep_when_trials_are_added_and_never_repeat_in_32_bits():
    few, many = trial_seeds(5, 10), trial_seeds(5, 20_000)
    assert many[:10] == few
    assert trial_seeds(6, 10) != few
    # Among 40 000 random 32-bit numbers chance alone would repeat 0.19 on average; seed 5 or not, none may.
    words = [word & 0xFFFFFFFF for seeds in many for word in seeds]
    assert len(set(words)) == len(words)


def test_a_repeated_low_word_is_drawn_again():
    from crossbar.sweeps.seeds import _unused

    sequence, taken = np.random.SeedSequence(3), set()
    first, second = _unused(sequence, taken), _unused(sequence, taken)
    assert first & 0xFFFFFFFF != second & 0xFFFFFFFF
