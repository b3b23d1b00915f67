"""What programming leaves of a target conductance."""

from devices.programming.base import AbstractProgrammingError as AbstractProgrammingError
from devices.programming.exact import ExactProgramming as ExactProgramming
from devices.programming.gaussian import GaussianProgramming as GaussianProgramming
