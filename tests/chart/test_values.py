"""What values do, and what is refused of them before anything is installed."""

import copy
import re

import pytest
import yaml

import chart


def workflow(values, name="lake-lakeward-orders", release="lake"):
    return chart.one(chart.render(values, release=release), "WorkflowTemplate", name)


def test_a_table_is_a_config_map_with_its_spec_and_files():
    files = {"orders.sql": "SELECT '{{ not helm''s }}' AS a\n", "checks.sql": "-- name: x\nSELECT 1"}
    spec = {
        "table": "s3://lake/analytics/orders",
        "glue_table": "analytics.orders",
        "sql_file": "orders.sql",
        "compression": {"codec": "zstd", "level": 6},
        "row_group_size": 1000000,
        "columns": {"yes": "no", "1": "2"},
    }
    data = chart.one(
        chart.render(chart.with_table(spec=spec, files=files)), "ConfigMap", "lake-lakeward-orders"
    )["data"]
    assert yaml.safe_load(data.pop("spec.yaml")) == spec
    assert data == files


def test_init_sql_comes_from_a_secret():
    secret = {"name": "warehouse", "key": "attach.sql"}
    write, register = (
        chart.template(workflow(chart.with_table(initSqlSecret=secret)), step)["container"]["env"]
        for step in ("write", "register")
    )
    assert {"name": "LAKEWARD_INIT_SQL", "valueFrom": {"secretKeyRef": secret}} in write
    assert "LAKEWARD_INIT_SQL" not in str(register)


def test_gates_become_flags_of_verify():
    gates = {
        "minRows": 1000000,
        "allowEmpty": True,
        "maxRowChange": "12.5%",
        "replica": "s3://lake-replica/",
        "replicaRegion": "eu-west-1",
        "replicaBucketOwner": "123456789012",
        "timeout": "30m",
        "args": ["--concurrency=64"],
    }
    container = chart.template(workflow(chart.with_table(verify=gates)), "verify")["container"]
    assert container["args"][1:] == [
        "--min-rows=1000000",
        "--timeout=30m",
        "--allow-empty",
        "--max-row-change=12.5%",
        "--replica=s3://lake-replica/",
        "--replica-region=eu-west-1",
        "--replica-bucket-owner=123456789012",
        "--concurrency=64",
    ]


def test_a_table_can_take_back_what_the_defaults_say():
    values = {
        "defaults": {
            "suspend": True,
            "verify": {"allowEmpty": True, "maxRowChange": "50%", "minRows": 10},
            "write": {"args": ["--uploads=8"]},
        },
        **chart.with_table(
            schedule="@daily",
            suspend=False,
            verify={"allowEmpty": False, "maxRowChange": "", "minRows": 0},
            write={"args": []},
        ),
    }
    objects = chart.render(values)
    assert chart.one(objects, "CronWorkflow", "lake-lakeward-orders")["spec"]["suspend"] is False
    template = chart.one(objects, "WorkflowTemplate", "lake-lakeward-orders")
    assert chart.template(template, "verify")["container"]["args"][1:] == ["--min-rows=0", "--timeout=15m"]
    assert "--uploads=8" not in chart.template(template, "write")["container"]["args"]


def test_null_takes_a_default_away_from_one_table():
    values = {
        "defaults": {"otlp": {"endpoint": "http://collector:4318"}, "encryption": {"sse": "AES256"}},
        **chart.with_table(write={"resources": {"limits": {"cpu": None}}}, otlp=None, encryption=None, job=None),
    }
    write = chart.template(workflow(values), "write")["container"]
    assert write["resources"]["limits"] == {"memory": "4Gi"}
    assert not [name for name in chart.variables(write) if name.startswith(("OTEL", "LAKEWARD_SSE"))]


def test_resources_can_differ_by_table():
    resources = {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"cpu": "4", "memory": "16Gi"}}
    template = workflow(chart.with_table(write={"resources": resources}))
    assert chart.template(template, "write")["container"]["resources"] == resources
    assert chart.template(template, "swap")["container"]["resources"]["limits"] == {"memory": "256Mi"}


def test_a_digest_wins_over_a_tag():
    digest = "sha256:" + "0" * 64
    values = {**chart.ORDERS, "image": {"repository": "r/lakeward", "tag": "1", "digest": digest}, "slimImage": {"tag": "2"}}
    template = workflow(values)
    assert chart.template(template, "write")["container"]["image"] == f"r/lakeward@{digest}"
    assert chart.template(template, "swap")["container"]["image"] == "lakeward-slim:2"


