"""The chart in a cluster: its values for the local lake, what it runs, and what came of that."""

import json
import os
import signal
from pathlib import Path

import yaml
from cluster import LAKE, LAKE_PORT, NODE, Failed, until

CHART = Path(__file__).parents[2] / "charts" / "lakeward"
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
ENDED = ("Succeeded", "Failed", "Error")
RUN_TS = "2026-05-19T06:00:00Z"
RUN = "2026-05-19-060000"
# What a step takes on a small table; the default requests are for nodes that have more.
RESOURCES = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
ENDPOINT = {"name": "AWS_ENDPOINT_URL", "value": f"http://{NODE}:{LAKE_PORT}"}
KEYS = {"secretRef": {"name": "lake"}}
SCRATCH = {"type": "emptyDir", "size": "100Mi"}


def table(name, **fields):
    """A table's values."""
    spec = {
        "table": f"s3://lake/analytics/{name}/",
        "glue_table": f"analytics.{name}",
        "sql": "SELECT range AS id, getvariable('run_ts') AS at FROM range(1000)",
    }
    return {"spec": spec, "gc": {"schedule": ""}, "scratch": SCRATCH, **fields}


def values(tables, **more):
    """The chart's values for this cluster's lake; everything else is the chart's default."""
    small = {"resources": RESOURCES}
    return {
        "image": {"repository": "localhost/lakeward"},
        "slimImage": {"repository": "localhost/lakeward-slim"},
        "aws": {"region": "us-east-1"},
        "env": [ENDPOINT],
        "envFrom": [KEYS],
        "retry": {"limit": 3, "duration": "1s"},
        "patience": "2s",
        "defaults": {step: small for step in ("write", "register", "verify", "swap", "gc")},
        "tables": tables,
        **more,
    }


def install_workflows(cluster):
    """One release with all the tables that tests submit."""
    checks = {"checks.sql": "-- name: none_is_negative\nSELECT * FROM staged WHERE id < 0"}
    verify = {"checks": ["checks.sql"]}
    tables = {name: table(name) for name in ("twice", "throttled", "forbidden", "deleted", "killed", "stopped")}
    # The default scratch space: a volume of its own.
    tables["orders"] = table("orders", files=checks, verify=verify, gc={"schedule": "30 3 * * *"}, scratch={})
    tables["rejected"] = table("rejected", verify={"minRows": 2000})
    tables["slow"] = table("slow", activeDeadlineSeconds=30)
    cluster.helm("install", "lake", CHART, values=values(tables))


class Workflows:
    """What is submitted to Argo, and how it went."""

    def __init__(self, cluster):
        self.cluster = cluster

    def submit(self, name):
        """As `argo submit --from workflowtemplate/…` does; the workflow's name."""
        return self._create(name, {"workflowTemplateRef": {"name": f"lake-lakeward-{name}"}})

    def submit_cron(self, name):
        """As `argo submit --from cronwf/…` does."""
        cron = self.cluster.get("cronworkflow", f"lake-lakeward-{name}")
        return self._create(name, cron["spec"]["workflowSpec"])

    def _create(self, name, spec):
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
        return self.cluster.create({**kind, "metadata": {"generateName": f"{name}-"}, "spec": spec})

    def stop(self, name):
        """As `argo stop` does."""
        patch = json.dumps({"spec": {"shutdown": "Stop"}})
        self.cluster.kubectl("patch", "workflow", name, "--namespace", LAKE, "--type", "merge", "--patch", patch)

    def schedule(self, name):
        """Adds a table that is published every minute to a release that has other tables."""
        tables = {f"another{n}": table(f"another{n}") for n in range(12)}
        self.cluster.helm("install", name, CHART, values=values(tables))
        tables[name] = table(name, schedule="* * * * *")
        self.cluster.helm("upgrade", name, CHART, values=values(tables))

    def kill_write(self, name):
        """Ends the process of a workflow's write as the kernel does when memory is short."""
        key = f"LAKEWARD_RUN_KEY={self.get(name)['metadata']['uid']}".encode()
        writes = [
            p for p in Path("/proc").glob("[0-9]*") if read(p / "cmdline").startswith(b"/usr/local/bin/lakeward-write")
        ]
        [process] = [p for p in writes if key in read(p / "environ")]
        os.kill(int(process.name), signal.SIGKILL)

    def of_schedule(self, name):
        """The names of the workflows that the schedule has made."""
        label = f"workflows.argoproj.io/cron-workflow={name}-lakeward-{name}"
        return [item["metadata"]["name"] for item in self.cluster.get("workflows", "--selector", label)["items"]]

    def get(self, name):
        return self.cluster.get("workflow", name)

    def nodes(self, name):
        """The nodes of a workflow by their display name."""
        found = self.get(name).get("status", {}).get("nodes", {})
        return {node["displayName"]: node for node in found.values()}

    def end(self, name):
        """The phase of the workflow when it has ended."""
        return until(name, lambda: (p := self.get(name).get("status", {}).get("phase")) in ENDED and p)

    def exit_codes(self, name, step):
        """The exit codes of a step's tries in their order; None for one that told none."""
        nodes = self.nodes(name)
        tries = [nodes[f"{step}({n})"] for n in range(10) if f"{step}({n})" in nodes]
        return [t.get("outputs", {}).get("exitCode") for t in tries]

    def results(self, name):
        """The workflow's output parameters."""
        return {p["name"]: p["value"] for p in self.nodes(name)[name]["outputs"]["parameters"]}

    def pods(self, name, step):
        """The pods of a workflow's step."""
        pods = self.cluster.get("pods", "--selector", f"workflows.argoproj.io/workflow={name}")["items"]
        return [pod for pod in pods if pod["metadata"]["name"].startswith(f"{name}-{step}-")]


