//! What builds and runs images here; all of it is in Debian.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::debian;
use crate::process;
use crate::target::Target;

/// The programs, and the packages of Debian that hold them.
const TOOLS: [(&str, &str); 6] = [
    ("buildah", "buildah"),
    ("podman", "podman"),
    ("runc", "runc"),
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
];

/// What runs another platform's programs, and tells the kernel so.
const EMULATOR: [&str; 2] = ["qemu-user-static", "binfmt-support"];
/// Where the kernel is told.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// Fails unless all tools are there and may be used.
pub(crate) fn check(target: Target) -> Result<()> {
    let why = "it takes root to install Debian into a folder, and to take the network from the tests";
    debian::check(why, &TOOLS, "`cargo xtask image --install` or ")?;
    let Some(triple) = target.foreign_triple() else { return Ok(()) };
    let emulated = fs::read_to_string(Path::new(BINFMT).join(emulator(target)));
    let compiled =
        process::capture(Command::new("rustc").args(["--print", "target-libdir", "--target", &triple]));
    ensure!(
        emulated.is_ok_and(|state| state.starts_with("enabled"))
            && compiled.is_ok_and(|folder| Path::new(folder.trim()).is_dir()),
        "this machine cannot compile for {platform}, or run what it compiles; on Debian `cargo xtask image --install \
         --platform {platform}` installs what it takes",
        platform = target.platform()
    );
    Ok(())
}

/// What the kernel calls the emulator of a target.
fn emulator(target: Target) -> String {
    format!("qemu-{}", target.arch)
}

/// Installs them by apt-get, and for another platform what runs its programs, and Rust's library for it.
pub(crate) fn install(target: Target) -> Result<()> {
    process::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "--yes", "--quiet=2", "--no-install-recommends", "ca-certificates"]);
    install.args(TOOLS.map(|(_, package)| package));
    let Some(triple) = target.foreign_triple() else { return process::run(&mut install) };
    process::run(install.args(EMULATOR))?;
    if !Path::new(BINFMT).join("register").exists() {
        process::run(Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", BINFMT]))?;
    }
    process::run(Command::new("update-binfmts").args(["--enable", &emulator(target)]))?;
    process::run(Command::new("rustup").args(["target", "add", &triple]))
}
