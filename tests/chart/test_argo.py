"""What Argo itself says of the rendered workflows: its linter, and its evaluation of their expressions."""

import json

import pytest

import chart
from argo import evaluate, lint


WITH_ARGO = [path for path in chart.EXAMPLES if path.stem != "without-argo"]


@pytest.mark.parametrize("path", WITH_ARGO, ids=lambda path: path.stem)
def test_argo_lint_finds_no_fault(path, tmp_path):
    objects = chart.render(None, "--values", path)
    templates = [o["metadata"]["name"] for o in objects if o["kind"] == "WorkflowTemplate"]
    run = {"parameters": [{"name": "run", "value": "2026-05-19-060000"}]}
    rolling_back = {"entrypoint": "roll-back", "arguments": run}
    workflows = [submitted(name, **more) for name in templates for more in ({}, rolling_back)]
    taken, report = lint(tmp_path / "rendered.yaml", objects + workflows)
    assert taken, report


def test_a_roll_back_that_names_no_run_is_refused(tmp_path):
    workflow = submitted("lake-lakeward-orders", entrypoint="roll-back")
    taken, report = lint(tmp_path / "rendered.yaml", [*chart.render(chart.ORDERS), workflow])
    assert not taken and "run" in report, report


def submitted(template, **more):
    """What `argo submit --from` makes of a template."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{template}-", "namespace": "analytics"},
        "spec": {"workflowTemplateRef": {"name": template}, **more},
    }


def test_argo_lint_would_find_a_reference_to_nothing(tmp_path):
    objects = chart.render(chart.ORDERS)
    workflow = chart.one(objects, "WorkflowTemplate", "lake-lakeward-orders")
    chart.template(workflow, "publish")["dag"]["tasks"][1]["depends"] = "wirte"
    taken, report = lint(tmp_path / "rendered.yaml", objects)
    assert not taken and "wirte" in report, report


@pytest.fixture(scope="module")
def workflow():
    return chart.one(chart.render(chart.ORDERS), "WorkflowTemplate", "lake-lakeward-orders")


def test_argo_resolves_what_names_the_run_in_the_workflows_arguments(workflow):
    variables = {"workflow.creationTimestamp.RFC3339": "2026-05-19T06:00:00Z", "workflow.uid": "abc"}
    resolved = chart.parameters(evaluate(variables, template=workflow["spec"]["arguments"]))
    assert resolved == {"run-ts": "2026-05-19T06:00:00Z", "run-key": "abc"}
    for name in (workflow["spec"]["entrypoint"], workflow["spec"]["onExit"]):
        assert {p["name"] for p in chart.template(workflow, name)["inputs"]["parameters"]} == set(resolved)


@pytest.mark.parametrize(
    ("code", "status", "retried"),
    [
        *((str(code), "Failed", retried) for code, retried in chart.exit_codes().items() if code != 0),
        # Killed: for its memory, most likely.
        ("137", "Failed", False),
        # A pod that was deleted or evicted, or whose node is gone, has no exit code.
        ("-1", "Error", True),
        ("-1", "Failed", False),
    ],
)
def test_a_step_is_retried_on(workflow, code, status, retried):
    variables = {"lastRetry.exitCode": code, "lastRetry.status": status}
    for step in ("write", "register", "verify", "swap", "roll-back", "abandon"):
        condition = chart.template(workflow, step)["retryStrategy"]["expression"]
        assert evaluate(variables, condition=condition) is retried, step


def test_the_manifest_is_taken_from_the_result_of_write(workflow):
    tasks = {t["name"]: t for t in chart.template(workflow, "publish")["dag"]["tasks"]}
    manifest = "s3://lake/analytics/orders/_runs/2026-05-19-060000-01234567/manifest.json"
    result = json.dumps({"step": "write", "status": "done", "manifest": manifest, "rows": 3}) + "\n"
    for step in ("register", "verify", "swap"):
        given = evaluate({"tasks.write.outputs.parameters.result": result}, template=tasks[step]["arguments"])
        assert chart.parameters(given) == {"manifest": manifest}


@pytest.mark.parametrize(
    "run_ts",
    ["2026-05-19T06:00:00Z", "2026-05-19T08:00:00+02:00", "2026-05-19T06:00:00.75Z"],
)
def test_the_exit_handler_knows_the_manifest_from_the_runs_name(workflow, run_ts):
    [[task]] = chart.template(workflow, "on-exit")["steps"]
    variables = {"inputs.parameters.run-ts": run_ts, "inputs.parameters.run-key": "abc"}
    given = evaluate(variables, template=task["arguments"])
    # SHA-256 of "abc" begins with ba7816bf (FIPS 180-2, appendix B.1).
    expected = "s3://lake/analytics/orders/_runs/2026-05-19-060000-ba7816bf/manifest.json"
    assert chart.parameters(given) == {"manifest": expected}
