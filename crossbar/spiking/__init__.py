"""Spikes: neurons, conversion of quantised networks, and runs over time steps, digital or on crossbars.

>>> quantised = xb.quantise_activations(model, train_batches, levels=15)   # a trained ReLU network
>>> spiking = xb.spiking_from_quantised(quantised)
>>> course = xb.run_over_time(spiking, images, steps=64)                   # course.answer is what `quantised` says
>>> config = xb.CrossbarConfig(inputs=xb.InputConfig(bits=1, negative="bipolar"), adc=xb.ADC(bits=8))
>>> analog = xb.convert_to_analog(spiking, config, overrides={"conv1": image_config})
>>> xb.program_analog_weights(analog, seed=0)
>>> counts = xb.count_events(xb.OverTime(analog, steps=64), images)        # pulses, reads, conversions of all steps
"""

from crossbar.spiking.calibrate_activations import calibrate_activations as calibrate_activations
from crossbar.spiking.conversion import spiking_from_quantised as spiking_from_quantised
from crossbar.spiking.counting_neuron import CountingNeuron as CountingNeuron
from crossbar.spiking.event_driven_layer import EventDrivenLayer as EventDrivenLayer
from crossbar.spiking.integrate_and_fire import IntegrateAndFire as IntegrateAndFire
from crossbar.spiking.leaky_integrate_and_fire import LeakyIntegrateAndFire as LeakyIntegrateAndFire
from crossbar.spiking.neuron import AbstractNeuron as AbstractNeuron
from crossbar.spiking.nir_import import spiking_from_nir as spiking_from_nir
from crossbar.spiking.over_time import OverTime as OverTime
from crossbar.spiking.quantise_activations import quantise_activations as quantise_activations
from crossbar.spiking.quantised_activation import AbstractQuantisedActivation as AbstractQuantisedActivation
from crossbar.spiking.quantised_identity import QuantisedIdentity as QuantisedIdentity
from crossbar.spiking.quantised_relu import QuantisedReLU as QuantisedReLU
from crossbar.spiking.run_over_time import TimeCourse as TimeCourse
from crossbar.spiking.run_over_time import run_over_time as run_over_time
from crossbar.spiking.state import AbstractStateful as AbstractStateful
from crossbar.spiking.state import reset_state as reset_state
from crossbar.spiking.surrogates import AbstractSurrogate as AbstractSurrogate
from crossbar.spiking.surrogates import ArctangentSurrogate as ArctangentSurrogate
from crossbar.spiking.surrogates import FastSigmoidSurrogate as FastSigmoidSurrogate
from crossbar.spiking.surrogates import TriangularSurrogate as TriangularSurrogate
from crossbar.spiking.ternary_integrate_and_fire import TernaryIntegrateAndFire as TernaryIntegrateAndFire
