"""What null takes away, and where something has to be said."""

import copy
import functools
import json

import pytest
import yaml

import chart
import readme

TEXT = (chart.CHART / "values.yaml").read_text()
DEFAULTS = {
    path.removeprefix("defaults."): value
    for path, value in readme.leaves(yaml.safe_load(TEXT), readme.described(TEXT))
    if path.startswith("defaults.")
}
STEPS = ["write", "register", "verify", "swap", "gc"]

# A default for each value that may be empty, and what else has to be said for it to count.
TELLS = {"otlp": {"endpoint": "http://collector:4318"}, "openlineage": {"url": "http://marquez:5000"}}
SAID = {
    "serviceAccountName": ("other", {}),
    "scratch.storageClassName": ("gp3", {}),
    "encryption.sse": ("AES256", {}),
    "encryption.kmsKeyId": ("alias/lake", {"encryption": {"sse": "aws:kms"}}),
    "otlp.endpoint": ("http://collector:4318", {}),
    "otlp.headersSecret": ({"name": "otel", "key": "headers"}, TELLS),
    "otlp.serviceName": ("lake", TELLS),
    "otlp.resourceAttributes": ({"team": "shop"}, TELLS),
    "openlineage.url": ("http://marquez:5000", {}),
    "openlineage.apiKeySecret": ({"name": "marquez", "key": "key"}, TELLS),
    "openlineage.namespace": ("shop", TELLS),
    "verify.maxRowChange": ("50%", {}),
    "verify.checks": (["a.sql"], {}),
    "verify.replica": ("s3://lake-replica/", {}),
    "verify.replicaRegion": ("eu-west-1", {}),
    "verify.replicaBucketOwner": ("123456789012", {}),
    "gc.schedule": ("@daily", {"gc": {"schedule": ""}}),
    "gc.databases": (["analytics"], {}),
    **{f"{step}.args": (["--more"], {}) for step in STEPS},
    **{f"{step}.serviceAccountName": ("other", {}) for step in STEPS},
}
FILES = {"files": {"a.sql": "SELECT 1"}}
RESOURCES = {f"{step}.resources" for step in STEPS}
NEEDED = sorted(DEFAULTS.keys() - SAID.keys() - RESOURCES)


def at(path, value, base=None):
    """A map with a value at a path, and the rest of another."""
    found = copy.deepcopy(base or {})
    *above, last = path.split(".")
    part = found
    for name in above:
        part = part.setdefault(name, {})
    part[last] = value
    return found


def rendered(defaults, table):
    return rendered_once(json.dumps({"defaults": defaults, **chart.with_table(**FILES, **table)}))


@functools.cache
def rendered_once(values):
    return chart.render(json.loads(values))


@pytest.mark.parametrize("path", SAID)
@pytest.mark.parametrize("taken", ["null", "empty"])
def test_a_table_takes_a_default_away(path, taken):
    value, beside = SAID[path]
    # A map with nothing in it takes nothing away: it is merged.
    empty = None if taken == "null" or isinstance(value, dict) else type(value)()
    without = rendered(beside, {})
    assert rendered(at(path, value, beside), {}) != without
    assert rendered(at(path, value, beside), at(path, empty)) == without


@pytest.mark.parametrize("path", SAID)
def test_null_is_no_default_either(path):
    _, beside = SAID[path]
    if path != "gc.schedule":
        assert rendered(at(path, None, beside), {}) == rendered(beside, {})


@pytest.mark.parametrize("path", NEEDED)
def test_what_has_to_be_said_is_not_taken_away(path):
    with pytest.raises(chart.Refused, match=path.split(".")[-1]):
        rendered({}, at(path, None))
    # Where it is the same as what `false` says, the defaults may lack it.
    if path != "encryption.bucketKeyEnabled":
        with pytest.raises(chart.Refused, match=f"missing propert.*{path.split('.')[-1]}"):
            rendered(at(path, None), {})


def test_a_table_can_have_no_resources_at_all_or_one_attribute_less():
    values = {
        "defaults": {"otlp": {**TELLS["otlp"], "resourceAttributes": {"team": "shop", "stage": "test"}}},
        **chart.with_table(
            **{step: {"resources": None} for step in STEPS}, otlp={"resourceAttributes": {"team": None}}
        ),
    }
    for where, _, _, [container] in chart.pods(chart.render(values)):
        assert container["resources"] == {}, where
        attributes = chart.variables(container)["OTEL_RESOURCE_ATTRIBUTES"]
        assert attributes.endswith(",stage=test") and "team" not in attributes, where


@pytest.mark.parametrize("field", ["nodeSelector", "tolerations", "affinity", "priorityClassName"])
def test_a_table_can_be_without_what_the_release_says_of_pods(field):
    said = {"nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "a"}], "priorityClassName": "batch"}
    said["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    field_of = {"priorityClassName": "podPriorityClassName"}.get(field, field)
    values = {**chart.with_table(**{field: None}), field: said[field]}
    assert [where for where, pod, _, _ in chart.pods(chart.render(values)) if field_of in pod] == []


def test_what_a_file_of_values_says_of_a_table_a_later_one_can_take_away(tmp_path):
    first = chart.with_table(schedule="@daily", env=[{"name": "A", "value": "1"}], files={"a.sql": "SELECT 1"})
    (tmp_path / "first.yaml").write_text(yaml.safe_dump(first))
    later = {"tables": {"orders": {"schedule": None, "env": None, "files": None}}}
    assert chart.render(later, "--values", tmp_path / "first.yaml") == chart.render(chart.ORDERS)
