"""Two tables of a shop, published and cleaned up after: docs/BY-HAND.md tells what to do when a run fails."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG
from kubernetes.client import models as k8s

from lakeward_airflow import PodOptions, collect_garbage, publish_table

ORDERS = "s3://lake/analytics/orders/"
PRICES = "s3://lake/analytics/prices/"
POD = PodOptions(
    image="lakeward:0.1.0",
    namespace="lakeward",
    # Its role may read and write the lake; nothing about AWS is configured here.
    service_account_name="lakeward",
    volumes=[
        k8s.V1Volume(name="specs", config_map=k8s.V1ConfigMapVolumeSource(name="lakeward-specs")),
        k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit="20Gi")),
    ],
    volume_mounts=[
        k8s.V1VolumeMount(name="specs", mount_path="/specs", read_only=True),
        k8s.V1VolumeMount(name="scratch", mount_path="/scratch"),
    ],
    container_resources=k8s.V1ResourceRequirements(
        requests={"cpu": "100m", "memory": "128Mi"}, limits={"memory": "256Mi"}
    ),
)
# What runs DuckDB, which takes its threads and memory from the limits, and spills to scratch on the node's disk.
LARGE = PodOptions(
    container_resources=k8s.V1ResourceRequirements(
        requests={"cpu": "1", "memory": "4Gi", "ephemeral-storage": "20Gi"}, limits={"cpu": "2", "memory": "4Gi"}
    ),
)
# What deletes: a role of its own, and no DuckDB.
KEEPER = PodOptions(image="lakeward-slim:0.1.0", service_account_name="lakeward-gc")

# Once a day, and a person looks after it: a run that has failed stays until it is mended and cleared.
with DAG("publish_orders", schedule="0 6 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    publish_table(
        "orders",
        write=["--spec", "/specs/orders.yaml", "--scratch", "/scratch"],
        verify=["--max-row-change", "50%", "--check", "/specs/orders_checks.sql", "--scratch", "/scratch"],
        pod=POD,
        write_pod=LARGE,
        verify_pod=LARGE,
    )

# Every hour: the next run replaces one that has failed, so nobody needs to keep it.
with DAG("publish_prices", schedule="0 * * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    publish_table(
        "prices",
        write=["--spec", "/specs/prices.yaml", "--scratch", "/scratch"],
        abandon=PRICES,
        pod=POD,
        write_pod=LARGE,
        abandon_pod=KEEPER,
    )

# Every night: old versions, and what failed runs have left.
with DAG("clean_up", schedule="30 3 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    collect_garbage(ORDERS, task_id="orders", pod=POD | KEEPER)
    collect_garbage(PRICES, task_id="prices", arguments=["--retention-days", "7"], pod=POD | KEEPER)
