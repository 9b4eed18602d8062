"""Waits until a DAG run has ended, or a task of it is in some state; prints how the run is, as one line of JSON.

    await_run.py DAG RUN_ID_PREFIX [TASK STATE]

The command line `airflow` tells the same, and takes seconds to start each time.
"""

from __future__ import annotations

import json
import sys
import time

from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session

GLANCE = 0.5
"""Seconds between two looks."""


def look(dag: str, prefix: str) -> dict[str, object] | None:
    """Tells how the first run whose id begins with `prefix` is."""
    with create_session() as session:
        runs = (run for run in DagRun.find(dag_id=dag, session=session) if run.run_id.startswith(prefix))
        run = next(runs, None)
        if run is None:
            return None
        tasks = {
            task.task_id: {"state": task.state and str(task.state), "tries": task.try_number}
            for task in run.get_task_instances(session=session)
        }
        return {
            "run_id": run.run_id,
            "run_after": run.run_after.isoformat(),
            "state": str(run.state),
            "tasks": tasks,
        }


def is_there(run: dict[str, object], task: str | None, state: str | None) -> bool:
    """Says whether a run is as it was waited for."""
    if task is None:
        return run["state"] in {"success", "failed"}
    tasks = run["tasks"]
    return isinstance(tasks, dict) and tasks[task]["state"] == state


def main() -> None:
    """Waits, and prints."""
    dag, prefix, task, state, *_ = [*sys.argv[1:], None, None]
    while not ((run := look(str(dag), str(prefix))) and is_there(run, task, state)):
        time.sleep(GLANCE)
    print(json.dumps(run))


if __name__ == "__main__":
    main()
