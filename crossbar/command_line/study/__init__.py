"""Studies from one file."""

from crossbar.command_line.study.config_table import config_from_table as config_from_table
from crossbar.command_line.study.config_table import merged as merged
from crossbar.command_line.study.config_table import nested as nested
from crossbar.command_line.study.mistake import FieldError as FieldError
from crossbar.command_line.study.point import load_study as load_study
from crossbar.command_line.study.point import study_point as study_point
from crossbar.command_line.study.remedies_check import check_remedies as check_remedies
from crossbar.command_line.study.sources import EXAMPLE_INPUTS as EXAMPLE_INPUTS
from crossbar.command_line.study.sources import EXAMPLE_MODELS as EXAMPLE_MODELS
from crossbar.command_line.study.sources import load_data as load_data
from crossbar.command_line.study.sources import load_model as load_model
from crossbar.command_line.study.sources import read_checkpoint as read_checkpoint
from crossbar.command_line.study.specification import Study as Study
from crossbar.command_line.study.specification import located as located
from crossbar.command_line.study.specification import read_study as read_study
from crossbar.command_line.study.specification import study_to_json as study_to_json
from crossbar.command_line.study.toml_file import read_toml as read_toml
