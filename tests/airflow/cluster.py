"""The part of the Kubernetes API that Airflow's pod operator uses, on loopback.

A pod's base container is a process of this machine: the command and the environment of the pod's spec, with the
folders of its volumes in place of their mount paths. The sidecar that hands over the XCom is played: it is there
until it is killed, and a command in it is run by a shell.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.websockets import WebSocket

Json = dict[str, Any]

BASE: Final = "base"
SIDECAR: Final = "airflow-xcom-sidecar"
TAIL: Final = 2048
"""How much of a log becomes the termination message, in bytes, as the kubelet has it."""
STDOUT: Final = b"\x01"
"""The channel of a command's output in the protocol of `exec`."""


def now() -> str:
    """Gives the time as Kubernetes writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Pod:
    """A pod, and the process that plays its base container."""

    manifest: Json
    folder: Path
    mounts: dict[str, Path]
    process: subprocess.Popen[bytes]
    started: str = field(default_factory=now)
    ended: str | None = None
    sidecar: bool = True

    @property
    def log(self) -> Path:
        """What the base container wrote."""
        return self.folder / "log"

    def container(self, name: str) -> Json:
        """Gives a container's spec."""
        containers: list[Json] = self.manifest["spec"]["containers"]
        return next(container for container in containers if container["name"] == name)

    def document(self) -> Json:
        """Gives the pod as the API does."""
        code = self.process.poll()
        statuses = [self._status(BASE, self._base(code))]
        if any(container["name"] == SIDECAR for container in self.manifest["spec"]["containers"]):
            statuses.append(self._status(SIDECAR, self._played()))
        else:
            self.sidecar = False
        running = code is None or self.sidecar
        phase = "Running" if running else "Failed" if code else "Succeeded"
        conditions = [{"type": "PodScheduled", "status": "True"}]
        status = {"phase": phase, "conditions": conditions, "containerStatuses": statuses}
        return {**self.manifest, "status": status}

    def _base(self, code: int | None) -> Json:
        if code is None:
            return {"running": {"startedAt": self.started}}
        self.ended = self.ended or now()
        # A process that a signal has ended has that signal's negative number here, and 128 more than it there.
        state: Json = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Error" if code else "Completed",
        }
        if code and self.container(BASE).get("terminationMessagePolicy") == "FallbackToLogsOnError":
            state["message"] = self.log.read_bytes()[-TAIL:].decode(errors="replace")
        return {"terminated": {**state, "startedAt": self.started, "finishedAt": self.ended}}

    def _played(self) -> Json:
        if self.sidecar:
            return {"running": {"startedAt": self.started}}
        return {"terminated": {"exitCode": 0, "startedAt": self.started, "finishedAt": now()}}

    @staticmethod
    def _status(name: str, state: Json) -> Json:
        image = {"image": "none", "imageID": "none", "restartCount": 0}
        return {"name": name, "state": state, "ready": "running" in state, **image}


