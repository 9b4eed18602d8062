"""Whose access to AWS the pods have: one role for all, one for a table, one for a step."""

import pytest

import pytest

import chart

WRITER, KEEPER = (
    {"eks.amazonaws.com/role-arn": f"arn:aws:iam::123456789012:role/{name}"} for name in ("writer", "keeper")
)
SEPARATE = {
    "serviceAccounts": {
        "writer": {"annotations": WRITER},
        "keeper": {"annotations": KEEPER, "labels": {"team": "lake"}},
    },
    **chart.with_table(
        serviceAccountName="orders", write={"serviceAccountName": "writer"}, gc={"serviceAccountName": "keeper"}
    ),
}


def accounts(workflow):
    """The ServiceAccount of each of a workflow's pods."""
    spec = workflow["spec"].get("workflowSpec", workflow["spec"])
    pods = [t for t in spec["templates"] if "container" in t]
    return {t["name"]: t.get("serviceAccountName", spec["serviceAccountName"]) for t in pods}


def accounts_of_jobs(values):
    """The ServiceAccount of the pod of each kind of Job."""
    return {where.split()[0]: pod["serviceAccountName"] for where, pod, _, _ in chart.pods(chart.render(values))}


def test_a_step_and_a_table_can_have_roles_of_their_own():
    objects = chart.render(SEPARATE)
    assert accounts(chart.one(objects, "WorkflowTemplate", "lake-lakeward-orders")) == {
        "write": "writer",
        "register": "orders",
        "verify": "orders",
        "swap": "orders",
        "roll-back": "orders",
        # What deletes files has the role of gc.
        "abandon": "keeper",
    }
    assert accounts(chart.one(objects, "CronWorkflow", "lake-lakeward-orders-gc")) == {"gc": "keeper"}


def test_what_a_table_says_goes_before_what_the_defaults_say_of_a_step():
    values = {
        "defaults": {"serviceAccountName": "all", "write": {"serviceAccountName": "query"}},
        "tables": {
            "orders": chart.ORDERS["tables"]["orders"],
            "prices": {
                "serviceAccountName": "prices",
                "gc": {"serviceAccountName": "keeper"},
                "spec": {"table": "s3://lake/prices/", "glue_table": "analytics.prices", "sql": "SELECT 1"},
            },
        },
    }
    objects = chart.render(values)
    orders, prices = (
        accounts(chart.one(objects, "WorkflowTemplate", f"lake-lakeward-{name}")) for name in values["tables"]
    )
    assert (orders.pop("write"), set(orders.values())) == ("query", {"all"})
    assert (prices.pop("abandon"), set(prices.values())) == ("keeper", {"prices"})


def test_in_the_example_what_runs_users_sql_has_accounts_that_nothing_else_has():
    objects = chart.render(None, "--values", chart.CHART / "examples" / "observed.yaml")
    found = accounts(chart.one(objects, "WorkflowTemplate", "lake-lakeward-orders"))
    assert "--check=/specs/checks.sql" in str(objects)
    users = {found.pop("write"), found.pop("verify")}
    assert len(users) == 2 and not users & set(found.values())


def test_more_service_accounts_are_made_beside_the_releases():
    objects = chart.render(SEPARATE)
    made = {o["metadata"]["name"]: o["metadata"] for o in objects if o["kind"] == "ServiceAccount"}
    # Not the table's: nobody said that it should be made.
    assert made.keys() == {"lake-lakeward", "writer", "keeper"}
    assert made["writer"]["annotations"] == WRITER
    assert made["keeper"]["labels"]["team"] == "lake"


def test_an_account_of_which_nothing_is_said_is_made_and_one_that_is_null_is_not():
    objects = chart.render({**chart.ORDERS, "serviceAccounts": {"writer": {}, "keeper": None}})
    made = {o["metadata"]["name"]: o["metadata"] for o in objects if o["kind"] == "ServiceAccount"}
    assert made.keys() == {"lake-lakeward", "writer"}
    assert "annotations" not in made["writer"]


@pytest.mark.parametrize("name", ["lake-lakeward", "lake"])
def test_the_releases_own_account_is_not_said_a_second_time(name):
    values = {"serviceAccount": {"name": name}, "serviceAccounts": {name: {"annotations": WRITER}}, **chart.ORDERS}
    with pytest.raises(chart.Refused, match=f"serviceAccounts.{name}: is the release's own account"):
        chart.render(values)
    values["serviceAccount"]["create"] = False
    assert chart.one(chart.render(values), "ServiceAccount", name)["metadata"]["annotations"] == WRITER


def test_argo_takes_results_from_every_account_that_a_pod_has_and_from_no_other():
    def subjects(values):
        found = chart.one(chart.render(values), "RoleBinding", "lake-lakeward")["subjects"]
        assert all((s["kind"], s["namespace"]) == ("ServiceAccount", "analytics") for s in found)
        return [s["name"] for s in found]

    assert subjects(SEPARATE) == ["keeper", "orders", "writer"]
    assert subjects(chart.ORDERS) == ["lake-lakeward"]


def test_a_job_has_the_tables_account_and_its_gc_that_of_gc():
    values = {
        **chart.with_table(
            job={"runTs": "2026-05-19T06:00:00Z"}, serviceAccountName="orders", gc={"serviceAccountName": "keeper"}
        ),
        "argo": {"enabled": False},
    }
    assert accounts_of_jobs(values) == {"Job": "orders", "CronJob": "keeper"}


def notes(values):
    return chart.helm("install", "lake", chart.CHART, "--dry-run=client", values=values)


def test_the_notes_miss_a_role_only_where_a_pod_would():
    own = {name: {"serviceAccountName": "keeper"} for name in ("write", "register", "verify", "swap", "gc")}
    assert "The ServiceAccount lake-lakeward has no annotations" in notes(chart.ORDERS)
    assert "no annotations" not in notes(chart.with_table(**own))
    assert "no annotations" not in notes({**chart.ORDERS, "serviceAccount": {"create": False, "name": "there"}})


def test_a_job_whose_steps_would_differ_is_told_to_keep_gcs_account():
    values = {
        "argo": {"enabled": False},
        "defaults": {"write": {"serviceAccountName": "writer"}, "gc": {"serviceAccountName": "keeper"}},
        **chart.with_table(job={"runTs": "2026-05-19T06:00:00Z"}),
    }
    with pytest.raises(chart.Refused, match=r"set serviceAccountName of the table, and gc\.serviceAccountName of the table"):
        chart.render(values)
    table = values["tables"]["orders"]
    table["serviceAccountName"] = "orders"
    assert accounts_of_jobs(values) == {"Job": "orders", "CronJob": "orders"}
    table["gc"] = {"serviceAccountName": "keeper"}
    assert accounts_of_jobs(values) == {"Job": "orders", "CronJob": "keeper"}
