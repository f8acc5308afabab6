"""A run in a process of its own: plays the storm, or goes on with a snapshot or a run directory, and prints what
it got.

``python -m tests.runs.play whole``, ``… restore FILE`` or ``… killed DIR MOMENT`` (which kills itself at MOMENT).
"""

import json
import os
import signal
import sys
from pathlib import Path

import pandas as pd

import twin
from tests.runs.worlds import fingerprint, storm
from twin import _core


def finished(run: twin.Run, since: pd.Timestamp | None) -> dict[str, str]:
    run.advance(run.end)
    state = run.state_digest()
    results = run.finish()
    return {"isa": _core.isa, "state": state, "digest": results.summary["digest"], **fingerprint(results, since)}


def main(task: str, *arguments: str) -> None:
    if task == "killed":
        with twin.Run(storm(), arguments[0]) as run:
            run.advance(pd.Timestamp(arguments[1]))
            os.kill(os.getpid(), signal.SIGKILL)
    run = twin.Run(storm()) if task == "whole" else twin.Run.restore(Path(arguments[0]).read_bytes())
    with run:
        answer = finished(run, run.now if task == "restore" else None)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
