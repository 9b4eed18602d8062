"""Every example is what helm, Kubernetes and Argo take, and safe."""

import os
import subprocess

import hera.shared._pydantic as hera_base
import kubernetes_validate
import pytest
import yaml

import chart

# Hera's models let unknown fields pass: a misspelt one would. To be said before they are made.
hera_base.APIBaseModel.model_config["extra"] = "forbid"
from hera.workflows.models import CronWorkflow, WorkflowTemplate  # noqa: E402

ARGO = {"CronWorkflow": CronWorkflow, "WorkflowTemplate": WorkflowTemplate}

# The oldest that Chart.yaml allows and the newest that there is a schema for.
KUBERNETES = ["1.31", "1.37"]

example = pytest.mark.parametrize("path", chart.EXAMPLES, ids=lambda path: path.stem)


@example
def test_helm_finds_nothing_to_complain_about(path):
    report = chart.helm("lint", "--strict", chart.CHART, "--values", path)
    assert "WARNING" not in report and "ERROR" not in report, report


def test_the_chart_without_any_values_is_taken_too():
    chart.helm("lint", "--strict", chart.CHART)
    assert chart.names(chart.render()) == [
        ("Role", "lake-lakeward"),
        ("RoleBinding", "lake-lakeward"),
        ("ServiceAccount", "lake-lakeward"),
    ]


@example
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_object(path, version):
    objects = chart.render(None, "--values", path, "--kube-version", version)
    for o in (o for o in objects if o["kind"] not in ARGO):
        kubernetes_validate.validate(o, version, strict=True)


@example
def test_argo_takes_every_object(path):
    for o in chart.render(None, "--values", path):
        if o["kind"] in ARGO:
            ARGO[o["kind"]].model_validate(o)


def test_a_field_that_argo_does_not_know_would_be_found():
    [workflow] = [o for o in chart.render(chart.ORDERS) if o["kind"] == "WorkflowTemplate"]
    chart.template(workflow, "swap")["retryStrategy"]["retries"] = 3
    with pytest.raises(ValueError, match="retries"):
        WorkflowTemplate.model_validate(workflow)


def shapes_of(path):
    return list(chart.pods(chart.render(None, "--values", path)))


@example
def test_every_pod_is_safe_by_default(path):
    shapes = shapes_of(path)
    assert shapes
    for where, pod, _, containers in shapes:
        context = pod["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] == 65532, where
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, where
        for container in containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, where


@example
def test_argos_own_containers_are_as_safe_as_the_steps(path):
    for where, pod, _, [container, *_] in shapes_of(path):
        if where.startswith(("WorkflowTemplate", "CronWorkflow")):
            patch = yaml.safe_load(pod["podSpecPatch"])
            context = container["securityContext"]
            assert patch == {
                "initContainers": [{"name": "init", "securityContext": context}],
                "containers": [{"name": "wait", "securityContext": context}],
            }, where


@example
def test_every_container_says_what_it_takes(path):
    for where, _, _, containers in shapes_of(path):
        for container in containers:
            resources = container["resources"]
            requests, limits = resources["requests"], resources["limits"]
            assert limits["memory"] and requests.keys() - {"ephemeral-storage"} == {"cpu", "memory"}, where
            # Kubernetes refuses a pod that asks for more than it may have.
            assert cores(requests["cpu"]) <= cores(limits.get("cpu", requests["cpu"])), where


@example
def test_the_scheduler_knows_of_scratch_on_the_nodes_disk(path):
    for where, _, volumes, containers in shapes_of(path):
        on_disk = [v["emptyDir"]["sizeLimit"] for v in volumes if v["name"] == "scratch" and "emptyDir" in v]
        for container in containers:
            mounted = "scratch" in (mount["name"] for mount in container["volumeMounts"])
            asked = container["resources"]["requests"].get("ephemeral-storage")
            assert [asked] == (on_disk or [None] if mounted else [None]), where


def cores(quantity):
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


@example
def test_every_mount_has_a_volume_and_every_volume_a_mount(path):
    for where, _, volumes, containers in shapes_of(path):
        mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in volumes}, where


@example
def test_every_folder_that_a_command_names_is_mounted(path):
    for where, _, _, containers in shapes_of(path):
        for container in containers:
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            folders = {f"/{path}" for path in ("specs", "scratch", "tmp") if named(container, f"/{path}")}
            assert folders <= mounted, where


def named(container, folder):
    words = container["args"] + list(chart.variables(container).values())
    return any(folder in word.removeprefix("s3:/") for word in words if not word.startswith("s3:"))


@example
def test_a_secret_is_mounted_or_named_and_never_rendered(path):
    text = chart.render_text("--values", path)
    assert "kind: Secret" not in text and "password" not in text.lower()
