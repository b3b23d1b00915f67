"""Gradients of node voltages by one adjoint solve."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from crossbar.parasitics.ends import Ends, Terminals
from crossbar.parasitics.line_cg import LineSystem, factor_lines, solve_lines
from crossbar.parasitics.newton import Operating
from devices.current_voltage import AbstractCurrentVoltage


def differentiable_voltages(
    conductance: Tensor,
    resistances: Tensor,
    terminals: Terminals,
    ends: Ends,
    point: Operating,
    iv: AbstractCurrentVoltage,
    *,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, Tensor]:
    """Return the node voltages of a solved array, differentiable in what they follow from.

    The array is linear around its operating point and its node matrix symmetric. So the gradient of a loss is one
    more solve of the same lines, driven by the loss's derivatives; a conductance receives minus the product of the
    cell's own derivative and its adjoint voltage, a resistance the product of the currents of both solutions.
    """
    options = (ends, point, iv, tolerance, max_iterations)
    tensors = (conductance, resistances, terminals.left, terminals.right, terminals.bottom)
    word, bit = _Voltages.apply(*tensors, *options)
    return word, bit


class _Voltages(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, conductance: Tensor, resistances: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        """Compute, and keep what the adjoint pass needs."""
        left, right, _, ends, point, iv, tolerance, max_iterations = rest
        ctx.save_for_backward(conductance, left, right, point.word_line, point.bit_line)
        ctx.setting = ends, iv, tolerance, max_iterations
        return point.word_line.clone(), point.bit_line.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_word: Tensor, grad_bit: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by one adjoint pass."""
        conductance, left, right, word, bit = ctx.saved_tensors
        ends, iv, tolerance, max_iterations = ctx.setting
        voltage = word - bit
        slope = iv.differential_conductance(voltage, conductance)
        # Ohmic cells are the same for every input, and so are then the factors of the lines.
        system = factor_lines(conductance if slope.stride(1) == 0 else slope, ends)
        word_drive = system.word_lines.solve(grad_word)
        bit_drive = system.bit_lines.solve(grad_bit.mT).mT
        adjoint = solve_lines(system, word_drive, bit_drive, tolerance=tolerance, max_iterations=max_iterations)
        if not adjoint.residual <= tolerance:
            raise RuntimeError(
                f"The adjoint solve reached a residual of {adjoint.residual:.2g}, not `tolerance` = {tolerance:g}. "
                "Raise `max_iterations` or `tolerance`."
            )
        across = adjoint.word_line - adjoint.bit_line
        with torch.enable_grad():
            cells = conductance.detach().requires_grad_()
            current = iv.current(voltage, cells)
            (grad_cells,) = torch.autograd.grad(current, cells, -across)
        word_injected = torch.addcmul(grad_word, system.cells, adjoint.bit_line)
        bit_injected = torch.addcmul(grad_bit, system.cells, adjoint.word_line)
        grad_left, grad_right = system.word_lines.end_currents(word_injected)
        grad_bottom = system.bit_lines.end_currents(bit_injected.mT)[1]
        leaving = system.cells * across
        currents = current.detach()
        source = _source_currents(system, currents, system.cells * word - currents, left, right)
        from_word = _word_line_products(currents, source, grad_word - leaving, -grad_left)
        from_bit = _bit_line_products(currents, grad_bit + leaving)
        grad_resistances = torch.stack([from_word[0], from_bit[0], from_word[1], from_bit[1]])
        return grad_cells, grad_resistances, grad_left, grad_right, grad_bottom, None, None, None, None, None


def _source_currents(system: LineSystem, currents: Tensor, injected: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return the current `(arrays, inputs, rows)` out of each left source, 0 where that end is open."""
    lines = system.word_lines
    returned, _ = lines.end_currents(injected)
    return lines.left_load * left + (left - right) / lines.through - returned


def _word_line_products(
    current: Tensor, source: Tensor, adjoint: Tensor, adjoint_source: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the products of both solutions' segment currents, over all segments and over the end segments."""
    flow = source.unsqueeze(-1) - torch.nn.functional.pad(current.cumsum(-1), (1, 0))
    adjoint_flow = adjoint_source.unsqueeze(-1) + torch.nn.functional.pad(adjoint.cumsum(-1), (1, 0))
    products = flow * adjoint_flow
    return products.sum(), products[..., 0].sum() + products[..., -1].sum()


def _bit_line_products(current: Tensor, adjoint: Tensor) -> tuple[Tensor, Tensor]:
    products = current.cumsum(-2) * adjoint.cumsum(-2)
    return products.sum(), products[..., -1, :].sum()
