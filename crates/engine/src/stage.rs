//! The sorted rows of one export, on scratch disk, from which the files are cut.
//!
//! A table in a `DuckDB` file of its own keeps the order in which it was filled: row ids count up
//! from 0. So a partition is a range of row ids, and so is a file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{EngineError, Phase, REFUSED};
use crate::export::{CopiedFile, DOING, ExportOptions, ExportedFile, create_folder};
use crate::folder;
use crate::plan::{Column, Plan};
use crate::session::{Session, path_text};
use lakeward_sql::{identifier, literal};

/// The file's name in the scratch folder, and that of its write-ahead log.
const FILE: &str = "stage.duckdb";
const LOG: &str = "stage.duckdb.wal";

/// The table's name: no user database has it.
const TABLE: &str = "lakeward_stage.main.sorted";
const ATTACHED: &str = "lakeward_stage";

/// As long as every other.
const ANY_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// Sorted rows, until it is dropped.
pub(crate) struct Stage<'a> {
    session: &'a Session,
    plan: &'a Plan,
    file: PathBuf,
}

/// The rows of one partition: `rows` row ids from `first` on.
struct Slice {
    first: u64,
    rows: u64,
    folder: String,
    partition: Vec<Option<String>>,
}

impl<'a> Stage<'a> {
    /// Runs the plan's query and sorts its rows by partition and sort columns.
    pub(crate) fn fill(session: &'a Session, plan: &'a Plan) -> Result<Self, EngineError> {
        let file = session.scratch().join(FILE);
        remove(&file)?;
        remove(&session.scratch().join(LOG))?;
        let attach = format!("ATTACH {} AS {ATTACHED}", literal(path_text(&file)?));
        session.execute(&attach, "opening the stage on scratch")?;
        let stage = Self { session, plan, file };
        let select = plan.select(|index, _| staged(index));
        let order: Vec<String> =
            plan.order().into_iter().map(|index| format!("{} ASC NULLS LAST", staged(index))).collect();
        let sql = format!(
            "SET preserve_insertion_order = true; CREATE TABLE {TABLE} AS SELECT * FROM ({select}) ORDER BY {}",
            order.join(", ")
        );
        session.execute_in(Phase::Running, &sql, DOING)?;
        Ok(stage)
    }

    /// Writes each partition's rows as files of about the size asked for.
    pub(crate) fn write_files(&self, options: &ExportOptions) -> Result<Vec<ExportedFile>, EngineError> {
        let slices = self.slices()?;
        slices.iter().try_for_each(|slice| slice.check_path(options.longest_path))?;
        let mut size = RowSize::guessed(&self.file, slices.iter().map(|slice| slice.rows).sum());
        let mut files = Vec::new();
        for slice in &slices {
            create_folder(&options.directory.join(&slice.folder))?;
            for (first, rows) in size.cut(slice, options.target_file_size) {
                let file = self.write_file(slice, first, rows, options)?;
                size.learn(file.rows, file.bytes);
                files.push(file);
            }
        }
        Ok(files)
    }