def read(path):
    """What a file of a process holds; nothing when that has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Jobs:
    """Releases without Argo, each with one table and the Job that publishes it."""

    def __init__(self, cluster):
        self.cluster = cluster

    def install(self, name, **fields):
        """The name of the Job."""
        tables = {name: table(name, job={"runTs": RUN_TS}, **{"gc": {"schedule": "30 3 * * *"}, **fields})}
        self.cluster.helm("install", name, CHART, values=values(tables, argo={"enabled": False}))
        return f"{name}-lakeward-{name}-{RUN}"

    def end(self, name):
        """How the Job ended: Complete or Failed."""

        def ended():
            conditions = self.cluster.get("job", name)["status"].get("conditions", [])
            return [c["type"] for c in conditions if c["type"] in ("Complete", "Failed")]

        return until(name, ended)[0]

    def pods(self, name):
        """The Job's pods, the oldest first."""
        pods = self.cluster.get("pods", "--selector", f"batch.kubernetes.io/job-name={name}")["items"]
        return sorted(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def exit_codes(self, name):
        """The exit code of the last container that ran, for each pod that has ended."""
        ended = [pod for pod in self.pods(name) if pod["status"]["phase"] in ENDED]
        return [[s["exitCode"] for s in terminated(pod).values()][-1] for pod in ended]


def terminated(pod):
    """How the containers of a pod ended, in their order."""
    status = pod["status"]
    all_of_them = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    return {s["name"]: s["state"]["terminated"] for s in all_of_them if "terminated" in s["state"]}


def message(pod, container="main"):
    """What a container left in its termination log."""
    return terminated(pod)[container].get("message", "")


def volumes(cluster, workflow):
    """How many volumes the pods of a workflow have taken; they are nobody else's after that."""
    taken = [volume["spec"].get("claimRef", {}).get("name", "") for volume in cluster.get("persistentvolumes")["items"]]
    return len([name for name in taken if name.startswith(f"{workflow}-")])


def status(cluster, name):
    """What `lakeward-status --json` tells of a table, from a pod."""
    secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        **{"name": "status", "image": f"localhost/lakeward-slim:{VERSION}", "securityContext": secure},
        **{"command": ["lakeward-status", f"s3://lake/analytics/{name}/", "--json"]},
        **{"env": [ENDPOINT], "envFrom": [KEYS]},
    }
    user = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "securityContext": user, "containers": [container]}
    pod = cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "status-"}, "spec": spec})
    phase = until(pod, lambda: (p := cluster.get("pod", pod)["status"].get("phase")) in ENDED and p)
    logs = cluster.kubectl("logs", "--namespace", LAKE, pod)
    if phase != "Succeeded":
        raise Failed(f"{pod}: {logs}")
    return next(line for line in map(json.loads, filter(None, logs.splitlines())) if "runs" in line)


def runs(cluster, name):
    """The phases of a table's runs, by run."""
    return {run["run"]: run["phase"] for run in status(cluster, name)["runs"]}
