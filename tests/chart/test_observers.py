"""Who is told of the steps, and how what they put is encrypted: the same for every pod, whatever makes it."""

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import chart
from kubelet import FIELDS, Pod

COLLECTOR = "http://otel-collector.observability:4318"
CATALOG = "https://marquez.example/lineage"
DEFAULTS = {
    "encryption": {"sse": "aws:kms", "kmsKeyId": "alias/lake", "bucketKeyEnabled": True},
    "otlp": {
        "endpoint": COLLECTOR,
        "headersSecret": {"name": "otel", "key": "headers"},
        "serviceName": "lake",
        "resourceAttributes": {"team": "analytics", "deployment.environment.name": "production"},
    },
    "openlineage": {"url": CATALOG, "apiKeySecret": {"name": "marquez", "key": "api-key"}, "namespace": "shop"},
}


def containers(values, argo):
    """Every container that runs a step, with its place."""
    job = {} if argo else {"job": {"runTs": "2026-05-19T06:00:00Z"}}
    table = {**chart.ORDERS["tables"]["orders"], **job, **values.get("table", {})}
    objects = chart.render({"defaults": values["defaults"], "tables": {"orders": table}, "argo": {"enabled": argo}})
    found = [(where, container) for where, _, _, some in chart.pods(objects) for container in some]
    programs = {container["command"][0].removeprefix("lakeward-") for _, container in found}
    assert programs == {"write", "register", "verify", "swap", "gc"}
    return found


everywhere = pytest.mark.parametrize("argo", [True, False], ids=["argo", "jobs"])


@everywhere
def test_every_step_encrypts_as_values_say(argo):
    for where, container in containers({"defaults": DEFAULTS}, argo):
        variables = chart.variables(container)
        assert variables["LAKEWARD_SSE"] == "aws:kms", where
        assert variables["LAKEWARD_SSE_KMS_KEY_ID"] == "alias/lake", where
        assert variables["LAKEWARD_BUCKET_KEY_ENABLED"] == "true", where


@everywhere
def test_every_step_tells_the_collector_who_it_is(argo):
    for where, container in containers({"defaults": DEFAULTS}, argo):
        variables = chart.variables(container)
        assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == COLLECTOR, where
        assert variables["OTEL_SERVICE_NAME"] == "lake", where
        # As the kubelet does, which replaces a name by what stands before it in the list.
        fields = {
            v["name"]: v["valueFrom"]["fieldRef"]["fieldPath"]
            for v in container["env"]
            if "fieldRef" in v.get("valueFrom", {})
        }
        names = [v["name"] for v in container["env"]]
        assert all(names.index(name) < names.index("OTEL_RESOURCE_ATTRIBUTES") for name in fields), where
        attributes = re.sub(r"\$\((\w+)\)", lambda found: fields[found[1]], variables["OTEL_RESOURCE_ATTRIBUTES"])
        assert dict(pair.split("=") for pair in attributes.split(",")) == {
            "k8s.namespace.name": "metadata.namespace",
            "k8s.node.name": "spec.nodeName",
            "k8s.pod.name": "metadata.name",
            "k8s.pod.uid": "metadata.uid",
            "team": "analytics",
            "deployment.environment.name": "production",
        }, where


@everywhere
def test_every_step_tells_the_catalog(argo):
    for where, container in containers({"defaults": DEFAULTS}, argo):
        variables = chart.variables(container)
        assert (variables["OPENLINEAGE_URL"], variables["OPENLINEAGE_NAMESPACE"]) == (CATALOG, "shop"), where


@everywhere
def test_keys_come_from_secrets_that_no_step_waits_for(argo):
    for where, container in containers({"defaults": DEFAULTS}, argo):
        keys = {
            v["name"]: v["valueFrom"]["secretKeyRef"]
            for v in container["env"]
            if "secretKeyRef" in v.get("valueFrom", {})
        }
        assert keys == {
            # Without `optional` a pod whose Secret is missing never starts.
            "OTEL_EXPORTER_OTLP_HEADERS": {"name": "otel", "key": "headers", "optional": True},
            "OPENLINEAGE_API_KEY": {"name": "marquez", "key": "api-key", "optional": True},
        }, where


