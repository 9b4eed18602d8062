"""gc and the Job: what is there with Argo, and what without."""

import chart

GC_FLAGS = [
    "s3://lake/analytics/orders/",
    "--retention-days=90",
    "--keep-versions=2",
    "--orphan-grace=24h",
    "--reader-grace=4h",
]
WITHOUT_ARGO = {"argo": {"enabled": False}}


def test_with_argo_gc_is_a_cron_workflow_of_its_own():
    objects = chart.render(chart.ORDERS)
    cron = chart.one(objects, "CronWorkflow", "lake-lakeward-orders-gc")
    assert cron["spec"]["schedules"] == ["30 3 * * *"]
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    workflow = cron["spec"]["workflowSpec"]
    # Neither the pipeline's mutex, for which a nightly gc would wait, nor its exit handler.
    assert "synchronization" not in workflow and "onExit" not in workflow
    container = chart.template(cron, workflow["entrypoint"])["container"]
    assert (container["command"], container["args"]) == (["lakeward-gc"], GC_FLAGS)
    assert not [o for o in objects if o["kind"] in ("CronJob", "Job")]


def test_without_argo_gc_is_a_cron_job():
    objects = chart.render({**chart.ORDERS, **WITHOUT_ARGO})
    assert {o["kind"] for o in objects} == {"ServiceAccount", "ConfigMap", "CronJob"}
    cron = chart.one(objects, "CronJob", "lake-lakeward-orders-gc")["spec"]
    assert (cron["schedule"], cron["timeZone"], cron["concurrencyPolicy"]) == ("30 3 * * *", "Etc/UTC", "Forbid")
    pod = cron["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert (container["command"], container["args"]) == (["lakeward-gc"], GC_FLAGS)
    assert pod["automountServiceAccountToken"] is False


def test_gcs_policy_comes_from_values_and_a_table_may_differ():
    values = {
        "defaults": {"gc": {"retentionDays": 30, "databases": ["analytics", "crm"], "args": ["--via-lifecycle"]}},
        **chart.with_table(gc={"keepVersions": 5, "dryRun": True}),
    }
    cron = chart.one(chart.render(values), "CronWorkflow", "lake-lakeward-orders-gc")
    assert chart.template(cron, "gc")["container"]["args"] == [
        "s3://lake/analytics/orders/",
        "--retention-days=30",
        "--keep-versions=5",
        "--orphan-grace=24h",
        "--reader-grace=4h",
        "--database=analytics",
        "--database=crm",
        "--dry-run",
        "--via-lifecycle",
    ]


def test_abandoning_a_run_looks_where_gc_may_look():
    # A role for these databases may not list all.
    values = chart.with_table(gc={"databases": ["analytics", "crm"], "args": ["--via-lifecycle"]})
    workflow = chart.one(chart.render(values), "WorkflowTemplate", "lake-lakeward-orders")
    args = chart.template(workflow, "abandon")["container"]["args"]
    assert args == ["--abandon", "{{inputs.parameters.manifest}}", "--database=analytics", "--database=crm"]


def test_finished_runs_of_every_schedule_are_kept_as_values_say():
    for argo in (True, False):
        when = {"schedule": "@daily"} if argo else {}
        values = {**chart.with_table(**when), "argo": {"enabled": argo}, "history": {"failed": 20}}
        crons = [o["spec"] for o in chart.render(values) if o["kind"] in ("CronWorkflow", "CronJob")]
        assert len(crons) == (2 if argo else 1)
        for cron in crons:
            assert (cron["successfulJobsHistoryLimit"], cron["failedJobsHistoryLimit"]) == (3, 20)


def test_an_empty_schedule_is_no_gc():
    objects = chart.render(chart.with_table(gc={"schedule": ""}))
    assert not [o for o in objects if o["kind"] == "CronWorkflow"]


def job(values):
    objects = chart.render({**values, **WITHOUT_ARGO})
    [found] = [o for o in objects if o["kind"] == "Job"]
    return found


def test_a_job_runs_the_steps_one_after_the_other_on_one_manifest():
    spec = job(chart.with_table(job={"runTs": "2026-05-19T08:00:00+02:00"}))["spec"]
    pod = spec["template"]["spec"]
    containers = pod["initContainers"] + pod["containers"]
    assert [c["name"] for c in containers] == ["write", "register", "verify", "swap"]
    variables = chart.variables(containers[0])
    assert variables["LAKEWARD_RUN_TS"] == "2026-05-19T08:00:00+02:00"
    # A key would put a hash into the run id.
    assert "LAKEWARD_RUN_KEY" not in variables
    manifest = "s3://lake/analytics/orders/_runs/2026-05-19-060000/manifest.json"
    assert [c["args"][0] for c in containers[1:]] == [manifest] * 3


def test_another_run_is_another_job():
    names = [
        job(chart.with_table(job={"runTs": f"2026-05-{day}T06:00:00Z"}))["metadata"]["name"] for day in (19, 20)
    ]
    assert names == ["lake-lakeward-orders-2026-05-19-060000", "lake-lakeward-orders-2026-05-20-060000"]


def test_jobs_retry_what_the_exit_codes_say():
    objects = chart.render({**chart.with_table(job={"runTs": "2026-05-19T06:00:00Z"}), **WITHOUT_ARGO})
    jobs = [o["spec"] for o in objects if o["kind"] == "Job"]
    jobs += [o["spec"]["jobTemplate"]["spec"] for o in objects if o["kind"] == "CronJob"]
    assert len(jobs) == 2
    retried = [code for code, again in chart.exit_codes().items() if again]
    for spec in jobs:
        assert spec["backoffLimit"] == 5
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["podFailurePolicy"]["rules"] == [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": retried}},
        ]
