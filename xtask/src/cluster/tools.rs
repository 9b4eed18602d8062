//! What a cluster takes that is in Debian.

use anyhow::Result;

use crate::debian;

/// The programs, and the packages of Debian that hold them.
const TOOLS: [(&str, &str); 10] = [
    ("buildah", "buildah"),
    ("cc", "gcc libc6-dev"),
    ("containerd", "containerd"),
    ("etcd", "etcd-server"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("openssl", "openssl"),
    ("runc", "runc"),
    ("unshare", "util-linux"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
];

/// Fails unless all tools are there and may be used.
pub(super) fn check() -> Result<()> {
    debian::check("a node makes namespaces, control groups and mounts", &TOOLS, "")
}
