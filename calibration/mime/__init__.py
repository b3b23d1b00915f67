"""MIME: many tasks on one programmed chip, by thresholds (arXiv 2204.05274, reconstructed from the abstract)."""

from calibration.mime.attach import attach_thresholds as attach_thresholds
from calibration.mime.attach import named_thresholds as named_thresholds
from calibration.mime.calibrate_thresholds import calibrate_thresholds as calibrate_thresholds
from calibration.mime.memory_report import memory_report as memory_report
from calibration.mime.sparsity_report import sparsity_report as sparsity_report
from calibration.mime.surrogates import AbstractSurrogate as AbstractSurrogate
from calibration.mime.surrogates import LongTailedSurrogate as LongTailedSurrogate
from calibration.mime.surrogates import TriangularSurrogate as TriangularSurrogate
from calibration.mime.systolic import SystolicLadder as SystolicLadder
from calibration.mime.systolic import systolic_report as systolic_report
from calibration.mime.task import Task as Task
from calibration.mime.task import read_task as read_task
from calibration.mime.task_bank import TaskBank as TaskBank
from calibration.mime.task_costs import task_costs as task_costs
from calibration.mime.threshold import Threshold as Threshold
from calibration.mime.train_task import TrainedTask as TrainedTask
from calibration.mime.train_task import train_task as train_task