@everywhere
def test_the_trace_is_left_to_the_steps_which_share_one(argo):
    for where, container in containers({"defaults": DEFAULTS}, argo):
        assert "TRACEPARENT" not in [v["name"] for v in container["env"]], where


@everywhere
def test_nobody_is_told_and_nothing_said_of_encryption_by_default(argo):
    for where, container in containers({"defaults": {}}, argo):
        names = " ".join(v["name"] for v in container["env"])
        assert not re.search("OTEL|OPENLINEAGE|SSE|BUCKET_KEY", names), where


@everywhere
def test_a_table_can_differ(argo):
    table = {
        "encryption": {"sse": "AES256", "kmsKeyId": "", "bucketKeyEnabled": False},
        "otlp": {"resourceAttributes": {"team": "shop"}},
        "openlineage": {"url": ""},
    }
    for where, container in containers({"defaults": DEFAULTS, "table": table}, argo):
        variables = chart.variables(container)
        assert variables["LAKEWARD_SSE"] == "AES256", where
        assert not {"LAKEWARD_SSE_KMS_KEY_ID", "LAKEWARD_BUCKET_KEY_ENABLED"} & variables.keys(), where
        attributes = variables["OTEL_RESOURCE_ATTRIBUTES"]
        assert "team=shop" in attributes and "deployment.environment.name=production" in attributes, where
        # Its key neither: it is for nobody else.
        assert not [v["name"] for v in container["env"] if v["name"].startswith("OPENLINEAGE")], where


@contextmanager
def collector():
    """Takes what it is told by HTTP, whatever it is: the URL, and the paths, headers and bodies so far."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()
            thread.join()


def published(values, folder, lake):
    """Runs the steps of a table's Job."""
    objects = chart.render({**values, "argo": {"enabled": False}})
    pod = Pod(folder, chart.one(objects, "ConfigMap", "lake-lakeward-orders"), lake)
    [job] = [o for o in objects if o["kind"] == "Job"]
    spec = job["spec"]["template"]["spec"]
    for container in spec["initContainers"] + spec["containers"]:
        pod.run(container)


def test_the_steps_of_a_job_tell_one_trace_and_encrypt_as_values_say(tmp_path, lake):
    with collector() as (url, told):
        defaults = {
            "encryption": {"sse": "aws:kms", "kmsKeyId": "alias/lake", "bucketKeyEnabled": True},
            "otlp": {
                "endpoint": url,
                "headersSecret": {"name": "otel", "key": "headers"},
                "resourceAttributes": {"team": "analytics"},
            },
            # This Secret is not there, and the step goes on without its key.
            "openlineage": {"url": url, "apiKeySecret": {"name": "marquez", "key": "api-key"}, "namespace": "shop"},
        }
        published(chart.with_table(job={"runTs": "2026-05-19T06:00:00Z"}) | {"defaults": defaults}, tmp_path, lake)
    trace = hashlib.sha256(b"s3://lake/analytics/orders/\n2026-05-19-060000").digest()[:16]
    spans = [(headers, body) for path, headers, body in told if path == "/v1/traces"]
    for step in ("write", "register", "verify", "swap"):
        [(headers, body)] = [(headers, body) for headers, body in spans if f"lakeward-{step}".encode() in body]
        assert trace in body, step
        assert headers["Authorization"] == "Bearer planted", step
        names = ["k8s.namespace.name", "k8s.node.name", "k8s.pod.name", "k8s.pod.uid", "team"]
        assert all(word.encode() in body for word in [*names, *FIELDS.values()]), step
    lineage = [(headers, json.loads(body)) for path, headers, body in told if path == "/api/v1/lineage"]
    assert {event["job"]["namespace"] for _, event in lineage} == {"shop"}
    assert {event["job"]["name"].rsplit(".")[-1] for _, event in lineage} == {"write", "register", "verify", "swap"}
    assert not [headers for headers, _ in lineage if "Authorization" in headers]
    asked = {"algorithm": "aws:kms", "key": "alias/lake", "bucket_key": True}
    kept = [json.loads(path.read_text()) for path in (tmp_path / "lake/objects").iterdir()]
    assert kept and all(o["object"]["headers"]["encryption"] == asked for o in kept)
