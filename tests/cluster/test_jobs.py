"""The chart without Argo."""

import json

from cluster import LAKE, until
from lake import RUN, message, status


def test_a_job_publishes_its_run(cluster, jobs):
    assert jobs.end(jobs.install("plain", scratch={})) == "Complete"
    assert status(cluster, "plain")["live"] == RUN


def test_a_pod_that_was_throttled_is_made_again(cluster, jobs):
    cluster.refuse("busy", "ThrottlingException")
    name = jobs.install("busy")
    until("a pod that failed", lambda: jobs.exit_codes(name) == [10])
    cluster.local("faults", method="DELETE")
    assert jobs.end(name) == "Complete"
    *failed, last = jobs.exit_codes(name)
    assert set(failed) == {10} and last == 0


def test_a_job_whose_run_is_rejected_makes_no_other_pod(jobs):
    name = jobs.install("refused", verify={"minRows": 2000})
    assert jobs.end(name) == "Failed"
    assert jobs.exit_codes(name) == [12]
    assert message(jobs.pods(name)[0], "verify").startswith("verify failed (rejected, exit code 12)")


def test_a_pod_that_is_evicted_is_made_again(cluster, jobs):
    hangs = cluster.hang("evicted")
    name = jobs.install("evicted")
    until("an upload", hangs)
    cluster.evict_pod(jobs.pods(name)[0])
    assert jobs.end(name) == "Complete"
    assert status(cluster, "evicted")["live"] == RUN


def test_gc_runs_from_its_cron_job(cluster, jobs):
    assert jobs.end(jobs.install("kept")) == "Complete"
    cluster.kubectl("create", "job", "--namespace", LAKE, "--from", "cronjob/kept-lakeward-kept-gc", "gc-now")
    assert jobs.end("gc-now") == "Complete"
    lines = cluster.kubectl("logs", "--namespace", LAKE, "job/gc-now").splitlines()
    [result] = [line for line in map(json.loads, filter(None, lines)) if "plan" in line]
    assert result["plan"]["kept"] == {RUN: "live"}