def test_the_service_account_carries_what_gives_it_a_role():
    account = {
        "name": "lake",
        "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/lake"},
        "labels": {"pod-identity": "lake"},
    }
    objects = chart.render({**chart.ORDERS, "serviceAccount": account})
    metadata = chart.one(objects, "ServiceAccount", "lake")["metadata"]
    assert metadata["annotations"] == account["annotations"]
    assert metadata["labels"]["pod-identity"] == "lake"
    assert {pod["serviceAccountName"] for _, pod, _, _ in chart.pods(objects)} == {"lake"}


def test_an_account_that_is_there_is_used_and_not_made():
    objects = chart.render({**chart.ORDERS, "serviceAccount": {"create": False, "name": "there"}})
    assert not [o for o in objects if o["kind"] == "ServiceAccount"]
    assert {pod["serviceAccountName"] for _, pod, _, _ in chart.pods(objects)} == {"there"}


@pytest.mark.parametrize("argo", [True, False])
def test_what_is_said_of_pods_reaches_every_pod(argo):
    settings = {
        "podLabels": {"team": "analytics"},
        "podAnnotations": {"note": "x"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "analytics", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "batch",
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
        "envFrom": [{"secretRef": {"name": "more"}}],
        "volumes": [{"name": "authority", "configMap": {"name": "our-authority"}}],
        "volumeMounts": [{"name": "authority", "mountPath": "/etc/ssl/certs", "readOnly": True}],
        "aws": {"region": "eu-west-1", "expectedBucketOwner": "123456789012", "catalogId": "210987654321"},
    }
    table = chart.ORDERS if argo else chart.with_table(job={"runTs": "2026-05-19T06:00:00Z"})
    values = {**table, **settings, "argo": {"enabled": argo}}
    objects = chart.render(values)
    shapes = list(chart.pods(objects))
    assert len(shapes) == (7 if argo else 2)
    for where, pod, volumes, containers in shapes:
        assert settings["volumes"][0] in volumes, where
        for name in ("nodeSelector", "tolerations", "affinity", "imagePullSecrets"):
            assert pod[name] == settings[name], where
        assert pod["podPriorityClassName" if argo else "priorityClassName"] == "batch", where
        for container in containers:
            variables = chart.variables(container)
            assert variables["HTTPS_PROXY"] == "http://proxy", where
            assert variables["AWS_REGION"] == "eu-west-1", where
            assert variables["LAKEWARD_EXPECTED_BUCKET_OWNER"] == "123456789012", where
            assert variables["LAKEWARD_CATALOG_ID"] == "210987654321", where
            assert container["envFrom"] == settings["envFrom"], where
            assert settings["volumeMounts"][0] in container["volumeMounts"], where
    metadata = [m for o in objects for m in pod_metadata(o)]
    assert len(metadata) == 2
    for m in metadata:
        assert m["labels"]["team"] == "analytics" and m["annotations"] == {"note": "x"}


@pytest.mark.parametrize("argo", [True, False])
def test_a_table_can_have_nodes_of_its_own(argo):
    release = {"nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "a"}], "priorityClassName": "batch"}
    own = {"nodeSelector": {"pool": "large"}, "tolerations": [], "priorityClassName": "urgent"}
    job = {} if argo else {"job": {"runTs": "2026-05-19T06:00:00Z"}}
    for where, pod, _, _ in chart.pods(chart.render({**chart.with_table(**own, **job), **release, "argo": {"enabled": argo}})):
        assert pod["nodeSelector"] == {"pool": "large"}, where
        assert "tolerations" not in pod, where
        assert pod["podPriorityClassName" if argo else "priorityClassName"] == "urgent", where


def pod_metadata(o):
    spec = o.get("spec", {})
    for part in (spec, spec.get("workflowSpec", {})):
        if "podMetadata" in part:
            yield part["podMetadata"]
    for part in (spec, spec.get("jobTemplate", {}).get("spec", {})):
        if "template" in part:
            yield part["template"]["metadata"]


def test_names_stay_short_and_apart():
    long = "a" * 50
    for argo in (True, False):
        when = {"schedule": "@daily"} if argo else {"job": {"runTs": "2026-05-19T06:00:00Z"}}
        specs = {
            side: {"table": f"s3://lake/{side}/", "glue_table": f"analytics.{side}", "sql": "SELECT 1"}
            for side in ("left", "right")
        }
        tables = {f"{long}-{side}": {"spec": spec, **when} for side, spec in specs.items()}
        names = chart.names(chart.render({"tables": tables, "argo": {"enabled": argo}}))
        assert len(names) == len(set(names))
        limits = {"CronWorkflow": 52, "CronJob": 52}
        assert all(len(name) <= limits.get(kind, 63) for kind, name in names), names


def test_names_that_look_like_numbers_stay_text():
    tables = {"1": chart.ORDERS["tables"]["orders"]}
    objects = chart.render({"tables": tables, "fullnameOverride": "2", "serviceAccount": {"name": "3"}}, release="123")
    for o in objects:
        assert all(isinstance(value, str) for value in o["metadata"]["labels"].values()), o["metadata"]
        assert isinstance(o["metadata"]["name"], str), o["metadata"]
    assert {pod["serviceAccountName"] for _, pod, _, _ in chart.pods(objects)} == {"3"}


REFUSED = {
    "a misspelt value": ({"tabels": {}}, "tabels"),
    "a misspelt default": ({"defaults": {"gc": {"retentiondays": 3}}}, "retentiondays"),
    "a misspelt field of a table": (chart.with_table(shedule="@daily"), "shedule"),
    "a table without a spec": ({"tables": {"orders": {}}}, "spec"),
    "a table without a root": (
        chart.with_table(spec={"glue_table": "a.b", "sql": "SELECT 1"}),
        "missing property 'table'",
    ),
    "a table that is a whole bucket": (
        chart.with_table(spec={"table": "s3://lake/", "glue_table": "a.b", "sql": "SELECT 1"}),
        "/spec/table",
    ),
    "a table name with capitals": ({"tables": {"Orders": chart.ORDERS["tables"]["orders"]}}, "Orders"),
    "no query": (chart.with_table(spec={"table": "s3://lake/a/", "glue_table": "a.b"}), "oneOf"),
    "two queries": (
        chart.with_table(
            spec={"table": "s3://lake/a/", "glue_table": "a.b", "sql": "SELECT 1", "sql_file": "a.sql"},
            files={"a.sql": "SELECT 1"},
        ),
        "oneOf",
    ),
    "secrets in init_sql": (
        chart.with_table(
            spec={"table": "s3://lake/a/", "glue_table": "a.b", "sql": "SELECT 1", "init_sql": "ATTACH"}
        ),
        "init_sql",
    ),
    "a query file that is not there": (
        chart.with_table(spec={"table": "s3://lake/a/", "glue_table": "a.b", "sql_file": "a.sql"}),
        "tables.orders.spec.sql_file: there is no a.sql in tables.orders.files",
    ),
    "a check that is not there": (
        chart.with_table(verify={"checks": ["a.sql"]}),
        "tables.orders.verify.checks: there is no a.sql in tables.orders.files",
    ),
    "a file in place of the spec": (chart.with_table(files={"spec.yaml": "{}"}), "spec.yaml"),
    "a percentage that is none": (chart.with_table(verify={"maxRowChange": "lots"}), "maxRowChange"),
    "rows below zero": (chart.with_table(verify={"minRows": -1}), "minRows"),
    "no version kept": (chart.with_table(gc={"keepVersions": 0}), "keepVersions"),
    "a time without a unit": (chart.with_table(gc={"orphanGrace": "24"}), "orphanGrace"),
    "a schedule of four fields": (chart.with_table(schedule="0 5 * *"), "schedule"),
    "a schedule without Argo": (
        {**chart.with_table(schedule="@daily"), "argo": {"enabled": False}},
        "tables.orders.schedule: only Argo",
    ),
    "a Job beside Argo": (
        chart.with_table(job={"runTs": "2026-05-19T06:00:00Z"}),
        "tables.orders.job: with Argo a run is a workflow",
    ),
    "a run without a time": (chart.with_table(job={"runTs": "2026-05-19"}), "runTs"),
    "scratch of another kind": (chart.with_table(scratch={"type": "hostPath"}), "type"),
    "scratch without a size": (chart.with_table(scratch={"size": "much"}), "size"),
    "an argument that is no flag": (chart.with_table(swap={"args": ["s3://lake/"]}), "args"),
    "an account that is none": ({"aws": {"expectedBucketOwner": "me"}}, "expectedBucketOwner"),
    "a digest that is none": ({"image": {"digest": "latest"}}, "digest"),
    "a part of names with capitals": ({"fullnameOverride": "Lake"}, "fullnameOverride"),
    "a variable without a name": ({"env": [{"value": "1"}]}, "missing property 'name'"),
    "a volume with a name of the chart's": (
        {**chart.ORDERS, "volumes": [{"name": "scratch", "emptyDir": {}}]},
        "volumes: the chart has a volume scratch of its own",
    ),
    "two volumes of one name": (
        {**chart.ORDERS, "volumes": [{"name": "more", "emptyDir": {}}, {"name": "more", "configMap": {"name": "a"}}]},
        "volumes: there are two of the name more",
    ),
    "a mount of a volume that is not there": (
        {**chart.ORDERS, "volumeMounts": [{"name": "more", "mountPath": "/more"}]},
        "volumeMounts: there is no volume more in volumes",
    ),
    **{
        f"a mount in place of the chart's at {path}": (
            {
                **chart.ORDERS,
                "volumes": [{"name": "more", "emptyDir": {}}],
                "volumeMounts": [{"name": "more", "mountPath": path}],
            },
            f"volumeMounts: {path.rstrip('/')} is taken",
        )
        for path in ("/tmp", "/specs", "/scratch/")
    },
    "two mounts at one path": (
        {
            **chart.ORDERS,
            "volumes": [{"name": "more", "emptyDir": {}}],
            "volumeMounts": [{"name": "more", "mountPath": "/more", "subPath": name} for name in "ab"],
        },
        "volumeMounts: /more is taken",
    ),
    "an encryption that S3 does not have": (chart.with_table(encryption={"sse": "aws:fsx"}), "sse"),
    "a key for encryption that takes none": (
        chart.with_table(encryption={"sse": "AES256", "kmsKeyId": "alias/lake"}),
        "tables.orders.encryption.kmsKeyId: goes with sse aws:kms",
    ),
    "a default key beside encryption that takes none": (
        {"defaults": {"encryption": {"kmsKeyId": "alias/lake"}}, **chart.ORDERS},
        "tables.orders.encryption.kmsKeyId: goes with sse aws:kms",
    ),
    "a bucket key for encryption that has none": (
        chart.with_table(encryption={"sse": "aws:kms:dsse", "bucketKeyEnabled": True}),
        "tables.orders.encryption.bucketKeyEnabled: goes with sse aws:kms",
    ),
    "a collector without http": (chart.with_table(otlp={"endpoint": "otel-collector:4318"}), "endpoint"),
    "a password in a collector's URL": (
        chart.with_table(otlp={"endpoint": "https://user:planted@collector:4318"}),
        "endpoint",
    ),
    "a collector's port for gRPC": (
        chart.with_table(otlp={"endpoint": "http://collector:4317"}),
        "tables.orders.otlp.endpoint: 4317 is the port for gRPC",
    ),
    "a token in a catalog's URL": (
        chart.with_table(openlineage={"url": "https://marquez/?token=planted"}),
        "url",
    ),
    "a Secret without a key": (
        chart.with_table(otlp={"endpoint": "http://collector:4318", "headersSecret": {"name": "otel"}}),
        "tables.orders.otlp.headersSecret: takes the name of a Secret and a key in it",
    ),
    "an attribute that would be two": (
        chart.with_table(otlp={"resourceAttributes": {"team": "a,b"}}),
        "resourceAttributes",
    ),
    "an attribute that Kubernetes would take for a variable": (
        chart.with_table(otlp={"endpoint": "http://collector:4318", "resourceAttributes": {"cost": "$(HOME)"}}),
        "tables.orders.otlp.resourceAttributes.cost: Kubernetes reads $( as the start of a variable's name",
    ),
    "an account of one step in a Job": (
        {
            **chart.with_table(job={"runTs": "2026-05-19T06:00:00Z"}, write={"serviceAccountName": "query"}),
            "argo": {"enabled": False},
        },
        "tables.orders.job: the steps of a Job are one pod",
    ),
}


@pytest.mark.parametrize(("values", "reason"), REFUSED.values(), ids=[name.replace(" ", "_") for name in REFUSED])
def test_refused_is(values, reason):
    with pytest.raises(chart.Refused) as refused:
        chart.render(values)
    assert reason in str(refused.value)


def two_tables(**second):
    values = copy.deepcopy(chart.ORDERS)
    spec = {"table": "s3://lake/crm/customers/", "glue_table": "crm.customers", "sql": "SELECT 1"}
    values["tables"]["customers"] = {"spec": {**spec, **second}}
    return values


def test_two_tables_that_share_nothing_are_taken_even_when_one_name_begins_with_the_other():
    chart.render(two_tables(table="s3://lake/analytics/orders_eu/", glue_table="analytics.orders_eu"))


@pytest.mark.parametrize(
    "second",
    [
        {"table": "s3://lake/analytics/orders"},
        {"table": "s3://lake/analytics/orders/eu/"},
        {"table": "s3://lake/analytics/"},
        {"glue_table": "analytics.orders"},
    ],
)
def test_two_tables_that_would_meet_are_refused(second):
    with pytest.raises(chart.Refused, match="lies under it|has the same one"):
        chart.render(two_tables(**second))


def table(name):
    return {"spec": {"table": f"s3://lake/analytics/{name}/", "glue_table": f"analytics.{name}", "sql": "SELECT 1"}}


def test_a_schedule_with_the_name_of_another_tables_gc_is_refused():
    values = {"tables": {"orders": table("orders"), "orders-gc": {**table("orders_gc"), "schedule": "@daily"}}}
    with pytest.raises(chart.Refused, match="tables.orders-gc: its schedule has the name of gc's for the table orders"):
        chart.render(values)
    values["tables"]["orders"]["gc"] = {"schedule": ""}
    chart.render(values)


def test_a_later_file_of_values_can_take_a_table_away(tmp_path):
    both = {"tables": {"orders": table("orders"), "prices": table("prices")}}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(both))
    found = {o["metadata"]["name"] for o in chart.render({"tables": {"prices": None}}, "--values", tmp_path / "both.yaml")}
    assert "lake-lakeward-orders" in found and not [name for name in found if "prices" in name]


def test_every_object_names_its_namespace():
    for argo in (True, False):
        objects = chart.render({**chart.ORDERS, "argo": {"enabled": argo}})
        assert {o["metadata"]["namespace"] for o in objects} == {"analytics"}


def test_the_same_values_render_the_same():
    assert chart.render_text(values=chart.ORDERS) == chart.render_text(values=chart.ORDERS)


def test_a_variable_is_there_once_and_the_tables_own_wins():
    values = {
        **chart.with_table(env=[{"name": "LAKEWARD_EXPECTED_BUCKET_OWNER", "value": "210987654321"}]),
        "aws": {"region": "eu-west-1", "expectedBucketOwner": "123456789012"},
        "env": [{"name": "AWS_REGION", "valueFrom": {"configMapKeyRef": {"name": "region", "key": "region"}}}],
    }
    for where, _, _, containers in chart.pods(chart.render(values)):
        for container in containers:
            names = [variable["name"] for variable in container["env"]]
            assert len(names) == len(set(names)), where
            assert chart.variables(container)["LAKEWARD_EXPECTED_BUCKET_OWNER"] == "210987654321", where
            assert values["env"][0] in container["env"], where


def expanded(container):
    """The variables that have a value, as the kubelet hands them over: a name stands for what is before it in the list."""
    found = {}
    for variable in container["env"]:
        if "value" in variable:
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda m: found.get(m[1], m[0]), variable["value"])
    return found


