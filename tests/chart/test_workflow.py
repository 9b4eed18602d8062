"""The workflow that publishes a table."""

import json

import pytest

import chart

STEPS = ["write", "register", "verify", "swap"]
MANIFEST = "{{=jsonpath(tasks.write.outputs.parameters.result, '$.manifest')}}"


@pytest.fixture(scope="module")
def workflow():
    return chart.one(chart.render(chart.ORDERS), "WorkflowTemplate", "lake-lakeward-orders")


def test_the_four_steps_follow_one_another(workflow):
    tasks = chart.template(workflow, "publish")["dag"]["tasks"]
    assert [(t["name"], t["template"], t.get("depends")) for t in tasks] == [
        ("write", "write", None),
        ("register", "register", "write"),
        ("verify", "verify", "register"),
        ("swap", "swap", "verify"),
    ]
    assert [chart.template(workflow, step)["container"]["command"] for step in STEPS] == [
        [f"lakeward-{step}"] for step in STEPS
    ]


def test_the_manifest_that_write_reports_is_what_the_later_steps_get(workflow):
    tasks = {t["name"]: t for t in chart.template(workflow, "publish")["dag"]["tasks"]}
    for step in STEPS[1:]:
        assert chart.parameters(tasks[step]["arguments"]) == {"manifest": MANIFEST}
        assert chart.template(workflow, step)["container"]["args"][0] == "{{inputs.parameters.manifest}}"
    result = chart.template(workflow, "write")["outputs"]["parameters"][0]["valueFrom"]["path"]
    assert chart.variables(chart.template(workflow, "write")["container"])["LAKEWARD_RESULT_PATH"] == result


def test_the_manifest_and_every_result_are_outputs(workflow):
    outputs = {p["name"]: p["valueFrom"] for p in chart.template(workflow, "publish")["outputs"]["parameters"]}
    assert outputs.pop("manifest") == {"expression": MANIFEST.removeprefix("{{=").removesuffix("}}")}
    assert outputs == {s: {"parameter": f"{{{{tasks.{s}.outputs.parameters.result}}}}"} for s in STEPS}


def test_the_run_is_named_once_for_all_steps_and_retries(workflow):
    assert chart.parameters(workflow["spec"]["arguments"]) == {
        "run-ts": "{{workflow.creationTimestamp.RFC3339}}",
        "run-key": "{{workflow.uid}}",
    }
    # Argo resolves a workflow's arguments before it hands them to the entrypoint's inputs, and not where
    # `workflow.parameters` names them: there a variable would stay a variable.
    assert "workflow.parameters" not in json.dumps(workflow)
    named = {"run-ts": "{{inputs.parameters.run-ts}}", "run-key": "{{inputs.parameters.run-key}}"}
    [write] = [t for t in chart.template(workflow, "publish")["dag"]["tasks"] if t["name"] == "write"]
    assert chart.parameters(write["arguments"]) == named
    variables = chart.variables(chart.template(workflow, "write")["container"])
    assert variables["LAKEWARD_RUN_TS"] == named["run-ts"]
    assert variables["LAKEWARD_RUN_KEY"] == named["run-key"]


def test_a_schedule_names_the_run_by_its_scheduled_time():
    cron = chart.one(chart.render(chart.with_table(schedule="0 5 * * *")), "CronWorkflow", "lake-lakeward-orders")
    assert cron["spec"]["schedules"] == ["0 5 * * *"]
    assert cron["spec"]["timezone"] == "Etc/UTC"
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert chart.parameters(cron["spec"]["workflowSpec"]["arguments"]) == {
        "run-ts": "{{workflow.scheduledTime}}",
        "run-key": "{{workflow.uid}}",
    }


def test_a_schedule_refers_to_no_object_that_argo_may_not_have_seen_yet():
    objects = chart.render(chart.with_table(schedule="0 5 * * *"))
    scheduled = chart.one(objects, "CronWorkflow", "lake-lakeward-orders")["spec"]["workflowSpec"]
    submitted = chart.one(objects, "WorkflowTemplate", "lake-lakeward-orders")["spec"]
    assert "workflowTemplateRef" not in scheduled
    # The same workflow, but for the time that names its run.
    assert {**scheduled, "arguments": None} == {**submitted, "arguments": None}


def test_without_a_schedule_there_is_only_gcs():
    crons = [name for kind, name in chart.names(chart.render(chart.ORDERS)) if kind == "CronWorkflow"]
    assert crons == ["lake-lakeward-orders-gc"]


def test_every_step_retries_what_the_exit_codes_say(workflow):
    strategies = [t["retryStrategy"] for t in workflow["spec"]["templates"] if "container" in t]
    assert len(strategies) == 6 and all(strategy == strategies[0] for strategy in strategies)
    assert strategies[0]["retryPolicy"] == "Always"
    assert strategies[0]["expression"] == 'lastRetry.exitCode in ["10", "13"] || lastRetry.status == "Error"'
    assert strategies[0]["limit"] == "5"
    assert strategies[0]["backoff"] == {"duration": "30s", "factor": "2", "maxDuration": "2h"}


