//! The container images, as `cargo xtask image` has built them.

mod container;
mod root;

use std::ffi::OsStr;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

pub use container::{Container, Scratch};
pub(crate) use container::{Limits, open_to_all};
pub use root::{File, Root};

/// Why a line for a shell cannot be run in a container.
pub const NO_SHELL: &str = "the images have no shell";

/// Says which image holds all programs.
const FULL: &str = "LAKEWARD_IMAGE";
/// Says which one holds those without DuckDB.
const SLIM: &str = "LAKEWARD_SLIM_IMAGE";

/// Both images, by names that podman knows.
#[derive(Clone, Debug)]
pub struct Images {
    full: Image,
    slim: Image,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Image(String);

impl Images {
    /// Those that the environment names.
    ///
    /// # Errors
    /// It names none.
    pub fn from_environment() -> Result<Self> {
        let named = |variable| {
            let name = std::env::var(variable);
            name.map(Image)
                .with_context(|| format!("{variable} is not set: run this test by `cargo xtask image`"))
        };
        Ok(Self { full: named(FULL)?, slim: named(SLIM)? })
    }

    /// The one with all programs.
    pub const fn full(&self) -> &Image {
        &self.full
    }

    /// The one without DuckDB.
    pub const fn slim(&self) -> &Image {
        &self.slim
    }

    /// The one that the chart runs a step from.
    pub(crate) fn of(&self, step: &str) -> &Image {
        if matches!(step, "write" | "verify") { &self.full } else { &self.slim }
    }
}

impl Image {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// What a container is told by it: user, variables, labels.
    ///
    /// # Errors
    /// There is no such image.
    pub async fn config(&self) -> Result<Value> {
        let inspected = podman(["image", "inspect", self.name()]).await?;
        let inspected: Value = serde_json::from_str(&inspected).context("podman did not write JSON")?;
        inspected.pointer("/0/Config").cloned().with_context(|| format!("{} has no config", self.name()))
    }

    /// Its files.
    ///
    /// # Errors
    /// There is no such image, or it cannot be mounted: that takes root.
    pub async fn root(&self) -> Result<Root> {
        let mounted = podman(["image", "mount", self.name()]).await?;
        Ok(Root::new(mounted.trim()))
    }
}

/// Runs podman to its end, and gives what it wrote to stdout.
async fn podman(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let output = Command::new("podman").args(arguments).output().await.context("running podman")?;
    ensure!(output.status.success(), "podman failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("podman did not write UTF-8")
}
