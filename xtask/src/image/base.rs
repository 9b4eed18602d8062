//! The image that stands in for the Dockerfile's base where no registry can be reached: Debian from its packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::fetch;
use crate::layout::{self, Layout};
use crate::process;
use crate::target::Target;

/// The release of Debian that the Dockerfile's base has, too.
const RELEASE: &str = "bookworm";
const MIRROR: &str = "http://deb.debian.org/debian";

/// What the images hold of Debian.
const RUNTIME: [&str; 4] = ["libc6", "libgcc-s1", "libstdc++6", "ca-certificates"];

/// What compiles the programs besides Rust, and fetches for it.
const COMPILER: [&str; 5] = ["gcc", "libc6-dev", "curl", "python3", "gzip"];

/// Where the compiler's stage has Rust, which is that of this machine.
pub(super) const RUST: &str = "/rust";

/// What a base is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To take libraries from.
    Run,
    /// To compile in.
    Compile,
}

/// Makes a base image, unless it is there, and gives its name.
pub(super) fn prepare(layout: &Layout, purpose: Purpose, target: Target) -> Result<String> {
    let _lock = fetch::lock(layout.cache())?;
    let (name, packages) = match purpose {
        Purpose::Run => ("runtime", RUNTIME.to_vec()),
        Purpose::Compile => ("compiler", [&RUNTIME[..], &COMPILER[..]].concat()),
    };
    let arch = target.container_arch();
    let image = format!("localhost/lakeward-base:{RELEASE}-{name}-{arch}");
    let archive = layout.images().join(format!("{RELEASE}-{name}-{arch}.tar"));
    let missing = !archive.exists();
    if missing {
        println!("installing Debian; remove {} to have its updates later", archive.display());
        install(layout, arch, &packages, &archive)?;
    }
    if missing || process::capture(Command::new("podman").args(["image", "exists", &image])).is_err() {
        let path = format!("PATH={RUST}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let mut import = Command::new("podman");
        import.args(["import", "--quiet", "--arch", arch, "--change", &format!("ENV {path}")]).arg(&archive);
        process::run(import.arg(&image))?;
    }
    Ok(image)
}

/// Installs Debian into a folder, brings it up to date, and packs it.
fn install(layout: &Layout, arch: &str, packages: &[&str], archive: &Path) -> Result<()> {
    let folder = layout.incoming().join("debian");
    layout::empty(&folder)?;
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.arg("--variant=minbase").arg(format!("--arch={arch}"));
    debootstrap.arg(format!("--include={}", packages.join(",")));
    process::run(debootstrap.arg(RELEASE).arg(&folder).arg(MIRROR))?;
    upgrade(&folder)?;
    let unfinished = archive.with_extension("unfinished");
    fs::create_dir_all(layout.images())
        .with_context(|| format!("cannot create {}", layout.images().display()))?;
    let mut tar = Command::new("tar");
    tar.arg("--directory").arg(&folder).args(["--exclude=./var/cache/apt", "--exclude=./var/lib/apt/lists"]);
    process::run(tar.arg("--create").arg("--file").arg(&unfinished).arg("."))?;
    fs::rename(&unfinished, archive).with_context(|| format!("cannot name {}", archive.display()))?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// A release has its security updates in a place of their own, which debootstrap does not read.
fn upgrade(folder: &Path) -> Result<()> {
    let sources = folder.join("etc/apt/sources.list");
    let lines = format!("deb {MIRROR} {RELEASE} main\ndeb {MIRROR}-security {RELEASE}-security main\n");
    fs::write(&sources, lines).with_context(|| format!("cannot write {}", sources.display()))?;
    for arguments in [&["update", "--quiet=2"][..], &["upgrade", "--yes", "--quiet=2"]] {
        let mut apt = Command::new("chroot");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg(folder).arg("apt-get").args(arguments);
        process::run(&mut apt)?;
    }
    Ok(())
}
