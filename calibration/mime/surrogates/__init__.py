"""Pulses that carry a gradient across the step of a threshold."""

from calibration.mime.surrogates.base import AbstractSurrogate as AbstractSurrogate
from calibration.mime.surrogates.long_tailed import LongTailedSurrogate as LongTailedSurrogate
from calibration.mime.surrogates.triangular import TriangularSurrogate as TriangularSurrogate
