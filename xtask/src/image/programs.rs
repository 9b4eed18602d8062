//! The folder that the Dockerfile takes programs and libraries from: `bin/`, `lib/` and `lib/extensions/`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::image::{base, build};
use crate::layout::{self, Layout};
use crate::process;
use crate::workspace::Workspace;

/// The packages whose programs are in the images.
const PACKAGES: [&str; 6] = [
    "lakeward-write",
    "lakeward-register",
    "lakeward-verify",
    "lakeward-swap",
    "lakeward-gc",
    "lakeward-status",
];

/// Compiles them here. They run in the images when this machine's C library is no newer than the base's; the tests see
/// whether they do.
pub(super) fn compile(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--locked", "--release"]);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    process::run(&mut cargo)?;
    let layout = workspace.layout();
    let folder = folder(layout)?;
    let compiled = layout.target().join("release");
    copy(&compiled, &PACKAGES, &folder.join("bin"), 0o755)?;
    copy_all(&layout.library(), &folder.join("lib"))?;
    copy_all(&layout.extensions(), &folder.join("lib/extensions"))?;
    Ok(folder)
}

/// Has the Dockerfile's own stage compile them, with the compiler and DuckDB of this machine, and what else this machine
/// needs to reach the registry of crates.
pub(super) fn compile_in(layout: &Layout, base: &str) -> Result<PathBuf> {
    let folder = folder(layout)?;
    let sysroot = process::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let duckdb = layout.cache().join("duckdb");
    let machine = process::capture(Command::new("uname").arg("-m"))?;
    let mut build = build::command(layout, base);
    build.args(["--network=host", "--target=programs"]);
    build.arg(format!("--volume={}:{}:ro", sysroot.trim(), base::RUST));
    build.arg(format!("--volume={}:/cache/{}/lakeward/duckdb:ro", duckdb.display(), machine.trim()));
    build.arg("--volume=/etc/ssl/certs:/etc/ssl/certs:ro");
    let id = layout.images().join("programs.id");
    build.arg(format!("--output=type=local,dest={}", folder.display())).arg("--iidfile").arg(&id);
    process::run(build.arg(layout.root()))?;
    // The folder is all that is wanted of it.
    let image = fs::read_to_string(&id).with_context(|| format!("cannot read {}", id.display()))?;
    process::run(Command::new("buildah").args(["rmi", image.trim()]))?;
    Ok(folder)
}

/// The folder, with nothing in it.
fn folder(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.images().join("programs");
    layout::empty(&folder)?;
    Ok(folder)
}

/// Copies every plain file of a folder.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let listed = || format!("cannot list {}", from.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(from).with_context(listed)? {
        let entry = entry.with_context(listed)?;
        if entry.file_type().with_context(listed)?.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    copy(from, &names, to, 0o644)
}

/// Copies files with the same permissions whatever the umask is: an image keeps them.
fn copy(from: &Path, names: &[impl AsRef<str>], to: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(to)
        .and_then(|()| fs::set_permissions(to, Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot make {}", to.display()))?;
    for name in names {
        let (from, to) = (from.join(name.as_ref()), to.join(name.as_ref()));
        fs::copy(&from, &to)
            .and_then(|_| fs::set_permissions(&to, Permissions::from_mode(mode)))
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}
