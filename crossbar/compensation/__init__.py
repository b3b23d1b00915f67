"""Programming for the wires: targets for which the arrays do what the weights say."""

from crossbar.compensation.compensate import Compensation as Compensation
from crossbar.compensation.compensate import NothingToCompensateWarning as NothingToCompensateWarning
from crossbar.compensation.compensate import compensate as compensate
