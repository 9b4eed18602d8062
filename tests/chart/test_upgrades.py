"""What an upgrade finds of the release before."""

import shutil

import pytest
import yaml

import chart

# What came to values.yaml after the chart's first form.
LATER = ["serviceAccounts", "history", "volumes", "volumeMounts"]
LATER_DEFAULTS = ["serviceAccountName", "encryption", "otlp", "openlineage"]
STEPS = ["write", "register", "verify", "swap", "gc"]

both = pytest.mark.parametrize("argo", [True, False], ids=["argo", "jobs"])


def table(argo):
    run = {"schedule": "@daily"} if argo else {"job": {"runTs": "2026-05-19T06:00:00Z"}}
    return {**chart.with_table(**run), "argo": {"enabled": argo}}


@pytest.fixture
def reused(tmp_path):
    """The chart with the values of an earlier one for defaults: what `helm upgrade --reuse-values` makes of it."""
    folder = shutil.copytree(chart.CHART, tmp_path / "lakeward")
    values = yaml.safe_load((folder / "values.yaml").read_text())
    for name in LATER:
        del values[name]
    for name in LATER_DEFAULTS:
        del values["defaults"][name]
    for step in STEPS:
        del values["defaults"][step]["serviceAccountName"]
    del values["defaults"]["verify"]["replicaBucketOwner"]
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    return folder


@both
def test_values_of_a_chart_that_knew_less_are_taken(reused, argo):
    old, new = chart.render(table(argo), chart=reused), chart.render(table(argo))
    for o in new:
        for limit in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
            o.get("spec", {}).pop(limit, None)
    assert old == new


@both
def test_what_is_optional_at_the_top_may_be_null(argo):
    optional = [*LATER, "env", "envFrom", "podLabels", "podAnnotations", "commonLabels", "nodeSelector", "tolerations"]
    optional += ["affinity", "imagePullSecrets", "priorityClassName"]
    plain = {**table(argo), "history": {"successful": None, "failed": None}}
    assert chart.render({**table(argo), **dict.fromkeys(optional)}) == chart.render(plain)
