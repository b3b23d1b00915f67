import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.cost.schedule import LayerLoad, convolution_fill, make_schedule


def load(name, vectors, arrays=1, **more):
    return LayerLoad(**{"name": name, "vectors": vectors, "cycles": 8, "cycle_time": 1e-7, "arrays": arrays, **more})


LOADS = [load("a", 1024, arrays=1, fill=1.0), load("b", 256, arrays=4, fill=0.1), load("c", 1, arrays=2)]


def test_layer_by_layer_is_a_sum():
    schedule = make_schedule(LOADS, mode="layer by layer", pipeline_stages=3)
    expected = (1024 + 256 + 1) * 8e-7 + 3 * 3e-7
    assert schedule.latency == pytest.approx(expected)
    assert schedule.interval == schedule.latency
    assert schedule.throughput == pytest.approx(1 / expected)


def test_a_pipeline_takes_the_slowest_layer_and_its_fill():
    schedule = make_schedule(LOADS)
    assert schedule.interval == pytest.approx(1024 * 8e-7)
    first = 1024 * 8e-7 + 1e-7  # a ends
    second = first + 8e-7 + 1e-7  # b waits for the last of a
    assert schedule.finish == pytest.approx((first, second, second + 8e-7 + 1e-7))
    assert schedule.start[1] == pytest.approx(0.1 * first)
    assert schedule.utilization(LOADS) == pytest.approx((1024 + 4 * 256 + 2) / (7 * 1024))


def test_balanced_copies_stay_within_the_budget_and_slow_layers_get_them():
    schedule = make_schedule(LOADS, duplication="balanced", arrays=7 + 3)
    assert schedule.copies == (4, 1, 1)
    assert schedule.interval == pytest.approx(256 * 8e-7)
    more = make_schedule(LOADS, duplication="balanced", arrays=7 + 3 + 4 + 4)
    assert more.copies[0] >= 4
    assert more.interval <= schedule.interval


@given(
    vectors=st.lists(st.integers(1, 3000), min_size=1, max_size=6), budget=st.integers(0, 400), arrays=st.integers(1, 9)
)
def test_balanced_is_never_slower_nor_over_the_budget(vectors, budget, arrays):
    loads = [load(str(place), number, arrays=arrays) for place, number in enumerate(vectors)]
    total = arrays * len(loads) + budget
    plain, balanced = make_schedule(loads), make_schedule(loads, duplication="balanced", arrays=total)
    assert sum(balanced.copies) * arrays <= total
    assert balanced.interval <= plain.interval
    assert all(copies <= number for copies, number in zip(balanced.copies, vectors, strict=True))
    slowest = max(range(len(loads)), key=lambda place: balanced.busy[place])
    left = total - sum(balanced.copies) * arrays
    share = math.ceil(vectors[slowest] / balanced.copies[slowest])
    if share > 1:  # no budget is left that would make the slowest layer faster
        assert (math.ceil(vectors[slowest] / (share - 1)) - balanced.copies[slowest]) * arrays > left


def test_area_is_a_budget_too():
    loads = [load("a", 100, area=1e-6), load("b", 10, area=1e-6)]
    assert make_schedule(loads, duplication="balanced", area=5e-6).copies == (4, 1)


def test_copies_by_name():
    assert make_schedule(LOADS, duplication={"a": 4}).copies == (4, 1, 1)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"mode": "both"}, "`mode` must be one of"),
        ({"duplication": {"z": 2}}, "not there"),
        ({"duplication": {"a": 0}}, "must be >= 1"),
        ({"duplication": "balanced"}, "needs a budget"),
        ({"duplication": "balanced", "arrays": 3}, "must hold one copy of every layer: 7 arrays"),
        ({"arrays": 30}, "needs duplication='balanced'"),
    ],
)
def test_refusals(options, match):
    with pytest.raises(ValueError, match=match):
        make_schedule(LOADS, **options)
    with pytest.raises(ValueError, match="at least one layer"):
        make_schedule([])


@pytest.mark.parametrize(
    ("size", "kernel", "needed"),
    [((32, 32), (3, 3), 2 * 32 + 3), ((10,), (3,), 3), ((4, 4), (1, 1), 1), ((4, 4), (9, 9), 16)],
)
def test_fill_of_a_convolution(size, kernel, needed):
    assert convolution_fill(size=size, kernel=kernel) == pytest.approx(needed / math.prod(size))
