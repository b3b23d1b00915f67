"""What a chip costs: exact counts of events, named prices, and what follows from both."""

from crossbar.cost import architectures as architectures
from crossbar.cost.adc_laws import AbstractADCLaw as AbstractADCLaw
from crossbar.cost.adc_laws import FixedADC as FixedADC
from crossbar.cost.adc_laws import IsaacScalingADC as IsaacScalingADC
from crossbar.cost.adc_laws import LinearInBitsADC as LinearInBitsADC
from crossbar.cost.adc_laws import SurveyADC as SurveyADC
from crossbar.cost.architecture import Architecture as Architecture
from crossbar.cost.architectures import ARCHITECTURES as ARCHITECTURES
from crossbar.cost.bridge import component_from_hwcomponents as component_from_hwcomponents
from crossbar.cost.comparison import compare_costs as compare_costs
from crossbar.cost.component import Component as Component
from crossbar.cost.cost_report import cost_report as cost_report
from crossbar.cost.cost_report import tops_per_watt as tops_per_watt
from crossbar.cost.cost_table import cost_table as cost_table
from crossbar.cost.event_counts import count_events as count_events
from crossbar.cost.events import EVENTS as EVENTS
from crossbar.cost.node_scaling import scale_to_node as scale_to_node
from crossbar.cost.peak import peak_report as peak_report
from crossbar.cost.serialization import architecture_from_json as architecture_from_json
from crossbar.cost.serialization import architecture_to_json as architecture_to_json
from crossbar.cost.writing import write_cost as write_cost
