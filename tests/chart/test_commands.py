"""The commands that the chart renders, run as they are: the steps' own programs, against a local lake."""

import json

import chart
from argo import evaluate
from kubelet import Pod

CHECKS = "-- name: no_number_is_missing\nSELECT * FROM staged WHERE number IS NULL\n"
SPEC = {
    "table": "s3://lake/analytics/numbers/",
    "glue_table": "analytics.numbers",
    "sql_file": "numbers.sql",
    "sort_by": ["number"],
}
NUMBERS = {
    "tables": {
        "numbers": {
            "spec": SPEC,
            "files": {"numbers.sql": "SELECT range AS number FROM range(1000)", "checks.sql": CHECKS},
            "verify": {"checks": ["checks.sql"], "minRows": 1000, "maxRowChange": "50%"},
            "write": {"args": ["--part-size=8MiB", "--uploads=2"]},
            "gc": {"databases": ["analytics"], "retentionDays": 0},
        }
    }
}


def test_the_job_publishes_the_table_and_can_be_tried_again(tmp_path, lake):
    job = {"tables": {"numbers": {"job": {"runTs": "2026-05-19T06:00:00Z"}}}, "argo": {"enabled": False}}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    objects = chart.render(NUMBERS, "--values", tmp_path / "job.yaml")
    pod = Pod(tmp_path, chart.one(objects, "ConfigMap", "lake-lakeward-numbers"), lake)
    spec = chart.one(objects, "Job", "lake-lakeward-numbers-2026-05-19-060000")["spec"]["template"]["spec"]
    containers = spec["initContainers"] + spec["containers"]
    first = [pod.run(container) for container in containers]
    again = [pod.run(container) for container in containers]
    assert [result["step"] for result in first] == ["write", "register", "verify", "swap"]
    assert first[0]["manifest"] == again[0]["manifest"] == containers[-1]["args"][0]
    cron = chart.one(objects, "CronJob", "lake-lakeward-numbers-gc")["spec"]["jobTemplate"]["spec"]
    [gc] = cron["template"]["spec"]["containers"]
    assert pod.run(gc)["status"] == "done"


class Workflow:
    """One workflow of the table, its expressions evaluated by Argo's own code."""

    def __init__(self, folder, lake, run_ts, run_key):
        objects = chart.render(NUMBERS)
        self.pod = Pod(folder, chart.one(objects, "ConfigMap", "lake-lakeward-numbers"), lake)
        self.template = chart.one(objects, "WorkflowTemplate", "lake-lakeward-numbers")
        self.run = {"inputs.parameters.run-ts": run_ts, "inputs.parameters.run-key": run_key}

    def write(self):
        result = self.step("write", self.run)
        self.written = {"tasks.write.outputs.parameters.result": json.dumps(result)}
        return result

    def task(self, task, scope):
        """Runs what a task of the DAG or the exit handler names, with the arguments that it gives."""
        given = chart.parameters(evaluate(scope, template=task["arguments"]))
        return self.step(task["template"], {f"inputs.parameters.{name}": value for name, value in given.items()})

    def step(self, name, inputs):
        result = self.pod.run(evaluate(inputs, template=chart.template(self.template, name)["container"]))
        # What Argo takes as the output parameter is what the program printed.
        assert json.loads((self.pod.folder / "tmp/result.json").read_text()) == result
        return result

    def later_tasks(self):
        return chart.template(self.template, "publish")["dag"]["tasks"][1:]

    def exit_task(self):
        [[task]] = chart.template(self.template, "on-exit")["steps"]
        return task


def test_the_workflow_publishes_the_table(tmp_path, lake):
    workflow = Workflow(tmp_path, lake, "2026-05-19T08:00:00+02:00", "a workflow's uid")
    results = [workflow.write(), *(workflow.task(task, workflow.written) for task in workflow.later_tasks())]
    assert [(result["step"], result["status"]) for result in results] == [
        (step, "done") for step in ("write", "register", "verify", "swap")
    ]


def test_a_roll_back_publishes_an_earlier_run_again(tmp_path, lake):
    runs = []
    for number, folder in enumerate((tmp_path / "first", tmp_path / "second")):
        folder.mkdir()
        workflow = Workflow(folder, lake, f"2026-05-19T0{number}:00:00Z", "a workflow's uid")
        runs.append(workflow.write()["run"])
        for task in workflow.later_tasks():
            workflow.task(task, workflow.written)
    result = workflow.step("roll-back", {"inputs.parameters.run": runs[0]})
    assert (result["step"], result["run"], result["replaced"]) == ("swap", *runs), result


def test_the_exit_handler_abandons_the_run_that_failed(tmp_path, lake):
    workflow = Workflow(tmp_path, lake, "2026-05-19T08:00:00+02:00", "a workflow's uid")
    manifest = workflow.write()["manifest"]
    assert chart.parameters(evaluate(workflow.run, template=workflow.exit_task()["arguments"])) == {"manifest": manifest}
    register = workflow.later_tasks()[0]
    workflow.task(register, workflow.written)
    workflow.task(workflow.exit_task(), workflow.run)
    refused = workflow.pod.result_of(
        evaluate({"inputs.parameters.manifest": manifest}, template=chart.template(workflow.template, "register")["container"])
    )
    assert (refused["kind"], refused["exit_code"]) == ("fenced", 11)
