"""Surrogate gradients, one file each."""

from crossbar.spiking.surrogates.arctangent import ArctangentSurrogate as ArctangentSurrogate
from crossbar.spiking.surrogates.base import AbstractSurrogate as AbstractSurrogate
from crossbar.spiking.surrogates.fast_sigmoid import FastSigmoidSurrogate as FastSigmoidSurrogate
from crossbar.spiking.surrogates.triangular import TriangularSurrogate as TriangularSurrogate
