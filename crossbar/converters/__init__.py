"""Converters between codes and currents."""

from crossbar.converters.adc import ADC as ADC
from crossbar.converters.adc import adc_step as adc_step
from crossbar.converters.adc import draw_converter_errors as draw_converter_errors
from crossbar.converters.adc import highest_code as highest_code
from crossbar.converters.adc import lossless_bits as lossless_bits
from crossbar.converters.at_hand import at_hand as at_hand
from crossbar.converters.inputs import CodeRange as CodeRange
from crossbar.converters.inputs import InputConfig as InputConfig
from crossbar.converters.inputs import code_range as code_range
from crossbar.converters.inputs import cut_pulses as cut_pulses
from crossbar.converters.inputs import pulse_power as pulse_power
from crossbar.converters.inputs import pulses as pulses
from crossbar.converters.inputs import quantize_inputs as quantize_inputs
from crossbar.converters.straight_through import straight_through as straight_through
