"""MIME: many tasks on one programmed chip, by thresholds (arXiv 2204.05274, reconstructed from the abstract)."""

from calibration.mime.attach import attach_thresholds as attach_thresholds
from calibration.mime.attach import named_thresholds as named_thresholds
from calibration.mime.surrogates import AbstractSurrogate as AbstractSurrogate
from calibration.mime.surrogates import LongTailedSurrogate as LongTailedSurrogate
from calibration.mime.surrogates import TriangularSurrogate as TriangularSurrogate
from calibration.mime.threshold import Threshold as Threshold
