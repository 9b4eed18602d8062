"""The chart with Argo Workflows."""

import json

from cluster import until
from lake import message, runs, status, volumes

STEPS = ["write", "register", "verify", "swap"]


def test_a_run_is_published_where_the_restricted_standard_is_enforced(cluster, workflows):
    name = workflows.submit("orders")
    assert workflows.end(name) == "Succeeded"
    assert [workflows.exit_codes(name, step) for step in STEPS] == [["0"]] * 4
    results = workflows.results(name)
    assert set(results) == {"manifest", *STEPS}
    assert json.loads(results["swap"])["phase"] == "published"
    # The check in SQL reads the staged table from S3.
    assert [check["passed"] for check in json.loads(results["verify"])["checks"]] == [True, True]
    assert status(cluster, "orders")["live"] == json.loads(results["write"])["run"]
    # Each step that runs DuckDB had a volume of its own, and wrote to it as user 65532.
    assert volumes(cluster, name) == 2


def test_two_workflows_of_a_table_run_one_after_the_other(cluster, workflows):
    names = [workflows.submit("twice"), workflows.submit("twice")]
    assert [workflows.end(name) for name in names] == ["Succeeded"] * 2
    first, second = sorted(names, key=lambda name: workflows.get(name)["status"]["finishedAt"])
    begun = min(node["startedAt"] for node in workflows.nodes(second).values() if node["type"] == "Pod")
    assert begun >= workflows.get(first)["status"]["finishedAt"]
    assert set(runs(cluster, "twice").values()) == {"published"}


def test_a_step_that_is_throttled_is_run_again(cluster, workflows):
    cluster.refuse("throttled", "ThrottlingException")
    name = workflows.submit("throttled")
    until("a try that failed", lambda: "10" in workflows.exit_codes(name, "write"))
    cluster.local("faults", method="DELETE")
    assert workflows.end(name) == "Succeeded"
    *failed, last = workflows.exit_codes(name, "write")
    assert set(failed) == {"10"} and last == "0"


def test_a_rejected_run_is_tried_once_and_abandoned(cluster, workflows):
    name = workflows.submit("rejected")
    assert workflows.end(name) == "Failed"
    assert [workflows.exit_codes(name, step) for step in ("verify", "swap", "abandon")] == [["12"], [], ["0"]]
    assert message(workflows.pods(name, "verify")[0]).startswith("verify failed (rejected, exit code 12)")
    assert list(runs(cluster, "rejected").values()) == ["retired"]


def test_a_step_without_permission_is_tried_once_and_says_why(cluster, workflows):
    cluster.refuse("forbidden", "AccessDeniedException")
    name = workflows.submit("forbidden")
    assert workflows.end(name) == "Failed"
    assert workflows.exit_codes(name, "write") == ["14"]
    assert message(workflows.pods(name, "write")[0]).startswith("write failed (configuration, exit code 14)")


def submit_and_hang(cluster, workflows, table):
    """The name of a workflow whose write hangs in an upload."""
    hangs = cluster.hang(table)
    name = workflows.submit(table)
    until("an upload", hangs)
    return name


def test_a_step_whose_pod_is_deleted_is_run_again(cluster, workflows):
    name = submit_and_hang(cluster, workflows, "deleted")
    cluster.delete_pod(workflows.pods(name, "write")[0])
    assert workflows.end(name) == "Succeeded"
    # Argo counts it as a retry, unless the step has only just begun: then it makes the pod again. An attempt it is.
    assert workflows.exit_codes(name, "write")[-1] == "0"
    assert [(run["phase"], run["attempts"]) for run in status(cluster, "deleted")["runs"]] == [("published", 2)]


def test_a_step_that_is_killed_is_tried_once_and_its_run_abandoned(cluster, workflows):
    name = submit_and_hang(cluster, workflows, "killed")
    workflows.kill_write(name)
    assert workflows.end(name) == "Failed"
    assert [workflows.exit_codes(name, step) for step in ("write", "abandon")] == [["137"], ["0"]]
    assert list(runs(cluster, "killed").values()) == ["retired"]


def test_a_run_that_takes_too_long_is_abandoned(cluster, workflows):
    name = submit_and_hang(cluster, workflows, "slow")
    assert workflows.end(name) == "Failed"
    assert workflows.exit_codes(name, "abandon") == ["0"]
    assert list(runs(cluster, "slow").values()) == ["retired"]


def test_a_workflow_that_is_stopped_is_abandoned(cluster, workflows):
    name = submit_and_hang(cluster, workflows, "stopped")
    workflows.stop(name)
    assert workflows.end(name) == "Failed"
    assert workflows.exit_codes(name, "abandon") == ["0"]
    assert list(runs(cluster, "stopped").values()) == ["retired"]


def test_gc_runs_from_its_schedule(workflows):
    assert workflows.end(workflows.submit("orders")) == "Succeeded"
    name = workflows.submit_cron("orders-gc")
    assert workflows.end(name) == "Succeeded"
    [result] = workflows.nodes(name)[name]["outputs"]["parameters"]
    assert json.loads(result["value"])["plan"]["refused"] is None


def test_a_schedule_that_an_upgrade_adds_publishes_at_its_time(cluster, workflows):
    workflows.schedule("ticking")
    name = until("the schedule", lambda: workflows.of_schedule("ticking"), seconds=100)[0]
    assert workflows.end(name) == "Succeeded"
    scheduled = workflows.get(name)["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"]
    parameters = {p["name"]: p["value"] for p in workflows.nodes(name)[name]["inputs"]["parameters"]}
    assert parameters["run-ts"] == scheduled
    assert json.loads(workflows.results(name)["write"])["run"] in runs(cluster, "ticking")
