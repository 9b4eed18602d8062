//! The workspace under the lock of its target folder, and cargo commands in it.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::fetch;
use crate::layout::Layout;
use crate::process;
use crate::target::Target;

/// Says where DuckDB's extensions lie.
pub(crate) const EXTENSIONS: &str = "LAKEWARD_EXTENSION_DIR";

/// How the variables begin that cargo sets for the one package it runs or compiles.
const PACKAGE_VARIABLES: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The workspace, for as long as this lives the only one that builds and runs in its target folder.
///
/// Clones share one target folder, for the sake of the dependencies in it. But cargo gives a workspace's
/// own crates the same names whichever clone they were built in, and judges by time stamps whether they are
/// fresh: a clone could take another's crates, or run another's programs, as its own. Hence the lock, and
/// the note of who built there last.
#[derive(Debug)]
pub(crate) struct Workspace {
    layout: Layout,
    /// Released when the file is closed.
    _lock: File,
}

impl Workspace {
    /// Waits for the target folder, and removes from it what another clone built of its own crates.
    pub(crate) fn open(layout: Layout) -> Result<Self> {
        fs::create_dir_all(layout.target())
            .with_context(|| format!("cannot create {}", layout.target().display()))?;
        let lock = fetch::wait_for(&layout.target().join("xtask.lock"))?;
        let workspace = Self { layout, _lock: lock };
        workspace.take_over()?;
        Ok(workspace)
    }

    /// The folders of the workspace.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Cargo, in the workspace's folder and with the settings that all builds share. Settings that differ
    /// between two commands would have cargo build everything anew for each.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = self.command(Path::new("cargo"));
        // What `cargo run` told this program about itself: build scripts that watch these variables would run
        // again, and all that follows from them, whenever another clone or a plain cargo has built before.
        for (name, _) in env::vars_os() {
            if PACKAGE_VARIABLES.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                cargo.env_remove(name);
            }
        }
        // They would replace the flags of .cargo/config.toml, by which executables find DuckDB.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.env("CARGO_TARGET_DIR", self.layout.target());
        cargo.env("DUCKDB_LIB_DIR", self.layout.library());
        cargo
    }

    /// Cargo for another target: its DuckDB, and Debian's compiler for it.
    pub(crate) fn cargo_for(&self, target: Target) -> Command {
        let mut cargo = self.cargo();
        if let Some(triple) = target.foreign_triple() {
            let variable = triple.to_uppercase().replace('-', "_");
            cargo.env(format!("CARGO_TARGET_{variable}_LINKER"), target.cross_compiler());
            cargo.env(format!("CC_{triple}"), target.cross_compiler());
            cargo.env("DUCKDB_LIB_DIR", self.layout.library_for(target));
        }
        cargo
    }

    /// A program that runs in the workspace's folder and finds DuckDB's extensions.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.layout.root());
        command.env(EXTENSIONS, self.layout.extensions());
        command
    }

    /// Builds all of the workspace, in the one way that every command takes: fewer packages would choose other
    /// features of the dependencies, and have them built anew.
    pub(crate) fn build(&self) -> Result<()> {
        process::run(self.cargo().args(["build", "--workspace"]))
    }

    /// Holds the workspace's executables, as built in the dev profile.
    pub(crate) fn programs(&self) -> PathBuf {
        self.layout.target().join("debug")
    }

    /// The path of one of them.
    pub(crate) fn executable(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    fn take_over(&self) -> Result<()> {
        let note = self.layout.target().join("last-clone");
        let ours = self.layout.root().as_os_str();
        let last = fs::read(&note).ok();
        if last.as_deref() != Some(ours.as_bytes()) {
            if let Some(other) = last {
                println!(
                    "{} was last used by {}",
                    self.layout.target().display(),
                    OsStr::from_bytes(&other).display()
                );
            }
            self.clean_own_crates()?;
            fs::write(&note, ours.as_bytes()).with_context(|| format!("cannot write {}", note.display()))?;
        }
        Ok(())
    }

    /// Cargo cleans one profile of one target at a time.
    fn clean_own_crates(&self) -> Result<()> {
        let packages: Vec<String> =
            self.packages()?.into_iter().flat_map(|package| ["--package".to_owned(), package]).collect();
        let clean = |builds: &[&str]| {
            process::run(self.cargo().args(["clean", "--quiet"]).args(builds).args(&packages))
        };
        clean(&[])?;
        clean(&["--release"])?;
        for triple in Target::IMAGES.into_iter().filter_map(Target::foreign_triple) {
            if self.layout.target().join(&triple).exists() {
                clean(&["--release", "--target", &triple])?;
            }
        }
        Ok(())
    }

    fn packages(&self) -> Result<Vec<String>> {
        let mut metadata = self.cargo();
        metadata.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
        let metadata: Value = serde_json::from_str(&process::capture(&mut metadata)?)
            .context("`cargo metadata` did not write JSON")?;
        let packages = metadata["packages"].as_array().context("`cargo metadata` names no packages")?;
        Ok(packages.iter().filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
    }
}
