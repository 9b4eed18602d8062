"""Runs the containers of a pod as processes of this machine, with what the kubelet would give them."""

import json
import os
import re
import subprocess
from pathlib import Path

PROGRAMS = Path(os.environ["LAKEWARD_PROGRAMS"])
# What of this machine the programs see: where DuckDB's extensions are, as the image says it to its containers.
INHERITED = ["LAKEWARD_EXTENSION_DIR"]
# What the Secrets of the cluster hold, and what a pod is told of itself.
SECRETS = {("otel", "headers"): "authorization=Bearer planted"}
FIELDS = {
    "metadata.name": "pod-1",
    "metadata.namespace": "analytics",
    "metadata.uid": "0c4b1f3e-2a67-4f0e-9a59-8d2f6e1b7c55",
    "spec.nodeName": "node-1",
}


def given(container):
    """The environment that the kubelet makes of a container's: with Secrets and fields, and names replaced by values."""
    found = {}
    for variable in container.get("env", []):
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            found[variable["name"]] = FIELDS[source["fieldRef"]["fieldPath"]]
        elif "secretKeyRef" in source:
            secret = source["secretKeyRef"]
            held = SECRETS.get((secret["name"], secret["key"]))
            assert held or secret["optional"], "the pod would not start"
            found |= {variable["name"]: held} if held else {}
        else:
            known = dict(found)
            found[variable["name"]] = re.sub(
                r"\$\((\w+)\)", lambda name: known.get(name[1], name[0]), variable["value"]
            )
    return found


class Pod:
    """Runs containers with folders of a test in place of their mounts."""

    def __init__(self, folder, config_map, lake):
        self.folder, self.lake = folder, lake
        for name in ("specs", "scratch", "tmp"):
            (folder / name).mkdir()
        for name, content in config_map["data"].items():
            (folder / "specs" / name).write_text(content)

    def run(self, container):
        """Runs a container, which has to succeed, and returns its result."""
        result = self.result_of(container)
        assert result["status"] == "done", result
        return result

    def result_of(self, container):
        """Runs a container to its end and returns its result."""
        mounts = "|".join(mount["mountPath"] for mount in container["volumeMounts"])

        def placed(word):
            return re.sub(f"(^|=)({mounts})(?=/|$)", lambda found: f"{found[1]}{self.folder}{found[2]}", word)

        [program] = container["command"]
        variables = {name: placed(value) for name, value in given(container).items()}
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        done = subprocess.run(
            [PROGRAMS / program, *map(placed, container["args"])],
            env={**inherited, **self.lake, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)
