"""What pods the helper of examples/airflow has Airflow's pod operator ask for."""

from __future__ import annotations

import unittest
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import shop
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.sdk import DAG
from kubernetes.client import ApiClient
from kubernetes.client import models as k8s

from lakeward_airflow import (
    OPENLINEAGE_PARENT,
    LakewardStep,
    PodOptions,
    SecretKey,
    collect_garbage,
    encryption,
    openlineage,
    opentelemetry,
    publish_table,
)

Json = dict[str, Any]

STEPS = ("write", "register", "verify", "swap", "abandon")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_of(step: LakewardStep) -> Json:
    """Gives the pod that a task asks Kubernetes for."""
    # For a label it wants to know whether it runs in a cluster, and would look for one.
    with patch.object(KubernetesHook, "is_in_cluster", new=True):
        pod: Json = ApiClient().sanitize_for_serialization(step.build_pod_request_obj())
    return pod


def pods(pod: PodOptions, **own: PodOptions) -> dict[str, Json]:
    """Gives the pods of a table's steps."""
    options: PodOptions = {"image": "lakeward:0.1.0", "namespace": "lakeward"}
    options.update(pod)
    with DAG("publish", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        table = publish_table("orders", write=[], abandon="s3://lake/orders/", pod=options, **own)  # type: ignore[arg-type]
    return {step: pod_of(getattr(table, step)) for step in STEPS}


def environment(variables: list[k8s.V1EnvVar]) -> dict[str, Json]:
    """Gives variables by their names, as Kubernetes reads them."""
    found: list[Json] = ApiClient().sanitize_for_serialization(variables)
    return {variable.pop("name"): variable for variable in found}


class Pods(unittest.TestCase):
    """Their settings."""

    def test_every_container_of_every_pod_is_what_the_restricted_standard_asks_for(self) -> None:
        """The sidecar too, which the provider adds."""
        for step, pod in pods({}).items():
            with self.subTest(step):
                context = pod["spec"]["securityContext"]
                self.assertEqual((context["runAsNonRoot"], context["runAsUser"]), (True, 65532))
                self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
                names = [container["name"] for container in pod["spec"]["containers"]]
                self.assertEqual(names, ["base", "airflow-xcom-sidecar"])
                for container in pod["spec"]["containers"]:
                    self.assertEqual(container["securityContext"], RESTRICTED)

    def test_what_one_step_has_goes_before_what_all_share(self) -> None:
        """An account and an image of its own; the rest stays."""
        found = pods(
            {"service_account_name": "lakeward", "labels": {"team": "shop"}},
            write_pod={"service_account_name": "query"},
            abandon_pod={"service_account_name": "keeper", "image": "lakeward-slim:0.1.0"},
        )
        accounts = {step: pod["spec"]["serviceAccountName"] for step, pod in found.items()}
        self.assertEqual(accounts, dict.fromkeys(STEPS, "lakeward") | {"write": "query", "abandon": "keeper"})
        images = {step: pod["spec"]["containers"][0]["image"] for step, pod in found.items()}
        self.assertEqual(images, dict.fromkeys(STEPS, "lakeward:0.1.0") | {"abandon": "lakeward-slim:0.1.0"})
        self.assertTrue(all(pod["metadata"]["labels"]["team"] == "shop" for pod in found.values()))

    def test_variables_reach_every_step(self) -> None:
        """As they were made."""
        variables = [*encryption("AES256"), *opentelemetry("http://collector:4318", headers=SecretKey("otel", "h"))]
        for step, pod in pods({"env_vars": variables}).items():
            with self.subTest(step):
                given = {v["name"]: v for v in pod["spec"]["containers"][0]["env"]}
                self.assertEqual(given["LAKEWARD_SSE"]["value"], "AES256")
                self.assertEqual(given["OTEL_EXPORTER_OTLP_HEADERS"]["valueFrom"]["secretKeyRef"]["name"], "otel")

    def test_variables_of_one_step_are_all_that_it_has(self) -> None:
        """The shared ones are not added to them."""
        found = pods({"env_vars": encryption("AES256")}, write_pod={"env_vars": {"MORE": "1"}})
        names = {step: {v["name"] for v in pod["spec"]["containers"][0]["env"]} for step, pod in found.items()}
        self.assertIn("LAKEWARD_SSE", names["swap"])
        self.assertIn("MORE", names["write"])
        self.assertNotIn("LAKEWARD_SSE", names["write"])

    def test_gc_has_a_pod_as_the_steps_have(self) -> None:
        """Restricted, and tried again; on the table's root, with what else was said."""
        with DAG("clean_up", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
            options: PodOptions = {"image": "lakeward:0.1.0", "namespace": "lakeward"}
            gc = collect_garbage("s3://lake/orders/", task_id="gc", arguments=["--dry-run"], pod=options)
        [base, sidecar] = pod_of(gc)["spec"]["containers"]
        self.assertEqual(base["command"], ["lakeward-gc"])
        self.assertEqual(base["args"][:2], ["s3://lake/orders/", "--dry-run"])
        self.assertEqual((base["securityContext"], sidecar["securityContext"]), (RESTRICTED, RESTRICTED))
        self.assertEqual(gc.retries, 5)


class Shop(unittest.TestCase):
    """The example's DAGs."""

    def test_what_deletes_has_the_account_of_gc_and_nothing_else_has_it(self) -> None:
        """In gc of every table, and in what abandons a run."""
        dags = DagBag(dag_folder=shop.__file__)
        self.assertEqual(dags.import_errors, {})
        tasks = [task for dag in dags.dags.values() for task in dag.tasks if isinstance(task, LakewardStep)]
        deleting = {task.task_id for task in tasks if task.cmds == ["lakeward-gc"]}
        self.assertEqual(deleting, {"orders", "prices", "prices.abandon"})
        self.assertEqual({t.task_id for t in tasks if t.service_account_name == "lakeward-gc"}, deleting)
        roots = {task.arguments[0] for task in tasks if task.dag_id == "clean_up"}
        self.assertEqual(roots, {shop.ORDERS, shop.PRICES})


class Variables(unittest.TestCase):
    """What the helper makes of what a DAG says."""

    def test_encryption_says_what_was_said_and_nothing_else(self) -> None:
        """A flag that is off is no variable."""
        self.assertEqual(environment(encryption("AES256")), {"LAKEWARD_SSE": {"value": "AES256"}})
        by_key = environment(encryption("aws:kms", kms_key_id="alias/lake", bucket_key=True))
        self.assertEqual(by_key["LAKEWARD_SSE_KMS_KEY_ID"], {"value": "alias/lake"})
        self.assertEqual(by_key["LAKEWARD_BUCKET_KEY_ENABLED"], {"value": "true"})

    def test_keys_come_from_secrets_that_no_step_waits_for(self) -> None:
        """Airflow knows their names alone."""
        secret = {"name": "keys", "key": "api", "optional": True}
        lineage = environment(openlineage("http://marquez", api_key=SecretKey("keys", "api")))
        self.assertEqual(lineage["OPENLINEAGE_API_KEY"], {"valueFrom": {"secretKeyRef": secret}})
        traces = environment(opentelemetry("http://collector", headers=SecretKey("keys", "api")))
        self.assertEqual(traces["OTEL_EXPORTER_OTLP_HEADERS"], {"valueFrom": {"secretKeyRef": secret}})

    def test_a_pod_says_which_one_it_is(self) -> None:
        """Kubernetes replaces $(NAME) by what stands before it in the list."""
        variables = environment(opentelemetry("http://collector", attributes={"team": "shop"}))
        said = variables.pop("OTEL_RESOURCE_ATTRIBUTES")["value"]
        attributes = dict(pair.split("=") for pair in said.split(","))
        self.assertEqual(attributes.pop("team"), "shop")
        paths = {
            name: variables[reference.removeprefix("$(").removesuffix(")")]["valueFrom"]["fieldRef"]["fieldPath"]
            for name, reference in attributes.items()
        }
        expected = {
            "k8s.namespace.name": "metadata.namespace",
            "k8s.node.name": "spec.nodeName",
            "k8s.pod.name": "metadata.name",
            "k8s.pod.uid": "metadata.uid",
        }
        self.assertEqual(paths, expected)

    def test_what_would_not_arrive_at_a_collector_is_refused(self) -> None:
        """Nothing but a warning in the steps' logs would tell."""
        for endpoint in ("http://collector:4317", "https://collector:4317/v1"):
            with self.subTest(endpoint), self.assertRaisesRegex(ValueError, "4317 is the port for gRPC"):
                opentelemetry(endpoint)
        apart = [{"team": "a,b"}, {"a,b": "shop"}, {"a=b": "shop"}, {"a b": "shop"}, {"": "shop"}]
        for attributes in apart:
            with self.subTest(attributes), self.assertRaisesRegex(ValueError, "a name holds no space, comma or ="):
                opentelemetry("http://collector:4318", attributes=attributes)
        with self.assertRaisesRegex(ValueError, "Kubernetes reads"):
            opentelemetry("http://collector:4318", attributes={"team": "$(HOME)"})
        said = environment(opentelemetry("http://collector:43170", attributes={"query": "a=b c"}))
        self.assertTrue(said["OTEL_RESOURCE_ATTRIBUTES"]["value"].endswith(",query=a=b c"))

    def test_a_step_can_be_part_of_its_tasks_run_in_lineage(self) -> None:
        """Airflow fills the macro of its provider in, of which there is a stand-in here, before it makes the pod."""
        options: PodOptions = {
            "image": "lakeward:0.1.0",
            "namespace": "lakeward",
            "env_vars": openlineage("http://marquez", namespace="shop", parent=OPENLINEAGE_PARENT),
        }
        with DAG("publish", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
            step = publish_table("orders", write=[], pod=options).write
        plugin = SimpleNamespace(lineage_parent_id=lambda instance: f"airflow/publish.{instance.task_id}/0199")
        run = SimpleNamespace(run_after=datetime(2026, 5, 19, tzinfo=UTC))
        context: Any = {
            "macros": SimpleNamespace(OpenLineageProviderPlugin=plugin),
            "task_instance": SimpleNamespace(task_id=step.task_id),
            "dag_run": run,
            "run_id": "scheduled",
        }
        step.render_template_fields(context)
        given = {v["name"]: v.get("value") for v in pod_of(step)["spec"]["containers"][0]["env"]}
        self.assertEqual(given["OPENLINEAGE_PARENT_ID"], "airflow/publish.orders.write/0199")
        self.assertEqual(given["OPENLINEAGE_NAMESPACE"], "shop")


if __name__ == "__main__":
    unittest.main()
