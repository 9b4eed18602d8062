//! A folder with all that is shipped, as images and archives have it: `bin/`, `lib/` and `lib/extensions/`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::duckdb;
use crate::licences;
use crate::process;
use crate::sbom;
use crate::shipped;
use crate::target::Target;
use crate::workspace::Workspace;

/// The programs that are shipped, each a package.
pub(crate) const PROGRAMS: [&str; 7] = [
    "lakeward-write",
    "lakeward-register",
    "lakeward-verify",
    "lakeward-swap",
    "lakeward-gc",
    "lakeward-status",
    "lakeward-iam",
];

/// Those of them that know nothing of DuckDB, which are in the image without it.
pub(crate) const SLIM: [&str; 4] = ["lakeward-register", "lakeward-swap", "lakeward-gc", "lakeward-status"];

/// Where the folder says what is in it.
const ABOUT: &str = "share/doc/lakeward";

/// Compiles the programs with optimisation and puts them into a folder of their own. They find the library from
/// wherever the folder is, and run where the C library is no older than this machine's.
pub(crate) fn compile(workspace: &Workspace, target: Target, folder: &Path) -> Result<()> {
    let layout = workspace.layout();
    ensure_ours(folder)?;
    let notices = notices(workspace)?;
    duckdb::fetch_for(layout, target)?;
    let mut cargo = workspace.cargo_for(target);
    cargo.args(["build", "--locked", "--release"]);
    let mut compiled = layout.target().to_owned();
    if let Some(triple) = target.foreign_triple() {
        cargo.args(["--target", &triple]);
        compiled.push(triple);
    }
    for package in PROGRAMS {
        cargo.args(["--package", package]);
    }
    process::run(&mut cargo)?;
    copy(&compiled.join("release"), &PROGRAMS, &folder.join("bin"), 0o755)?;
    copy_all(&layout.library_for(target), &folder.join("lib"))?;
    copy_all(&layout.extensions_for(target), &folder.join("lib/extensions"))?;
    for parent in ["share", "share/doc"] {
        make(&folder.join(parent))?;
    }
    about(workspace, target, &notices, &folder.join(ABOUT))
}

/// Fails unless there is nothing in the folder, or what this has put there before: a library of the same name may be
/// somebody's own, and a link lead into a cache that others build with.
fn ensure_ours(folder: &Path) -> Result<()> {
    let is_new = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    ensure!(
        is_new || folder.join(ABOUT).is_dir(),
        "{} is neither empty nor a folder of Lakeward's programs: give one of their own, and link to it from elsewhere",
        folder.display()
    );
    Ok(())
}

/// Where Rust has the notices of its own library.
fn notices(workspace: &Workspace) -> Result<PathBuf> {
    let sysroot = process::capture(workspace.command("rustc".as_ref()).args(["--print", "sysroot"]))?;
    let notices = Path::new(sysroot.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    ensure!(
        notices.is_file(),
        "there is no {}, the notices of Rust's own library, which go with every program; rustup's Rust has them",
        notices.display()
    );
    Ok(notices)
}

/// What a user of the programs may ask: what is in them, and by which licences.
fn about(workspace: &Workspace, target: Target, notices: &Path, folder: &Path) -> Result<()> {
    make(folder)?;
    let own = workspace.layout().root().join("LICENSE");
    copy_file(&own, &folder.join("LICENSE"), 0o644)?;
    let metadata = shipped::metadata(workspace, target)?;
    for (bill, programs) in [("lakeward.cdx.json", &PROGRAMS[..]), ("lakeward-slim.cdx.json", &SLIM)] {
        write(&folder.join(bill), &sbom::text(workspace, &metadata, target, programs)?)?;
    }
    write(&folder.join("THIRD-PARTY"), &licences::text(&metadata)?)?;
    copy_file(notices, &folder.join("RUST-LIBRARY.html"), 0o644)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)
        .and_then(|()| fs::set_permissions(file, Permissions::from_mode(0o644)))
        .with_context(|| format!("cannot write {}", file.display()))
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

/// Copies files with the same permissions whatever the umask is: images and archives keep them.
fn copy(from: &Path, names: &[impl AsRef<str>], to: &Path, mode: u32) -> Result<()> {
    make(to)?;
    names.iter().try_for_each(|name| copy_file(&from.join(name.as_ref()), &to.join(name.as_ref()), mode))
}

fn copy_file(from: &Path, to: &Path, mode: u32) -> Result<()> {
    // A program that runs cannot be written to, but another can take its name.
    let unfinished = to.with_added_extension("unfinished");
    fs::copy(from, &unfinished)
        .and_then(|_| fs::set_permissions(&unfinished, Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&unfinished, to))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_somebody_uses_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("lib");
        ensure_ours(&theirs).unwrap();
        fs::create_dir(&theirs).unwrap();
        ensure_ours(&theirs).unwrap();
        ensure_ours(folder.path()).unwrap_err();
        fs::create_dir_all(folder.path().join(ABOUT)).unwrap();
        ensure_ours(folder.path()).unwrap();
    }
}
