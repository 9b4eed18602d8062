"""The chart's README says what values.yaml and values.schema.json say."""

import json
import re
import shlex

import yaml

import chart
import readme

VALUES = (chart.CHART / "values.yaml").read_text()
SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())


def test_the_readme_is_up_to_date():
    text = readme.README.read_text()
    assert text == readme.renewed(text, VALUES), "run `cargo xtask chart --readme`"


def test_every_value_is_described():
    descriptions = readme.described(VALUES)
    undescribed = [p for p, _ in readme.leaves(yaml.safe_load(VALUES), descriptions) if p not in descriptions]
    assert undescribed == []


def test_the_pod_for_status_is_as_safe_as_the_charts_own():
    [command] = re.findall(r"^\$ (kubectl run lakeward-status .*?)\n```", readme.README.read_text(), re.DOTALL | re.MULTILINE)
    words = shlex.split(command)
    [given] = [word.removeprefix("--overrides=") for word in words if word.startswith("--overrides=")]
    pod = json.loads(given)["spec"]
    [container] = pod["containers"]
    # By its name kubectl knows it for the container that it makes, and leaves the command to it.
    assert container["name"] == words[words.index("run") + 1] and "--override-type=strategic" in words
    values = yaml.safe_load(VALUES)
    assert container["securityContext"] == values["securityContext"]
    assert pod["securityContext"].items() <= values["podSecurityContext"].items()
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]
    objects = chart.render(chart.ORDERS)
    assert pod["serviceAccountName"] == chart.one(objects, "ServiceAccount", "lake-lakeward")["metadata"]["name"]
    [slim] = {c["image"].rpartition("/")[2] for _, _, _, cs in chart.pods(objects) for c in cs if "slim" in c["image"]}
    assert f"--image=registry.example/{slim}" in words


def test_values_and_schema_know_the_same_names():
    assert known(SCHEMA) - {("global",)} == given(yaml.safe_load(VALUES), SCHEMA)


def test_a_table_can_say_all_that_the_defaults_say():
    definitions = SCHEMA["definitions"]
    defaults = SCHEMA["properties"]["defaults"]["properties"]
    own = {"spec", "files", "schedule", "initSqlSecret", "env", "job"}
    own |= {"nodeSelector", "tolerations", "affinity", "priorityClassName"}
    assert set(definitions["table"]["properties"]) == set(defaults) | own
    text = readme.README.read_text()
    assert all(f"`{name}`" in text for name in own)


def resolved(schema):
    if "$ref" in schema:
        return SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    return schema


def known(schema, path=()):
    """The names that the schema lists, down to where it lists none."""
    found = set()
    for name, part in resolved(schema).get("properties", {}).items():
        found |= known(part, (*path, name)) or {(*path, name)}
    return found


def given(values, schema, path=()):
    """The names in the values, down to where the schema lists none."""
    found = set()
    for name, value in values.items():
        part = resolved(schema)["properties"].get(name, {})
        below = given(value, part, (*path, name)) if "properties" in resolved(part) else set()
        found |= below or {(*path, name)}
    return found
