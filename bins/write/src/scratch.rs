//! A folder of this execution's own on local disk, gone when the step ends.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use lakeward_outcome::{Failure, Kind, ResultExt};

/// The folder. Removed on drop; after a SIGKILL it stays, as the container's volume goes with the pod.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder `lakeward-<name>` in `parent`.
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Self, Failure> {
        let path = parent.join(format!("lakeward-{name}"));
        let folder = Self(path);
        for part in [folder.files(), folder.engine()] {
            // For this user alone: it holds the data, and perhaps somebody's database.
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&part)
                .or_fail(Kind::Configuration, || {
                    format!("creating the scratch folder {} (--scratch)", part.display())
                })?;
        }
        Ok(folder)
    }

    /// Where the Parquet files are written.
    pub(crate) fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// Where DuckDB spills.
    pub(crate) fn engine(&self) -> PathBuf {
        self.0.join("engine")
    }

    /// Where an attached database is fetched to.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("database.duckdb")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the scratch folder could not be removed");
        }
    }
}