    fn slices(&self) -> Result<Vec<Slice>, EngineError> {
        let keys: Vec<(usize, &Column)> =
            self.plan.columns.iter().enumerate().filter(|(_, column)| column.partition).collect();
        let folders: Vec<String> =
            keys.iter().map(|(index, key)| folder::sql(&key.name, &staged(*index))).collect();
        let folder = if keys.is_empty() { "''".to_owned() } else { folders.join(" || '/' || ") };
        let range = "coalesce(min(rowid), 0), count(*), coalesce(max(rowid) + 1, 0)".to_owned();
        let mut outputs = vec![range, folder];
        outputs.extend(keys.iter().map(|(index, _)| format!("CAST({} AS VARCHAR)", staged(*index))));
        let group = if keys.is_empty() { "" } else { "GROUP BY ALL" };
        let sql = format!("SELECT {} FROM {TABLE} {group} ORDER BY 1", outputs.join(", "));
        let read = |row: &duckdb::Row<'_>| {
            let partition = (0..keys.len()).map(|index| row.get(4 + index)).collect::<Result<_, _>>()?;
            let slice = Slice { first: row.get(0)?, rows: row.get(1)?, folder: row.get(3)?, partition };
            Ok((slice, row.get::<_, u64>(2)?))
        };
        let slices = self.session.query(Phase::Binding, &sql, DOING, read)?;
        slices.into_iter().map(|(slice, end)| slice.if_whole(end)).collect()
    }

    fn write_file(
        &self,
        slice: &Slice,
        first: u64,
        rows: u64,
        options: &ExportOptions,
    ) -> Result<ExportedFile, EngineError> {
        let relative_path = self.new_path(slice)?;
        let path = options.directory.join(&relative_path);
        let select = self.select(slice, first, rows);
        let copied = self.session.copy(&select, &path, options, "USE_TMP_FILE false")?;
        let (_, written, bytes, footer_bytes): CopiedFile =
            copied.into_iter().next().filter(|(_, written, ..)| *written == rows).ok_or_else(|| {
                EngineError::Internal {
                    doing: DOING.to_owned(),
                    message: format!("{relative_path} did not get its {rows} rows"),
                }
            })?;
        Ok(ExportedFile {
            relative_path,
            rows: written,
            bytes,
            footer_bytes,
            partition: slice.partition.clone(),
        })
    }

    /// The data columns of some rows. The partition's values are named too: `DuckDB` skips by them
    /// what lies elsewhere, and not by row ids.
    fn select(&self, slice: &Slice, first: u64, rows: u64) -> String {
        let columns = self.plan.columns.iter().enumerate();
        let (keys, data): (Vec<_>, Vec<_>) = columns.partition(|(_, column)| column.partition);
        let data: Vec<String> = data
            .into_iter()
            .map(|(index, column)| format!("{} AS {}", staged(index), identifier(&column.name)))
            .collect();
        let mut conditions = vec![format!("rowid >= {first}"), format!("rowid < {}", first + rows)];
        for ((index, key), value) in keys.into_iter().zip(&slice.partition) {
            let staged = staged(index);
            conditions.push(match value {
                Some(value) => format!("{staged} = CAST({} AS {})", literal(value), key.duckdb_type),
                None => format!("{staged} IS NULL"),
            });
        }
        format!("SELECT {} FROM {TABLE} WHERE {}", data.join(", "), conditions.join(" AND "))
    }

    fn new_path(&self, slice: &Slice) -> Result<String, EngineError> {
        let names: Vec<String> =
            self.session
                .query(Phase::Binding, "SELECT CAST(uuidv7() AS VARCHAR)", DOING, |row| row.get(0))?;
        Ok(slice.path_of(&names.concat()))
    }
}

/// Frees the disk. A stage that stays behind after a crash is removed by the next.
impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.session.detach(ATTACHED);
        for name in [FILE, LOG] {
            drop(fs::remove_file(self.session.scratch().join(name)));
        }
    }
}

impl Slice {
    /// The path of one of its files, which has a UUID of its own.
    fn path_of(&self, uuid: &str) -> String {
        let name = format!("part-{uuid}.parquet");
        if self.folder.is_empty() { name } else { format!("{}/{name}", self.folder) }
    }

    /// Refuses folders that leave no room for the files' names, before any file is written.
    fn check_path(&self, longest: usize) -> Result<(), EngineError> {
        let length = self.path_of(ANY_UUID).len();
        if length <= longest {
            return Ok(());
        }
        let message = format!(
            "{REFUSED}a file in {} would have a path of {length} bytes where S3's keys have room for {longest} below this table \
             root: shorten the partition values, or publish under a shorter root",
            self.folder
        );
        Err(EngineError::Data { doing: DOING.to_owned(), message })
    }

    /// The slice, if it holds every row id from its first to before `end`.
    fn if_whole(self, end: u64) -> Result<Self, EngineError> {
        if self.first + self.rows == end {
            return Ok(self);
        }
        Err(EngineError::Internal {
            doing: DOING.to_owned(),
            message: format!("the stage is not sorted: {} rows from {} to {end}", self.rows, self.first),
        })
    }
}

/// Bytes per row in the files, guessed from the stage and corrected by each file.
struct RowSize {
    rows: u64,
    bytes: u64,
}

impl RowSize {
    fn guessed(stage: &Path, rows: u64) -> Self {
        Self { rows, bytes: fs::metadata(stage).map_or(0, |meta| meta.len()) }
    }

    fn learn(&mut self, rows: u64, bytes: u64) {
        *self = Self { rows, bytes };
    }

    /// Equal parts of the slice, each of about `target` bytes: first row id and number of rows.
    fn cut(&self, slice: &Slice, target: u64) -> Vec<(u64, u64)> {
        let bytes = u128::from(self.bytes) * u128::from(slice.rows) / u128::from(self.rows.max(1));
        let parts = bytes.div_ceil(u128::from(target.max(1))).clamp(1, u128::from(slice.rows.max(1)));
        let at = |part: u128| {
            u64::try_from(u128::from(slice.rows) * part / parts).map_or(slice.rows, |row| row.min(slice.rows))
        };
        (0..parts).map(|part| (slice.first + at(part), at(part + 1) - at(part))).collect()
    }
}

/// The name of the column at `index` in the stage, where no name can hide the row id.
fn staged(index: usize) -> String {
    format!("w{index}")
}

fn remove(file: &Path) -> Result<(), EngineError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::of_file(&error, file, "removing"))
        }
        _ => Ok(()),
    }
}
