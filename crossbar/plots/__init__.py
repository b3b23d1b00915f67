"""Pictures of sweep results, fit for a paper column."""

from crossbar.plots.against import plot_against as plot_against
from crossbar.plots.before_after import plot_before_after as plot_before_after
from crossbar.plots.bit_planes import plot_bit_planes as plot_bit_planes
from crossbar.plots.cost_bars import plot_cost_bars as plot_cost_bars
from crossbar.plots.heat_map import plot_heat_map as plot_heat_map
from crossbar.plots.pareto import plot_pareto as plot_pareto
from crossbar.plots.saving import save_figure as save_figure
