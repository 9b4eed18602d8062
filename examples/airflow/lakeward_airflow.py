"""Tasks that publish a table with Lakeward, each step a pod of its own.

A DAG calls `publish_table` once for each table, and another one, less often, `collect_garbage`. What the tasks have
to agree on is decided here: the run's timestamp and key, how the manifest's URI gets from task to task, and which exit
codes are worth a retry.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypedDict, Unpack

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from kubernetes.client import models as k8s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

RESULT_FILE: Final = "/airflow/xcom/return.json"
"""What the provider's sidecar reads as a task's XCom."""

FENCED: Final = 11
"""The exit code of a step whose run was overtaken or has ended."""

PERMANENT: Final = frozenset({1, 2, FENCED, 12, 14})
"""Exit codes after which the same command fails again: docs/PROTOCOL.md. Whatever else a pod ends with is
worth a retry: 10 and 13 by their meaning, a kill (137) or a lost node (no code at all) because every step can
be repeated."""

RUN_TIMESTAMP: Final = "{{ dag_run.run_after | ts }}"
"""When the run was due. Every DAG run has it, a manual one too, whose `logical_date` may be None; no retry and
no clearing changes it; and what is due later is newer, whatever the timetable and whoever asked for it."""

RUN_KEY: Final = "{{ run_id }}"
"""Tells apart two DAG runs that were due in the same second."""

OPENLINEAGE_PARENT: Final = "{{ macros.OpenLineageProviderPlugin.lineage_parent_id(task_instance) }}"
"""The task, as OpenLineage names the run that another one is part of. Where the provider for OpenLineage is not
installed, the template does not render and the task fails."""

POD_SECURITY: Final = k8s.V1PodSecurityContext(
    run_as_non_root=True,
    run_as_user=65532,
    run_as_group=65532,
    fs_group=65532,
    seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
)
"""What the `restricted` Pod Security Standard asks of a pod. 65532 is the images' user."""

CONTAINER_SECURITY: Final = k8s.V1SecurityContext(
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    capabilities=k8s.V1Capabilities(drop=["ALL"]),
)
"""What it asks of a container, and a root file system that nothing is written to: the sidecar needs no more either."""


class PodOptions(TypedDict, total=False):
    """What pods of a table have: arguments of KubernetesPodOperator, and of every operator."""

    image: str
    image_pull_policy: str
    image_pull_secrets: list[k8s.V1LocalObjectReference]
    namespace: str
    kubernetes_conn_id: str | None
    service_account_name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    env_vars: list[k8s.V1EnvVar] | dict[str, str]
    env_from: list[k8s.V1EnvFromSource]
    volumes: list[k8s.V1Volume]
    volume_mounts: list[k8s.V1VolumeMount]
    container_resources: k8s.V1ResourceRequirements
    security_context: k8s.V1PodSecurityContext
    container_security_context: k8s.V1SecurityContext
    xcom_sidecar_container_security_context: k8s.V1SecurityContext
    node_selector: dict[str, str]
    tolerations: list[k8s.V1Toleration]
    affinity: k8s.V1Affinity
    priority_class_name: str
    startup_timeout_seconds: int
    deferrable: bool
    pool: str
    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: float
    max_retry_delay: timedelta
    execution_timeout: timedelta


class OwnPods(TypedDict, total=False):
    """What pods of a single step have in place of what all share: resources, an account, an image without DuckDB."""

    write_pod: PodOptions
    register_pod: PodOptions
    verify_pod: PodOptions
    swap_pod: PodOptions
    abandon_pod: PodOptions


class StepOptions(PodOptions, total=False):
    """What is a task's own."""

    task_id: str
    trigger_rule: TriggerRule
    skip_on_exit_code: int | None


class SecretKey(NamedTuple):
    """A key of a Kubernetes Secret: its value reaches the pod, and Airflow never sees it."""

    secret: str
    key: str


class Run(Protocol):
    """What a DAG run tells about the Lakeward run that it makes."""

    run_after: datetime
    run_id: str


@dataclass(frozen=True)
class Published:
    """The tasks of one table."""

    write: LakewardStep
    register: LakewardStep
    verify: LakewardStep
    swap: LakewardStep
    abandon: LakewardStep | None
    """Ends a run that has failed, when it was asked for."""
    group: TaskGroup
    """All of them: what reads the table goes after it."""


