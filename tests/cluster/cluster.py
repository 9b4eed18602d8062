"""A Kubernetes of one node with Argo Workflows, and a local lake that its pods reach: processes of this machine.

They need namespaces of their own (`unshare --net --mount --pid`), and end with these.
"""

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

NODE = "10.244.0.1"
API = "10.96.0.1"
TOKEN = "admin"
LAKE_PORT = 9000
ARGO = "argo"
LAKE = "analytics"
SCRATCH_VOLUMES = 6
# The control group of all pods. A node that is this machine's own has another.
CGROUP = "lakeward-cluster"
# What a kubelet wants of the kernel. It would set it for the whole machine, and for good; files stand in for it.
KERNEL = {
    "kernel.keys.root_maxbytes": 25000000,
    "kernel.keys.root_maxkeys": 1000000,
    "kernel.panic": 10,
    "kernel.panic_on_oops": 1,
    "vm.overcommit_memory": 1,
    "vm.panic_on_oom": 0,
}


class Failed(Exception):
    """Something of the cluster did not do what it was asked for."""


def run(*command, stdin=None):
    """What a command prints; raises with what it says when it fails."""
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def until(what, ask, seconds=180, pause=0.5):
    """The first answer that is something."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(pause)


def control_groups():
    """Where hierarchies of control groups are mounted."""
    lines = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [Path(place) for _, place, kind, *_ in lines if kind in ("cgroup", "cgroup2")]


class Cluster:
    """What runs, and how to talk to it."""

    def __init__(self, folder, helm):
        self.programs = Path(folder) / "programs"
        self.images = Path(folder) / "images"
        self.folder = Path(folder) / "run"
        self.helm_program = helm
        self.kubeconfig = self.folder / "kubeconfig"
        os.environ["KUBECONFIG"] = str(self.kubeconfig)
        os.environ["KUBECACHEDIR"] = str(self.folder / "kubecache")

    # What runs

    def start(self):
        """Starts everything; returns when the node takes pods and Argo workflows."""
        self.folder.mkdir()
        self._places()
        self._network()
        self._control_plane()
        self._node()
        self._argo()
        self._volumes()
        self._lake()

    def spawn(self, name, *command, **more):
        """Starts a program that logs to a file of its name."""
        log = (self.folder / f"{name}.log").open("a")
        settings = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **more}
        return subprocess.Popen([str(c) for c in command], **settings)

    def kube(self, name, *flags):
        self.spawn(name, self.programs / name, *flags)

    def _places(self):
        """Hides the places of the machine in which the node's programs would leave something."""
        (self.folder / "kubelet").mkdir()
        for place in ("/run", "/var/log", "/var/lib/cni"):
            Path(place).mkdir(exist_ok=True)
            run("mount", "-t", "tmpfs", "tmpfs", place)
        # On disk, as the pods' volumes lie in it.
        Path("/var/lib/kubelet").mkdir(exist_ok=True)
        run("mount", "--bind", self.folder / "kubelet", "/var/lib/kubelet")
        (self.folder / "settings").mkdir()
        for setting, value in KERNEL.items():
            stand_in = self.folder / "settings" / setting
            stand_in.write_text(f"{value}\n")
            run("mount", "--bind", stand_in, Path("/proc/sys", *setting.split(".")))
        for hierarchy in control_groups():
            (hierarchy / CGROUP).mkdir(exist_ok=True)

    def _network(self):
        """A bridge for the pods; Kubernetes' own address, which a proxy would lead there, is the machine's."""
        run("ip", "link", "set", "lo", "up")
        run("ip", "address", "add", f"{API}/32", "dev", "lo")
        run("ip", "link", "add", "cni0", "type", "bridge")
        run("ip", "address", "add", f"{NODE}/24", "dev", "cni0")
        run("ip", "link", "set", "cni0", "up")
        # The local lake serves loopback alone.
        Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        run(
            *("iptables", "-t", "nat", "-A", "PREROUTING", "-d", NODE, "-p", "tcp", "--dport", LAKE_PORT),
            *("-j", "DNAT", "--to-destination", f"127.0.0.1:{LAKE_PORT}"),
        )

    def _control_plane(self):
        pki = self.folder / "pki"
        pki.mkdir()
        run("openssl", "genrsa", "-out", pki / "accounts.key", "2048")
        run("openssl", "rsa", "-in", pki / "accounts.key", "-pubout", "-out", pki / "accounts.pub")
        (pki / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        cluster = {"server": f"https://{API}", "certificate-authority": str(pki / "apiserver.crt")}
        context = {"cluster": "here", "user": "admin", "namespace": ARGO}
        config = {
            **{"apiVersion": "v1", "kind": "Config", "current-context": "here"},
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "here", "context": context}],
        }
        self.kubeconfig.write_text(json.dumps(config))
        self.spawn("etcd", "etcd", "--data-dir", self.folder / "etcd", "--log-level=warn")
        self.kube(
            "kube-apiserver",
            *("--etcd-servers=http://127.0.0.1:2379", f"--advertise-address={NODE}", "--secure-port=443"),
            *("--service-cluster-ip-range=10.96.0.0/24", "--authorization-mode=RBAC", f"--cert-dir={pki}"),
            *(f"--token-auth-file={pki}/tokens.csv", "--service-account-issuer=https://kubernetes.default.svc"),
            f"--service-account-key-file={pki}/accounts.pub",
            f"--service-account-signing-key-file={pki}/accounts.key",
            # There is nobody to resolve the node's name.
            "--kubelet-preferred-address-types=InternalIP",
            # Debian's etcd is too old for it.
            "--feature-gates=WatchList=false",
        )
        until("the API server", lambda: self._answers("get", "--raw", "/readyz"))
        self.kube(
            "kube-controller-manager",
            *(f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", f"--root-ca-file={pki}/apiserver.crt"),
            *(
                f"--service-account-private-key-file={pki}/accounts.key",
                f"--flex-volume-plugin-dir={self.folder}/plugins",
            ),
        )
        self.kube("kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false")

    def _node(self):
        for name in ("containerd", "logs", "cni"):
            (self.folder / name).mkdir()
        bridge = {
            **{"type": "bridge", "bridge": "cni0", "isGateway": True},
            "ipam": {
                **{"type": "host-local", "dataDir": str(self.folder / "addresses")},
                "ranges": [[{"subnet": "10.244.0.0/24", "gateway": NODE}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}
        (self.folder / "cni" / "pods.conflist").write_text(json.dumps(network))
        cri = '[plugins."io.containerd.grpc.v1.cri"'
        (self.folder / "containerd.toml").write_text(f"""
version = 2
root = "{self.folder}/containerd"
state = "/run/containerd"
{cri}]
sandbox_image = "localhost/pause:1"
# Nothing here may make itself a less likely victim than it is.
restrict_oom_score_adj = true
{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{self.folder}/cni"
{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
path = "{self.folder}/opt"
""")
        self.spawn("containerd", "containerd", "--config", self.folder / "containerd.toml")
        until("containerd", lambda: Path("/run/containerd/containerd.sock").exists())
        for image in sorted(self.images.iterdir()):
            run("ctr", "--namespace", "k8s.io", "images", "import", image)
        (self.folder / "kubelet.yaml").write_text(f"""
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{ anonymous: {{ enabled: true }}, webhook: {{ enabled: false }} }}
authorization: {{ mode: AlwaysAllow }}
cgroupDriver: cgroupfs
cgroupRoot: /{CGROUP}
resolvConf: ""
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
evictionHard: {{ memory.available: 100Mi, nodefs.available: 1% }}
failSwapOn: false
imageGCHighThresholdPercent: 100
podLogsDir: {self.folder}/logs
volumePluginDir: {self.folder}/plugins
""")
        self.kube(
            "kubelet",
            *(f"--kubeconfig={self.kubeconfig}", f"--config={self.folder}/kubelet.yaml"),
            *("--hostname-override=node", f"--node-ip={NODE}"),
        )
        ready = '{.items[*].status.conditions[?(@.type=="Ready")].status}'
        until("the node", lambda: self._answers("get", "nodes", "-o", f"jsonpath={ready}") == "True")

    def _argo(self):
        self.kubectl("create", "namespace", ARGO)
        self.kubectl("apply", "--server-side", "-k", self.programs / "crds")
        self.kubectl("create", "configmap", "workflow-controller-configmap")
        self.spawn(
            "workflow-controller",
            *(self.programs / "workflow-controller", "--executor-image=localhost/argoexec:1"),
            # It looks at a workflow every second and not every ten.
            env={**os.environ, "LEADER_ELECTION_DISABLE": "true", "DEFAULT_REQUEUE_TIME": "1s"},
        )
        self.kubectl("create", "namespace", LAKE)
        self.kubectl("label", "namespace", LAKE, "pod-security.kubernetes.io/enforce=restricted")

    def _volumes(self):
        """Volumes that wait for the claims of scratch space, as nothing here makes any on demand."""
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node"]}
        affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
        size = {"capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"]}
        for number in range(SCRATCH_VOLUMES):
            path = self.folder / "scratch" / str(number)
            path.mkdir(parents=True)
            spec = {**size, "local": {"path": str(path)}, "nodeAffinity": affinity}
            name = {"name": f"scratch-{number}"}
            self.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": name, "spec": spec})

    def _lake(self):
        """The local lake, and a Secret with the keys to it."""
        flags = ("--port", LAKE_PORT, "--bucket", "lake", "--database", LAKE)
        lake = self.spawn("lake", self.programs / "lakeward-local", *flags, stdout=subprocess.PIPE)
        # It serves as soon as it has said where.
        lines = [lake.stdout.readline().decode() for _ in range(6)]
        keys = dict(line.strip().removeprefix("export ").split("=", 1) for line in lines)
        del keys["AWS_ENDPOINT_URL"]
        metadata = {"name": "lake", "namespace": LAKE}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": keys})

    # How to talk to it

    def _answers(self, *arguments):
        try:
            return self.kubectl(*arguments)
        except Failed:
            return None

    def kubectl(self, *arguments, stdin=None):
        return run(self.programs / "kubectl", *arguments, stdin=stdin)

    def get(self, *arguments):
        """Objects of the lake's namespace."""
        return json.loads(self.kubectl("get", "--namespace", LAKE, "-o", "json", *arguments))

    def apply(self, *bodies):
        self.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, bodies)))

    def create(self, body):
        """Creates an object in the lake's namespace, and returns its name."""
        text = self.kubectl("create", "--namespace", LAKE, "-o", "json", "-f", "-", stdin=json.dumps(body))
        return json.loads(text)["metadata"]["name"]

    def delete_pod(self, pod):
        self.kubectl("delete", "pod", "--namespace", LAKE, "--wait=false", pod["metadata"]["name"])

    def evict_pod(self, pod):
        """As the drain of a node does."""
        name = pod["metadata"]["name"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": LAKE}}
        path = f"/api/v1/namespaces/{LAKE}/pods/{name}/eviction"
        self.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))

    def helm(self, *arguments, values):
        run(self.helm_program, *arguments, "--namespace", LAKE, "--values", "-", stdin=json.dumps(values))

    def local(self, path, body=None, method=None):
        """The local lake's own interface: faults, and the journal."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{LAKE_PORT}/_local/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def refuse(self, table, code):
        """Lets Glue refuse everything about a table with an error, until the faults are removed."""
        fault = {"service": "glue", "contains": f"analytics.{table}", "effect": "refuse", "status": 400}
        self.local("faults", {**fault, "code": code, "times": 1_000_000})

    def hang(self, table):
        """Lets the table's next upload of a file hang; what is returned tells whether it does."""
        fault = {"operation": "PutObject", "contains": f"analytics/{table}/_writes", "effect": "pause"}
        number = self.local("faults", fault)["id"]
        return lambda: any(f["fired"] for f in self.local("faults")["faults"] if f["id"] == number)
