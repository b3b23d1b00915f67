"""The one error at the end of a sweep that is not finished."""

from collections import Counter
from pathlib import Path

import numpy as np

from crossbar.sweeps.errors import SweepError
from crossbar.sweeps.schedule import Outcome
from crossbar.sweeps.specification import Specification
from crossbar.sweeps.state import State

_SHOWN = 10


def summarise(
    sweep: Specification,
    path: Path,
    state: State,
    outcome: Outcome,
) -> SweepError:
    """Return the error that says what is missing in the store at `path`, why, and what to do."""
    done = state.done
    missing = [tuple(index) for index in np.argwhere(~done).tolist()]
    failures = {sweep.label(index): outcome.errors[index] for index in missing if index in outcome.errors}
    lines = [f"{len(missing)} of {done.size} points are not computed; the others are stored in {path}."]
    if outcome.broken is not None:
        lines.append(
            f"The executor takes no more jobs ({type(outcome.broken).__name__}: {outcome.broken}). A worker process "
            "may have been killed, have run out of memory, or have imported a script without "
            "`if __name__ == '__main__':`."
        )
        running = [sweep.label(tuple(index)) for index in np.argwhere(state.started).tolist()]
        if running:
            lines.append(f"Being computed at that moment: {'; '.join(running[:_SHOWN])}.")
    if failures:
        lines += [f"  {name}: {error}" for name, error in list(failures.items())[:_SHOWN]]
        if len(failures) > _SHOWN:
            kinds = Counter(error.partition(":")[0] for error in failures.values())
            lines.append(f"  ... in all {', '.join(f'{count} x {kind}' for kind, count in kinds.most_common())}")
        lines.append(f"Tracebacks: sweep_failures({str(path)!r}).")
    lines.append("Run the same line again (with a new executor, if it broke) to compute only what is missing.")
    return SweepError("\n".join(lines), failures)
