"""The chart as helm renders it. `cargo xtask chart` says in the environment where the tools are."""

import os
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "lakeward"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))

# One table, nothing more: what most tests begin with.
ORDERS = {
    "tables": {
        "orders": {
            "spec": {
                "table": "s3://lake/analytics/orders/",
                "glue_table": "analytics.orders",
                "sql": "SELECT 1 AS a",
            }
        }
    }
}


class Refused(Exception):
    """Helm did not render the chart, and said why."""


class YamlLoader(yaml.CSafeLoader):
    """Takes no key twice: the second would silently win."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise Refused(f"a key is there twice at {node.start_mark}: {keys}")
        return super().construct_mapping(node, deep)


def helm(*arguments, values=None):
    """Runs helm; `values` is given to it on standard input."""
    command = [os.environ["LAKEWARD_HELM"], *map(str, arguments)]
    if values is not None:
        command += ["--values", "-"]
    text = yaml.safe_dump(values) if values is not None else None
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render_text(*flags, values=None, release="lake", chart=CHART):
    """What helm renders, as text."""
    return helm("template", release, chart, "--namespace", "analytics", *flags, values=values)


def parse(text):
    """The objects in what helm rendered."""
    return [document for document in yaml.load_all(text, Loader=YamlLoader) if document]


def render(values=None, *flags, release="lake", chart=CHART):
    """The objects that helm renders."""
    return parse(render_text(*flags, values=values, release=release, chart=chart))


def with_table(**fields):
    """The values of `ORDERS` with more fields of the table."""
    return {"tables": {"orders": {**ORDERS["tables"]["orders"], **fields}}}


def one(objects, kind, name):
    """The one object of that kind and name."""
    found = [o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{len(found)} of {kind} {name} among {names(objects)}"
    return found[0]


def names(objects):
    """The kinds and names of objects."""
    return sorted((o["kind"], o["metadata"]["name"]) for o in objects)


def template(workflow, name):
    """A template of a WorkflowTemplate, or of a CronWorkflow's workflow."""
    spec = workflow["spec"].get("workflowSpec", workflow["spec"])
    found = [t for t in spec["templates"] if t["name"] == name]
    assert len(found) == 1, f"{len(found)} templates {name}"
    return found[0]


def parameters(part):
    """The names and values of an Argo object's parameters."""
    return {p["name"]: p.get("value") for p in part["parameters"]}


def variables(container):
    """The environment variables of a container that have a value."""
    return {v["name"]: v["value"] for v in container.get("env", []) if "value" in v}


def exit_codes():
    """The exit codes that docs/PROTOCOL.md lists, and whether to run the step again."""
    text = (ROOT / "docs" / "PROTOCOL.md").read_text()
    section = text.split("## Exit codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", section, flags=re.MULTILINE)
    assert len(rows) == 8
    return {int(code): action.startswith(("retry", "run the same command again")) for code, action in rows}


def pods(objects):
    """Everything that becomes a pod: a description, the pod's own settings, its volumes, and its containers."""
    for o in objects:
        where = f"{o['kind']} {o['metadata']['name']}"
        if o["kind"] in ("WorkflowTemplate", "CronWorkflow"):
            spec = o["spec"].get("workflowSpec", o["spec"])
            for t in spec.get("templates", []):
                if "container" in t:
                    yield f"{where} {t['name']}", spec, t["volumes"], [t["container"]]
        elif o["kind"] in ("Job", "CronJob"):
            job = o["spec"]["jobTemplate"]["spec"] if o["kind"] == "CronJob" else o["spec"]
            pod = job["template"]["spec"]
            yield where, pod, pod["volumes"], pod.get("initContainers", []) + pod["containers"]