def test_workflows_of_one_table_wait_for_one_another_whatever_the_release(workflow):
    mutex = {"mutexes": [{"name": "lakeward-analytics.orders"}]}
    assert workflow["spec"]["synchronization"] == mutex
    other = chart.render(chart.ORDERS, release="other")
    assert chart.one(other, "WorkflowTemplate", "other-lakeward-orders")["spec"]["synchronization"] == mutex


def test_workflows_can_be_told_by_release_and_table_and_are_no_resource_of_the_release(workflow):
    labels = workflow["spec"]["workflowMetadata"]["labels"]
    assert (labels["lakeward/release"], labels["lakeward/table"]) == ("lake", "orders")
    # By this label Argo CD may know what it has made, and prune the rest.
    assert "app.kubernetes.io/instance" not in labels


def test_a_failed_run_is_abandoned_by_the_uri_that_follows_from_its_name(workflow):
    assert workflow["spec"]["onExit"] == "on-exit"
    [[task]] = chart.template(workflow, "on-exit")["steps"]
    assert task["when"] == "{{workflow.status}} != Succeeded"
    manifest = chart.parameters(task["arguments"])["manifest"]
    assert manifest.startswith("{{='s3://lake/analytics/orders/_runs/' + ") and manifest.endswith("}}")
    container = chart.template(workflow, task["template"])["container"]
    assert container["command"] == ["lakeward-gc"]
    assert container["args"] == ["--abandon", "{{inputs.parameters.manifest}}"]


def test_a_person_can_roll_back_as_the_steps_service_account(workflow):
    roll_back = chart.template(workflow, "roll-back")
    assert roll_back["container"]["command"] == ["lakeward-swap"]
    assert roll_back["container"]["args"] == ["s3://lake/analytics/orders/", "--to", "{{inputs.parameters.run}}"]
    # No default: nobody rolls back by a name that was left out.
    assert chart.parameters(roll_back["inputs"]) == {"run": None}


def test_a_failed_run_is_left_to_gc_where_so_said():
    workflow = chart.one(
        chart.render(chart.with_table(abandonFailedRuns=False)), "WorkflowTemplate", "lake-lakeward-orders"
    )
    assert "onExit" not in workflow["spec"]
    assert "abandon" not in json.dumps(workflow["spec"])


def test_only_what_runs_duckdb_has_the_full_image_scratch_and_the_specs(workflow):
    for step in STEPS:
        t = chart.template(workflow, step)
        volumes = {v["name"] for v in t["volumes"]}
        assert volumes == ({"tmp", "specs", "scratch"} if step == "write" else {"tmp"}), step
        image = "lakeward" if step in ("write", "verify") else "lakeward-slim"
        assert t["container"]["image"] == f"{image}:0.1.0", step


def test_checks_give_verify_their_files_and_scratch():
    values = chart.with_table(files={"a.sql": "SELECT 1"}, verify={"checks": ["a.sql"]})
    verify = chart.template(chart.one(chart.render(values), "WorkflowTemplate", "lake-lakeward-orders"), "verify")
    assert {v["name"] for v in verify["volumes"]} == {"tmp", "specs", "scratch"}
    assert verify["container"]["args"][-2:] == ["--check=/specs/a.sql", "--scratch=/scratch"]


def test_scratch_is_a_volume_of_its_own_of_the_size_asked_for():
    values = chart.with_table(scratch={"size": "50Gi", "storageClassName": "gp3"})
    write = chart.template(chart.one(chart.render(values), "WorkflowTemplate", "lake-lakeward-orders"), "write")
    [scratch] = [v for v in write["volumes"] if v["name"] == "scratch"]
    claim = scratch["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "50Gi"
    assert (claim["storageClassName"], claim["accessModes"]) == ("gp3", ["ReadWriteOnce"])


def test_scratch_on_the_nodes_disk_is_limited():
    values = chart.with_table(scratch={"type": "emptyDir", "size": "2Gi"})
    write = chart.template(chart.one(chart.render(values), "WorkflowTemplate", "lake-lakeward-orders"), "write")
    assert {"name": "scratch", "emptyDir": {"sizeLimit": "2Gi"}} in write["volumes"]


def test_argo_may_report_results_and_nothing_else():
    objects = chart.render(chart.ORDERS)
    [rule] = chart.one(objects, "Role", "lake-lakeward")["rules"]
    assert rule == {
        "apiGroups": ["argoproj.io"],
        "resources": ["workflowtaskresults"],
        "verbs": ["create", "patch"],
    }
    [subject] = chart.one(objects, "RoleBinding", "lake-lakeward")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "lake-lakeward", "namespace": "analytics"}
    assert not [o for o in chart.render({**chart.ORDERS, "rbac": {"create": False}}) if "Role" in o["kind"]]
