"""Tasks that publish a table with Lakeward, each step a pod of its own.

A DAG calls `publish_table` once for each table. What the tasks have to agree on is decided here: the run's
timestamp and key, how the manifest's URI gets from task to task, and which exit codes are worth a retry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict, Unpack

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context
    from kubernetes.client import models as k8s

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


class PodOptions(TypedDict, total=False):
    """What all pods of a table share: arguments of KubernetesPodOperator, and of every operator."""

    image: str
    namespace: str
    service_account_name: str
    env_vars: dict[str, str]
    volumes: list[k8s.V1Volume]
    volume_mounts: list[k8s.V1VolumeMount]
    container_resources: k8s.V1ResourceRequirements
    node_selector: dict[str, str]
    deferrable: bool
    pool: str
    retries: int
    retry_delay: timedelta
    retry_exponential_backoff: float
    max_retry_delay: timedelta
    execution_timeout: timedelta


class StepOptions(PodOptions, total=False):
    """What is a task's own."""

    task_id: str
    trigger_rule: TriggerRule
    skip_on_exit_code: int | None


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
) -> Published:
    """Builds the tasks that publish a table: write, register, verify, swap.

    `write`, `verify` and `swap` are further arguments of these steps. `abandon` is the table's root: if it is
    given, a run that fails is ended and removed at once. Such a run cannot be cleared and taken up again, so
    leave it out where a person may mend what was wrong; gc finds what is left in either case.
    """
    options = PodOptions(
        retries=5,
        retry_delay=timedelta(seconds=30),
        retry_exponential_backoff=2,
        max_retry_delay=timedelta(minutes=10),
    )
    options.update(pod)
    with TaskGroup(name) as group:
        first = LakewardStep(
            task_id="write",
            step="write",
            arguments=["--run-ts", RUN_TIMESTAMP, "--run-key", RUN_KEY, *write],
            **options,
        )
        manifest = f"{{{{ ti.xcom_pull(task_ids='{first.task_id}')['manifest'] }}}}"

        def follow(step: str, further: Sequence[str], skip_on_exit_code: int | None = None) -> LakewardStep:
            return LakewardStep(
                task_id=step,
                step=step,
                arguments=[manifest, *further],
                **options,
                skip_on_exit_code=skip_on_exit_code,
            )

        register = follow("register", [])
        verified = follow("verify", verify)
        # A verified run that a newer one has overtaken is no failure: readers have what is newer.
        last = follow("swap", swap, skip_on_exit_code=FENCED)
        first >> register >> verified >> last
        cleaner = _abandon_after(last, abandon, options) if abandon else None
    return Published(first, register, verified, last, cleaner, group)


def _abandon_after(swap: LakewardStep, root: str, options: PodOptions) -> LakewardStep:
    # `all_failed` holds as well when an earlier task failed and swap was never started.
    abandon = AbandonRun(task_id="abandon", root=root, trigger_rule=TriggerRule.ALL_FAILED, **options)
    # A DAG run is judged by its last tasks: without this one, a run that was abandoned would be a success.
    published = EmptyOperator(task_id="published", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    swap >> [abandon, published]
    abandon >> published
    return abandon


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