def test_a_variable_that_a_table_says_anew_is_found_by_those_that_name_it():
    values = {
        **chart.with_table(
            env=[
                {"name": "BUCKET", "value": "lake-$(STAGE)"},
                {"name": "STAGE", "value": "test"},
                {"name": "LAKEWARD_LOG", "value": "$(LEVEL),lakeward_store=$(LEVEL)"},
                {"name": "PATH", "value": "/own:$(PATH)"},
            ]
        ),
        "env": [
            {"name": "STAGE", "value": "production"},
            {"name": "BUCKET", "value": "lake"},
            {"name": "ROOT", "value": "s3://$(BUCKET)/"},
            {"name": "LEVEL", "value": "debug"},
        ],
    }
    for where, _, _, [container] in chart.pods(chart.render(values)):
        names = [variable["name"] for variable in container["env"]]
        assert len(names) == len(set(names)), where
        found = expanded(container)
        assert found["ROOT"] == "s3://lake-test/", where
        # The chart's own stands first in the list, the one that it is said by now last.
        assert found["LAKEWARD_LOG"] == "debug,lakeward_store=debug", where
        assert found["PATH"] == "/own:$(PATH)", where


@pytest.mark.parametrize("version", ["1.30.9", "1.30.2-eks-036c24b"])
def test_kubernetes_without_what_the_chart_uses_is_refused(version):
    with pytest.raises(chart.Refused, match="kubeVersion"):
        chart.render(chart.ORDERS, "--kube-version", version)


def test_the_charts_tmp_may_be_mounted_a_second_time():
    mount = {"name": "tmp", "mountPath": "/var/tmp"}
    for where, _, _, [container] in chart.pods(chart.render({**chart.ORDERS, "volumeMounts": [mount]})):
        assert mount in container["volumeMounts"], where
