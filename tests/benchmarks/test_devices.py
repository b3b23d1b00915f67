"""Benchmarks on a device that may not be there."""

import subprocess
import sys

import pytest
import torch

from benchmarks.engine import device_named
from benchmarks.timing import ratios, seconds_of


def test_the_cpu_is_always_there():
    assert device_named("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:64", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match="`device` must be"):
        device_named(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_command_says_so():
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "--device", "cuda"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "`device` must be one that this torch sees" in result.stderr


def test_work_on_a_gpu_is_waited_for(monkeypatch):
    done = []

    class Event:
        def __init__(self, *, enable_timing):
            assert enable_timing

        def record(self):
            done.append("event")

        def elapsed_time(self, end):
            done.append("read")
            return 250.0

    class Within:
        def __init__(self, device):
            pass

        def __enter__(self):
            pass

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "device", Within)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: done.append("wait"))
    assert seconds_of(lambda: done.append("work"), torch.device("cuda")) == 0.25
    assert done == ["wait", "event", "work", "event", "wait", "read"]


def test_ratios_of_the_same_work():
    def work():
        torch.ones(200, 200) @ torch.ones(200, 200)

    found = ratios({"one": work, "same": work}, base="one", rounds=9)
    assert found["one"] == 1
    assert 0.2 < found["same"] < 5