class LakewardStep(KubernetesPodOperator):
    """A pod that runs one step, and fails at once when a retry could not help.

    The step's result is the task's XCom, also when it failed.
    """

    def __init__(self, *, step: str, arguments: Sequence[str], **options: Unpack[StepOptions]) -> None:
        super().__init__(
            name=f"lakeward-{step}",
            cmds=[f"lakeward-{step}"],
            arguments=[*arguments, "--result-path", RESULT_FILE],
            do_xcom_push=True,
            log_pod_spec_on_failure=False,
            **options,
        )

    def cleanup(
        self,
        pod: k8s.V1Pod,
        remote_pod: k8s.V1Pod,
        xcom_result: dict[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Cleans up as every pod operator does, then turns a failure for good into one that is not retried."""
        try:
            super().cleanup(pod, remote_pod, xcom_result, context)
        except AirflowSkipException:
            raise
        except AirflowException as failure:
            code = exit_code(remote_pod, self.base_container_name)
            ended = "without an exit code" if code is None else f"with exit code {code}"
            message = f"{self.name} ended {ended}: {told(xcom_result) or failure}"
            if code in PERMANENT:
                raise AirflowFailException(message) from failure
            raise AirflowException(message) from failure


class AbandonRun(LakewardStep):
    """Ends the run of a DAG run whose publication has failed, and removes what it left."""

    def __init__(self, *, root: str, **options: Unpack[StepOptions]) -> None:
        self.root = root
        # Not from the XCom of `write`: that one may have failed before it could name its manifest.
        super().__init__(step="gc", arguments=["--abandon", "{{ task.manifest(dag_run) }}"], **options)

    def manifest(self, run: Run) -> str:
        """Gives the URI of the manifest that `write` claims for a DAG run."""
        return manifest_uri(self.root, run.run_after, run.run_id)


def publish_table(
    name: str,
    *,
    write: Sequence[str],
    verify: Sequence[str] = (),
    swap: Sequence[str] = (),
    abandon: str | None = None,
    pod: PodOptions,
    **own: Unpack[OwnPods],
) -> Published:
    """Builds the tasks that publish a table: write, register, verify, swap.

    `write`, `verify` and `swap` are further arguments of these steps. `abandon` is the table's root: if it is
    given, a run that fails is ended and removed at once, for which `abandon_pod` needs the role of gc. Such a run
    cannot be cleared and taken up again, so leave it out where a person may mend what was wrong; gc finds what is left
    in either case. `pod` is what all pods have, `write_pod` and the like what those of one step have in its place.
    """
    with TaskGroup(name) as group:
        first = LakewardStep(
            task_id="write",
            step="write",
            arguments=["--run-ts", RUN_TIMESTAMP, "--run-key", RUN_KEY, *write],
            **_options(pod, own.get("write_pod")),
        )
        manifest = f"{{{{ ti.xcom_pull(task_ids='{first.task_id}')['manifest'] }}}}"

        def follow(
            step: str, further: Sequence[str], pod_of_step: PodOptions | None, skip_on_exit_code: int | None = None
        ) -> LakewardStep:
            return LakewardStep(
                task_id=step,
                step=step,
                arguments=[manifest, *further],
                **_options(pod, pod_of_step),
                skip_on_exit_code=skip_on_exit_code,
            )

        register = follow("register", [], own.get("register_pod"))
        verified = follow("verify", verify, own.get("verify_pod"))
        # A verified run that a newer one has overtaken is no failure: readers have what is newer.
        last = follow("swap", swap, own.get("swap_pod"), skip_on_exit_code=FENCED)
        first >> register >> verified >> last
        cleaner = _abandon_after(last, abandon, _options(pod, own.get("abandon_pod"))) if abandon else None
    return Published(first, register, verified, last, cleaner, group)


def collect_garbage(root: str, *, task_id: str, arguments: Sequence[str] = (), pod: PodOptions) -> LakewardStep:
    """Builds the task that deletes what nothing of a table can reach: docs/steps/gc.md.

    `root` is the table's root, `arguments` are further arguments of gc, and `pod` is what its pod has: the account
    needs the role of gc.
    """
    return LakewardStep(task_id=task_id, step="gc", arguments=[root, *arguments], **_options(pod, None))


def _options(shared: PodOptions, own: PodOptions | None) -> PodOptions:
    options = PodOptions(
        retries=5,
        retry_delay=timedelta(seconds=30),
        retry_exponential_backoff=2,
        max_retry_delay=timedelta(minutes=10),
        security_context=POD_SECURITY,
        container_security_context=CONTAINER_SECURITY,
        xcom_sidecar_container_security_context=CONTAINER_SECURITY,
    )
    options.update(shared)
    options.update(own or {})
    return options


def _abandon_after(swap: LakewardStep, root: str, options: PodOptions) -> LakewardStep:
    # `all_failed` holds as well when an earlier task failed and swap was never started.
    abandon = AbandonRun(task_id="abandon", root=root, trigger_rule=TriggerRule.ALL_FAILED, **options)
    # A DAG run is judged by its last tasks: without this one, a run that was abandoned would be a success.
    published = EmptyOperator(task_id="published", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    swap >> [abandon, published]
    abandon >> published
    return abandon


def encryption(
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"], *, kms_key_id: str | None = None, bucket_key: bool = False
) -> list[k8s.V1EnvVar]:
    """Gives the variables by which every step has S3 encrypt what it puts: docs/SECURITY.md."""
    return _variables(
        LAKEWARD_SSE=sse,
        LAKEWARD_SSE_KMS_KEY_ID=kms_key_id,
        LAKEWARD_BUCKET_KEY_ENABLED="true" if bucket_key else None,
    )


def opentelemetry(
    endpoint: str, *, headers: SecretKey | None = None, attributes: Mapping[str, str] | None = None
) -> list[k8s.V1EnvVar]:
    """Gives the variables by which every step sends traces and metrics to a collector: docs/OBSERVABILITY.md.

    The pods say which ones they are; `attributes` is said beside that. The steps of a run share a trace by themselves.

    Raises ValueError for what would not arrive: the collector's port for gRPC, attributes that would be taken apart.
    """
    if re.search(r":4317(/|$)", endpoint):
        message = f"{endpoint}: 4317 is the port for gRPC, which no step speaks; give the one for HTTP, usually 4318"
        raise ValueError(message)
    for name, value in (attributes or {}).items():
        _check_attribute(name, value)
    fields = {
        "k8s.namespace.name": "metadata.namespace",
        "k8s.node.name": "spec.nodeName",
        "k8s.pod.name": "metadata.name",
        "k8s.pod.uid": "metadata.uid",
    }
    of_pod = {name: f"OTEL_RESOURCE_ATTRIBUTES_{name[4:].replace('.', '_').upper()}" for name in fields}
    said = {name: f"$({variable})" for name, variable in of_pod.items()} | dict(attributes or {})
    return [
        *_variables(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_HEADERS=headers),
        *(
            k8s.V1EnvVar(
                name=of_pod[name],
                value_from=k8s.V1EnvVarSource(field_ref=k8s.V1ObjectFieldSelector(field_path=path)),
            )
            for name, path in fields.items()
        ),
        *_variables(OTEL_RESOURCE_ATTRIBUTES=",".join(f"{name}={value}" for name, value in said.items())),
    ]


def _check_attribute(name: str, value: str) -> None:
    if not re.fullmatch(r"[^\s,=]+", name) or "," in value:
        message = f"attribute {name}={value}: a name holds no space, comma or =, and a value no comma; leave them out"
        raise ValueError(message)
    if "$(" in f"{name}={value}":
        message = f"attribute {name}={value}: Kubernetes reads $( as the start of a variable's name; leave it out"
        raise ValueError(message)


def openlineage(
    url: str, *, api_key: SecretKey | None = None, namespace: str | None = None, parent: str | None = None
) -> list[k8s.V1EnvVar]:
    """Gives the variables by which every step tells OpenLineage events to a catalog: docs/OBSERVABILITY.md.

    With `parent=OPENLINEAGE_PARENT` each step is part of its task's run.
    """
    return _variables(
        OPENLINEAGE_URL=url,
        OPENLINEAGE_API_KEY=api_key,
        OPENLINEAGE_NAMESPACE=namespace,
        OPENLINEAGE_PARENT_ID=parent,
    )


def _variables(**values: str | SecretKey | None) -> list[k8s.V1EnvVar]:
    return [_variable(name, value) for name, value in values.items() if value is not None]


def _variable(name: str, value: str | SecretKey) -> k8s.V1EnvVar:
    if isinstance(value, str):
        return k8s.V1EnvVar(name=name, value=value)
    # Without `optional` a pod whose Secret is missing would never start, for the sake of those who are only told of it.
    reference = k8s.V1SecretKeySelector(name=value.secret, key=value.key, optional=True)
    return k8s.V1EnvVar(name=name, value_from=k8s.V1EnvVarSource(secret_key_ref=reference))


def manifest_uri(root: str, run_after: datetime, run_id: str) -> str:
    """Gives the URI of the manifest of the run with this timestamp and key: docs/steps/gc.md."""
    key = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{root.rstrip('/')}/_runs/{run_after.astimezone(UTC):%Y-%m-%d-%H%M%S}-{key}/manifest.json"


def exit_code(pod: k8s.V1Pod, container: str) -> int | None:
    """Gives the exit code of a pod's container; none if it has not ended, or was lost with its node."""
    statuses = (pod.status.container_statuses if pod.status else None) or ()
    states = [status.state for status in statuses if status.name == container]
    ended = states[0].terminated if states and states[0] else None
    return ended.exit_code if ended else None


def told(result: object) -> str | None:
    """Gives a failed step's message and the command that goes on, if it left a result."""
    if not isinstance(result, dict) or "error" not in result:
        return None
    following = result.get("next")
    return f"{result['error']}\nto continue by hand: {following}" if following else str(result["error"])
