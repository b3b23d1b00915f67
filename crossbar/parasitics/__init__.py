"""Exact wire resistance: transfer matrices, node voltages, and what to make of them."""

from crossbar.parasitics.estimate import ir_drop_estimate as ir_drop_estimate
from crossbar.parasitics.input_admittance import input_admittance as input_admittance
from crossbar.parasitics.noise_sensitivity import noise_response as noise_response
from crossbar.parasitics.noise_sensitivity import noise_share as noise_share
from crossbar.parasitics.plot import plot_ir_drop as plot_ir_drop
from crossbar.parasitics.read_noise import attenuation as attenuation
from crossbar.parasitics.read_noise import output_noise_variance as output_noise_variance
from crossbar.parasitics.read_power import ReadPower as ReadPower
from crossbar.parasitics.read_power import read_power as read_power
from crossbar.parasitics.read_power import split_read_power as split_read_power
from crossbar.parasitics.solution import CrossbarSolution as CrossbarSolution
from crossbar.parasitics.solve_crossbar import solve_crossbar as solve_crossbar
from crossbar.parasitics.transfer_matrix import transfer_matrix as transfer_matrix
