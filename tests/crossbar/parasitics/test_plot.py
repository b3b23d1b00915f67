import pytest
import torch

from crossbar.parasitics import plot_ir_drop, solve_crossbar
from devices import Wires
from tests.crossbar.parasitics.wire_arrays import random_array


def test_panels_show_the_voltages():
    pytest.importorskip("matplotlib")
    voltages = torch.full((6,), 0.2, dtype=torch.float64)
    voltages[3] = 0
    solution = solve_crossbar(random_array(6, 4), voltages, Wires(row=50.0, column=50.0))
    figure = plot_ir_drop(solution, voltages)
    panels = [axes.images[0].get_array() for axes in figure.axes if axes.images and axes.get_title()]
    assert len(panels) == 3
    assert torch.allclose(torch.as_tensor(panels[0].data), solution.word_line_voltages * 1e3)
    lost = 100 * (1 - solution.cell_voltages / 0.2)
    assert torch.allclose(torch.as_tensor(panels[2].data)[:3], lost[:3])
    assert panels[2].mask[3].all()
    figure.canvas.draw()


def test_one_array_at_a_time():
    solution = solve_crossbar(random_array(6, 4), torch.rand(2, 6, dtype=torch.float64), Wires(row=5.0))
    with pytest.raises(ValueError, match="one array and one input"):
        plot_ir_drop(solution)
