import pytest
import torch
from wire_referee import LINEAR_CASES, load, relative_error

from crossbar.parasitics import transfer_matrix
from devices import Wires

TOLERANCES = {torch.float64: 1e-10, torch.float32: 5e-6}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", LINEAR_CASES)
def test_referee_currents(name, dtype):
    case = load(name)
    transfer = transfer_matrix(case["conductance"].to(dtype), case.wires)
    assert transfer.dtype == dtype
    assert relative_error(case["voltages"] @ transfer.double(), case["currents"]) < TOLERANCES[dtype]


@pytest.mark.parametrize(
    ("conductance", "message"),
    [
        (torch.tensor([[1e-5, -1e-6]]), "`conductance` must be >= 0"),
        (torch.tensor([[1e-5, float("nan")]]), "`conductance` must be finite"),
        (torch.tensor([[1e-5, float("inf")]]), "`conductance` must be finite"),
        (torch.zeros(4), "must have shape"),
        (torch.zeros(4, 0), "at least one cell"),
    ],
)
def test_bad_conductance(conductance, message):
    with pytest.raises(ValueError, match=message):
        transfer_matrix(conductance, Wires(row=1.0))
