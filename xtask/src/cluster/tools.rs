//! What a cluster takes that is in Debian.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::process;

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
    let user = process::capture(Command::new("id").arg("--user"))?;
    ensure!(user.trim() == "0", "run this as root: a node makes namespaces, control groups and mounts");
    // What else is wrong with one of them shows when it is used.
    let lacks = |program: &str| {
        process::capture(Command::new(program).arg("--version"))
            .is_err_and(|error| process::is_missing(&error))
    };
    let missing: Vec<_> =
        TOOLS.iter().filter(|(program, _)| lacks(program)).map(|(_, package)| *package).collect();
    ensure!(
        missing.is_empty(),
        "not installed: {}; on Debian `apt-get install --no-install-recommends {}` installs them",
        missing.join(", "),
        missing.join(" ")
    );
    Ok(())
}
