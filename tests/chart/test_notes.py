"""The notes of `helm install`: what a person runs by hand."""

import re
import shlex

import chart


def notes_of(values):
    return chart.helm("install", "lake", chart.CHART, "--dry-run=client", "-n", "analytics", values=values)


def test_the_notes_say_how_to_run_each_table():
    notes = notes_of(chart.ORDERS)
    assert re.search(r"argo submit -n analytics --from workflowtemplate/lake-lakeward-orders\b", notes)
    assert "argo submit -n analytics --from workflowtemplate/lake-lakeward-orders --entrypoint roll-back" in notes
    assert "exit 14" in notes


def test_the_notes_give_a_person_the_flags_that_the_steps_have():
    values = {
        **chart.with_table(encryption={"sse": "aws:kms", "kmsKeyId": "alias/lake", "bucketKeyEnabled": True}),
        "argo": {"enabled": False},
        "aws": {"region": "eu-west-1", "expectedBucketOwner": "123456789012", "catalogId": "210987654321"},
    }
    notes = notes_of(values)
    flags = (
        "--region=eu-west-1 --expected-bucket-owner=123456789012 --catalog-id=210987654321"
        " --sse=aws:kms --sse-kms-key-id=alias/lake --bucket-key-enabled\n"
    )
    assert f"lakeward-status s3://lake/analytics/orders/ {flags}" in notes
    assert f"lakeward-swap s3://lake/analytics/orders/ --to RUN {flags}" in notes


def test_the_notes_quote_for_a_shell():
    key = "alias/the lake's; rm -rf $HOME"
    values = {**chart.with_table(encryption={"sse": "aws:kms", "kmsKeyId": key}), "aws": {"region": "eu-west-1"}}
    notes = notes_of(values)
    [status] = re.findall(r"^  status:\s+(.*)$", notes, flags=re.MULTILINE)
    assert shlex.split(status) == [
        "lakeward-status",
        "s3://lake/analytics/orders/",
        "--region=eu-west-1",
        "--sse=aws:kms",
        f"--sse-kms-key-id={key}",
    ]


def test_the_notes_heed_variables_of_the_release_and_of_the_table():
    owner, catalog = "LAKEWARD_EXPECTED_BUCKET_OWNER", "LAKEWARD_CATALOG_ID"
    values = {
        **chart.with_table(
            env=[{"name": owner, "value": "333333333333"}, {"name": "LAKEWARD_SSE", "value": "AES256"}]
        ),
        "aws": {"region": "eu-west-1", "expectedBucketOwner": "111111111111", "catalogId": "111111111111"},
        "env": [
            {"name": "AWS_REGION", "value": "eu-central-1"},
            {"name": owner, "value": "222222222222"},
            # Only the cluster knows it: better no flag than the wrong one.
            {"name": catalog, "valueFrom": {"configMapKeyRef": {"name": "accounts", "key": "catalog"}}},
        ],
    }
    notes = notes_of(values)
    [status] = re.findall(r"^  status:\s+(.*)$", notes, flags=re.MULTILINE)
    flags = ["--region=eu-central-1", "--expected-bucket-owner=333333333333", "--sse=AES256"]
    assert shlex.split(status)[2:] == flags


def test_the_notes_leave_out_a_variable_that_names_another_one():
    values = {
        **chart.ORDERS,
        "aws": {"region": "eu-west-1"},
        "env": [{"name": "HERE", "value": "eu-west-2"}, {"name": "AWS_REGION", "value": "$(HERE)"}],
    }
    notes = notes_of(values)
    assert "--region" not in notes


def test_the_notes_command_for_gc_works_more_than_once():
    longest = {"tables": {"orders" * 10: chart.ORDERS["tables"]["orders"]}, "argo": {"enabled": False}}
    [command] = re.findall(r"^  gc now:\s+(.*)$", notes_of(longest), flags=re.MULTILINE)
    name = command.rpartition(" --from ")[2].split(" ", 1)[1]
    assert name.endswith("-gc-$(date +%s)")
    # What Kubernetes takes as the value of a label, which a Job's name becomes.
    assert len(name.replace("$(date +%s)", "1700000000")) <= 63
