//! Running a planned query into Parquet files.
//!
//! Two ways, as `DuckDB` 1.5 behaves:
//!
//! - Without partitions and order, one `COPY` with `FILE_SIZE_BYTES` writes the files.
//! - With either, rows are sorted into a [stage](crate::stage) on scratch disk, and each slice of it
//!   becomes a file. `COPY` itself would not do: with `PARTITION_BY` it reorders rows even on one
//!   thread, refuses `FILE_SIZE_BYTES`, and writes thousands of tiny files when partitions are many;
//!   with `FILE_SIZE_BYTES` it loses the order on several threads.
//!
//! Both spill to scratch and hold only a few row groups in memory.

use std::fs;
use std::path::{Path, PathBuf};

use lakeward_manifest::{Codec, Compression};
use lakeward_sql::literal;

use crate::error::{EngineError, Phase};
use crate::plan::Plan;
use crate::session::{Session, path_text};
use crate::stage::Stage;

pub(crate) const DOING: &str = "running the query";

/// How the files are written.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The folder to fill. It is created, and must hold nothing.
    pub directory: PathBuf,
    /// Compression of the columns.
    pub compression: Compression,
    /// Rows in a row group; `DuckDB` rounds up to a multiple of 2,048.
    pub row_group_size: u64,
    /// The size that files should have, in bytes. A file may be smaller, or larger by a row group.
    pub target_file_size: u64,
    /// The longest path below the folder that a file may have, in bytes.
    pub longest_path: usize,
}

/// The compression as `COPY` takes it.
fn compression_sql(compression: &Compression) -> String {
    let codec = match compression.codec {
        Codec::Lz4 => "lz4_raw",
        codec => codec.name(),
    };
    compression.level.map_or_else(
        || format!("COMPRESSION {codec}"),
        |level| format!("COMPRESSION {codec}, COMPRESSION_LEVEL {level}"),
    )
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// The path below the export's folder, with `/`: `dt=2026-05-19/part-<uuid>.parquet`.
    pub relative_path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The length of its Parquet footer in bytes, without the trailing length and magic.
    pub footer_bytes: u64,
    /// The value of each partition key, in their order, not escaped. `None` is NULL.
    pub partition: Vec<Option<String>>,
}

impl Session {
    /// Runs the query and writes its rows. Without rows, a table without partitions gets one empty
    /// file and a partitioned one none.
    pub fn export(&self, plan: &Plan, options: &ExportOptions) -> Result<Vec<ExportedFile>, EngineError> {
        create_folder(&options.directory)?;
        require_empty(&options.directory)?;
        if plan.order().is_empty() {
            return self.export_directly(plan, options);
        }
        let stage = Stage::fill(self, plan)?;
        stage.write_files(options)
    }

    fn export_directly(
        &self,
        plan: &Plan,
        options: &ExportOptions,
    ) -> Result<Vec<ExportedFile>, EngineError> {
        let select = plan.select(|_, column| column.name.clone());
        let split =
            format!("FILE_SIZE_BYTES {}, FILENAME_PATTERN 'part-{{uuidv7}}'", options.target_file_size);
        let files = self.copy(&select, &options.directory, options, &split)?;
        let file = |(path, rows, bytes, footer_bytes): CopiedFile| {
            let relative_path = relative(&path, &options.directory)?;
            Ok(ExportedFile { relative_path, rows, bytes, footer_bytes, partition: Vec::new() })
        };
        files.into_iter().map(file).collect()
    }

    pub(crate) fn copy(
        &self,
        select: &str,
        to: &Path,
        options: &ExportOptions,
        more: &str,
    ) -> Result<Vec<CopiedFile>, EngineError> {
        let sql = format!(
            "COPY ({select}) TO {} (FORMAT parquet, {}, ROW_GROUP_SIZE {}, RETURN_STATS, {more})",
            literal(path_text(to)?),
            compression_sql(&options.compression),
            options.row_group_size,
        );
        self.query(Phase::Running, &sql, DOING, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
    }
}

/// Path, rows, bytes and bytes of the footer, as `RETURN_STATS` tells them.
pub(crate) type CopiedFile = (String, u64, u64, u64);

pub(crate) fn create_folder(folder: &Path) -> Result<(), EngineError> {
    fs::create_dir_all(folder).map_err(|e| EngineError::of_file(&e, folder, "creating"))
}

fn require_empty(folder: &Path) -> Result<(), EngineError> {
    let mut entries = fs::read_dir(folder).map_err(|e| EngineError::of_file(&e, folder, "listing"))?;
    if entries.next().is_none() {
        return Ok(());
    }
    Err(EngineError::Argument(format!(
        "the folder {} is not empty; empty it or choose another",
        folder.display()
    )))
}

fn relative(path: &str, directory: &Path) -> Result<String, EngineError> {
    let inside = Path::new(path).strip_prefix(directory).ok().and_then(Path::to_str);
    inside.map(str::to_owned).ok_or_else(|| EngineError::Internal {
        doing: DOING.to_owned(),
        message: format!("the file {path} was written outside of {}", directory.display()),
    })
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
