//! The files that `DuckDB` is writing, as they grow.
//!
//! `DuckDB` writes a Parquet file strictly forward: what lies below a file's length never changes
//! again. So its first bytes can be uploaded while later ones are still to come.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::EngineError;

/// Where Linux shows the files that this process has open.
const OPEN_FILES: &str = "/proc/self/fd";
/// And here, how each was opened.
const OPEN_FLAGS: &str = "/proc/self/fdinfo";

/// A folder that an export in this process is filling.
pub struct Growing {
    directory: PathBuf,
}

/// A file at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowingFile {
    /// The path below the folder, with `/`.
    pub relative_path: String,
    /// The bytes that are there now, and will not change.
    pub bytes: u64,
    /// Whether nobody in this process has the file open for writing, so that `bytes` is its whole length. Always false where the
    /// system does not tell which files are open: every file is finished once the export returns.
    pub finished: bool,
}

impl Growing {
    /// Watches `directory`, which need not exist yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The files that are there now, in the order of their paths. Files may be removed meanwhile.
    pub fn scan(&self) -> Result<Vec<GrowingFile>, EngineError> {
        let failed = |error| EngineError::of_file(&error, &self.directory, "listing");
        // The order matters: a file found here and closed by the next line has its full length by
        // the last. The kernel names open files by their real paths.
        let Some(root) = existing(fs::canonicalize(&self.directory)).map_err(failed)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        walk(&root, &mut found).map_err(failed)?;
        let open = open_for_writing();
        found.sort();
        let mut files = Vec::new();
        for path in found {
            let Some(relative) = path.strip_prefix(&root).ok().and_then(Path::to_str) else { continue };
            let Some(meta) = existing(fs::metadata(&path)).map_err(failed)? else { continue };
            let finished = open.as_ref().is_some_and(|open| !open.contains(&path));
            files.push(GrowingFile { relative_path: relative.to_owned(), bytes: meta.len(), finished });
        }
        Ok(files)
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some(entries) = existing(fs::read_dir(folder))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let Some(kind) = existing(entry.file_type())? else { continue };
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// `None` if the file is gone, or not there yet.
fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files that this process has open for writing. Readers do not count: an uploader has the same files open.
fn open_for_writing() -> Option<HashSet<PathBuf>> {
    let entries = fs::read_dir(OPEN_FILES).ok()?;
    let written = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let flags = fs::read_to_string(Path::new(OPEN_FLAGS).join(entry.file_name())).ok()?;
        // One that is closed meanwhile is no longer written to.
        may_write(&flags)?.then(|| fs::read_link(entry.path()).ok()).flatten()
    };
    Some(entries.filter_map(written).collect())
}

/// Whether the `flags` line of proc(5)'s `fdinfo`, in octal, says `O_WRONLY` or `O_RDWR`.
fn may_write(fdinfo: &str) -> Option<bool> {
    const ACCESS_MODE: u32 = 0o3;
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"))?;
    Some(u32::from_str_radix(flags.trim(), 8).ok()? & ACCESS_MODE != 0)
}

#[cfg(test)]
#[path = "growing_tests.rs"]
mod tests;
