"""Arrays that test themselves by a checksum on bit lines of their own, and what is done about what they find."""

from crossbar.self_test.check import check_arrays as check_arrays
from crossbar.self_test.checksums import Checksums as Checksums
from crossbar.self_test.cost import checksum_cost as checksum_cost
from crossbar.self_test.faults import find_faults as find_faults
from crossbar.self_test.program import program_checksums as program_checksums
from crossbar.self_test.repair import repair_faults as repair_faults
from crossbar.self_test.settings import SelfTest as SelfTest
