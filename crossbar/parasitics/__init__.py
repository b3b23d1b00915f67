"""Exact wire resistance: transfer matrices, node voltages, and what to make of them."""

from crossbar.parasitics.solution import CrossbarSolution as CrossbarSolution
from crossbar.parasitics.solve_crossbar import solve_crossbar as solve_crossbar
from crossbar.parasitics.transfer_matrix import transfer_matrix as transfer_matrix
