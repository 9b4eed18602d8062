//! What builds and runs images here; all of it is in Debian.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::process;

/// The programs, and the packages of Debian that hold them.
const TOOLS: [(&str, &str); 6] = [
    ("buildah", "buildah"),
    ("podman", "podman"),
    ("runc", "runc"),
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
];

/// Fails unless all tools are there and may be used.
pub(crate) fn check() -> Result<()> {
    let user = process::capture(Command::new("id").arg("--user"))?;
    ensure!(
        user.trim() == "0",
        "run this as root: it takes root to install Debian into a folder, and to take the network from the tests"
    );
    let mut missing = Vec::new();
    for (program, package) in TOOLS {
        match process::capture(Command::new(program).arg("--version")) {
            Err(error) if process::is_missing(&error) => missing.push(package),
            // What else is wrong with it shows when it is used.
            _ => {}
        }
    }
    if !missing.is_empty() {
        bail!(
            "not installed: {}; on Debian `cargo xtask image --install` installs them, or `apt-get install \
             --no-install-recommends {}`",
            missing.join(", "),
            missing.join(" ")
        );
    }
    Ok(())
}

/// Installs them by apt-get.
pub(crate) fn install() -> Result<()> {
    process::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "--yes", "--quiet=2", "--no-install-recommends", "ca-certificates"]);
    process::run(install.args(TOOLS.map(|(_, package)| package)))
}