class Cluster:
    """All pods, for one namespace or several."""

    def __init__(self, folder: Path, config_maps: Path, programs: Path, node: dict[str, str]) -> None:
        """Keeps pods' files below `folder`, and gives each container `node` beside its own environment."""
        self.folder = folder
        self.config_maps = config_maps
        self.programs = programs
        self.node = node
        self.pods: dict[str, Pod] = {}

    def app(self) -> Starlette:
        """Gives the API."""
        pods = "/api/v1/namespaces/{namespace}/pods"
        pod = pods + "/{name}"
        return Starlette(
            routes=[
                Route(pods, self.create, methods=["POST"]),
                Route(pods, self.list),
                Route(pod, self.read),
                Route(pod, self.patch, methods=["PATCH"]),
                Route(pod, self.delete, methods=["DELETE"]),
                Route(pod + "/log", self.read_log),
                Route("/api/v1/namespaces/{namespace}/events", self.events),
                WebSocketRoute(pod + "/exec", self.execute),
            ]
        )

    async def create(self, request: Request) -> Response:
        """Starts a pod."""
        manifest = await request.json()
        pod = await run_in_threadpool(self._start, manifest)
        self.pods[manifest["metadata"]["name"]] = pod
        return JSONResponse(pod.document(), status_code=201)

    def _start(self, manifest: Json) -> Pod:
        folder = self.folder / manifest["metadata"]["name"]
        spec = manifest["spec"]
        base = next(container for container in spec["containers"] if container["name"] == BASE)
        volumes = {volume["name"]: self._volume(folder, volume) for volume in spec["volumes"]}
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in base["volumeMounts"]}
        environment = {variable["name"]: variable["value"] for variable in base.get("env") or ()}
        command = [str(self.programs / base["command"][0]), *base["command"][1:], *base["args"]]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [here(word, mounts) for word in command],
                cwd=folder,
                env={"HOME": str(folder), "TMPDIR": str(folder), **self.node, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return Pod(manifest, folder, mounts, process)

    def _volume(self, folder: Path, volume: Json) -> Path:
        if config_map := volume.get("configMap"):
            return self.config_maps / str(config_map["name"])
        if "emptyDir" not in volume:
            raise NotImplementedError(f"a volume such as {volume}")
        path = folder / "volumes" / str(volume["name"])
        path.mkdir(parents=True)
        return path

    async def list(self, request: Request) -> Response:
        """Lists the pods that have the labels."""
        terms = request.query_params.get("labelSelector", "").split(",")
        found = [pod.document() for pod in self.pods.values() if all(selects(term, pod) for term in terms)]
        return JSONResponse({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": found})

    async def read(self, request: Request) -> Response:
        """Tells how a pod is."""
        pod = self.pods.get(request.path_params["name"])
        return JSONResponse(pod.document()) if pod else missing()

    async def patch(self, request: Request) -> Response:
        """Changes a pod's labels."""
        pod = self.pods.get(request.path_params["name"])
        if pod is None:
            return missing()
        pod.manifest["metadata"]["labels"].update((await request.json())["metadata"]["labels"])
        return JSONResponse(pod.document())

    async def delete(self, request: Request) -> Response:
        """Removes a pod; what runs in it is told to end."""
        pod = self.pods.pop(request.path_params["name"], None)
        if pod is None:
            return missing()
        if pod.process.poll() is None:
            pod.process.send_signal(signal.SIGTERM)
        return JSONResponse(pod.document())

    async def read_log(self, request: Request) -> Response:
        """Gives the log of the base container, which is waited for."""
        pod = self.pods.get(request.path_params["name"])
        if pod is None:
            return missing()
        await run_in_threadpool(pod.process.wait)
        lines = pod.log.read_text(errors="replace").splitlines(keepends=True)
        stamp = f"{now()} " if request.query_params.get("timestamps") else ""
        return PlainTextResponse("".join(f"{stamp}{line}" for line in lines))

    async def events(self, _: Request) -> Response:
        """Tells of no events."""
        return JSONResponse({"apiVersion": "v1", "kind": "EventList", "metadata": {}, "items": []})

    async def execute(self, socket: WebSocket) -> None:
        """Runs a command in the sidecar; the one from standard input can only be the one that kills it."""
        pod = self.pods[socket.path_params["name"]]
        await socket.accept(subprotocol="v4.channel.k8s.io")
        command = socket.query_params.getlist("command")
        if command == ["/bin/sh"]:
            written = await socket.receive()
            if "kill" not in str(written):
                raise NotImplementedError(f"a command such as {written}")
            pod.sidecar = False
        else:
            shell = await asyncio.create_subprocess_exec(
                *(here(word, pod.mounts) for word in command), stdout=asyncio.subprocess.PIPE
            )
            await socket.send_bytes(STDOUT + (await shell.communicate())[0])
        await socket.close()


def here(text: str, mounts: dict[str, Path]) -> str:
    """Gives a text with folders of this machine in place of the paths at which they are mounted."""
    for path, folder in mounts.items():
        text = text.replace(path, str(folder))
    return text


def selects(term: str, pod: Pod) -> bool:
    """Says whether a pod meets one term of a label selector."""
    labels: dict[str, str] = pod.manifest["metadata"]["labels"]
    if term.startswith("!"):
        return term[1:] not in labels
    name, differs, value = term.partition("!=")
    if differs:
        return labels.get(name) != value
    name, _, value = term.partition("=")
    return labels.get(name) == value


def missing() -> Response:
    """Says that there is no such pod."""
    return JSONResponse({"kind": "Status", "status": "Failure", "code": 404}, status_code=404)
