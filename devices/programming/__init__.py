"""What programming leaves of a target conductance."""

from devices.programming.as_formed import AsFormedProgramming as AsFormedProgramming
from devices.programming.base import AbstractProgrammingError as AbstractProgrammingError
from devices.programming.exact import ExactProgramming as ExactProgramming
from devices.programming.gaussian import GaussianProgramming as GaussianProgramming
from devices.programming.lognormal import LognormalProgramming as LognormalProgramming
from devices.programming.polynomial import PolynomialProgramming as PolynomialProgramming
from devices.programming.saturating import SaturatingProgramming as SaturatingProgramming
from devices.programming.table import TableProgramming as TableProgramming
from devices.programming.write_verify import WriteVerifyProgramming as WriteVerifyProgramming
