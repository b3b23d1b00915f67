"""Exact wire resistance: transfer matrices, node voltages, and what to make of them."""

from crossbar.parasitics.transfer_matrix import transfer_matrix as transfer_matrix
