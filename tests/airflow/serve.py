"""A real Airflow on loopback, with `cluster.py` as its Kubernetes, until standard input ends.

    serve.py FOLDER DAGS CONFIG_MAPS PROGRAMS

It is the scheduler with its LocalExecutor, the DAG processor, and of the API server the part by which tasks report.
Once the DAGs are known, the environment for the command line `airflow` is printed, as one line of JSON.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

AIRFLOW = str(Path(sys.executable).with_name("airflow"))


def free_port() -> int:
    """Gives a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kubeconfig(url: str) -> str:
    """Gives the configuration by which a client finds the cluster."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "local",
            "clusters": [{"name": "local", "cluster": {"server": url}}],
            "users": [{"name": "local", "user": {}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        }
    )


def node_environment() -> dict[str, str]:
    """Gives what every container has beside its spec: how to reach the lake, as an identity webhook adds it."""
    names = ("PATH", "LD_LIBRARY_PATH")
    kept = (name for name in os.environ if name in names or name.startswith(("AWS_", "LAKEWARD_")))
    return {name: os.environ[name] for name in kept}


def settings(home: Path, dags: Path, port: int) -> dict[str, str]:
    """Gives the environment of every part of Airflow: nothing of what a machine has set for its own comes along."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return inherited | {
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "KUBECONFIG": str(home / "kubeconfig"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def serving(cluster: Cluster, port: int) -> Iterator[None]:
    """Serves the API of a cluster."""
    server = uvicorn.Server(uvicorn.Config(cluster.app(), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def running(part: str, environment: dict[str, str]) -> Iterator[None]:
    """Runs a part of Airflow, with whatever it starts, in a group of processes that ends with it."""
    log = Path(environment["AIRFLOW_HOME"]) / f"{part.split(maxsplit=1)[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [AIRFLOW, *part.split()], env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    """Starts everything, and waits."""
    home, dags, config_maps, programs = (Path(path) for path in sys.argv[1:])
    home.mkdir(parents=True)
    cluster = Cluster(home / "pods", config_maps, programs, node_environment())
    port = free_port()
    environment = settings(home, dags, free_port())
    (home / "kubeconfig").write_text(kubeconfig(f"http://127.0.0.1:{port}"))
    # The DAG processor would find the DAGs as well, but nobody could tell when.
    for preparation in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([AIRFLOW, *preparation], env=environment, stdout=sys.stderr, check=True)
    with ExitStack() as stack:
        stack.enter_context(serving(cluster, port))
        for part in ("api-server --apps execution", "dag-processor", "scheduler"):
            stack.enter_context(running(part, environment))
        print(json.dumps(environment), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
