//! One `DuckDB` database for one step: its settings, its extensions, the user's preparations.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use duckdb::{Config, Connection, Statement};

use crate::cancel::Cancel;
use crate::error::{EngineError, Phase};
use crate::limits::Limits;
use crate::s3::S3Secrets;
use lakeward_sql::{identifier, literal};

/// The extension that reads `s3://` and `https://`.
pub const HTTPFS: &str = "httpfs";

/// The extension that knows time zones.
const ICU: &str = "icu";

/// How an extension file's name ends.
const EXTENSION_SUFFIX: &str = "duckdb_extension";

/// The schemes that only the httpfs extension can read.
const REMOTE_SCHEMES: [&str; 9] =
    ["s3://", "s3a://", "s3n://", "gs://", "gcs://", "r2://", "http://", "https://", "hf://"];

/// Where sorts and joins spill to, below the scratch folder.
const SPILL: &str = "spill";

/// How a [`Session`] is set up.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Memory and threads.
    pub limits: Limits,
    /// A folder that this session alone may fill.
    pub scratch: PathBuf,
    /// Where `*.duckdb_extension` files lie, for machines without Internet.
    pub extension_dir: Option<PathBuf>,
}

/// An in-memory database with the time zone UTC that never installs an extension by itself.
pub struct Session {
    connection: Connection,
    cancel: Cancel,
    scratch: PathBuf,
    extension_dir: Option<PathBuf>,
}

impl Session {
    /// Opens the database. The scratch folder is created if need be.
    pub fn open(options: SessionOptions) -> Result<Self, EngineError> {
        let doing = "opening DuckDB";
        let spill = options.scratch.join(SPILL);
        fs::create_dir_all(&spill).map_err(|e| EngineError::of_file(&e, &spill, "creating"))?;
        let config = Config::default()
            .with("memory_limit", format!("{}B", options.limits.memory_bytes))
            .and_then(|c| c.with("threads", options.limits.threads.to_string()))
            .and_then(|c| c.with("temp_directory", utf8(&spill)?))
            .and_then(|c| c.with("autoinstall_known_extensions", "false"))
            .and_then(|c| c.with("autoload_known_extensions", "false"))
            .map_err(|e| EngineError::of_duckdb(&e, Phase::Binding, doing))?;
        let connection = Connection::open_in_memory_with_flags(config)
            .map_err(|e| EngineError::of_duckdb(&e, Phase::Binding, doing))?;
        let cancel = Cancel::new(connection.interrupt_handle());
        let session =
            Self { connection, cancel, scratch: options.scratch, extension_dir: options.extension_dir };
        session.use_utc(doing)?;
        Ok(session)
    }

    /// Time zones belong to ICU. The official library has it inside, a DuckDB that is compiled with its crate has not.
    fn use_utc(&self, doing: &str) -> Result<(), EngineError> {
        let set = || self.execute("SET TimeZone = 'UTC'", doing);
        set().or_else(|_| {
            self.require(ICU, "time zones")?;
            set()
        })
    }

    /// A handle that ends this session's work from another thread.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Attaches the `DuckDB` file at `path` read-only as `name`, and makes it the default.
    pub fn attach_database(&self, path: &Path, name: &str) -> Result<(), EngineError> {
        let doing = format!("attaching the database {}", path.display());
        let (file, name) = (literal(path_text(path)?), identifier(name));
        self.execute(&format!("ATTACH {file} AS {name} (READ_ONLY)"), &doing)?;
        self.execute(&format!("USE {name}"), &doing)
    }

    /// Runs the user's preparations: settings, ATTACH, extensions, temporary tables.
    pub fn init_sql(&self, sql: &str) -> Result<(), EngineError> {
        self.execute_in(
            Phase::Secret,
            sql,
            "running the init SQL (its text is not shown, as it may hold secrets)",
        )
    }

    /// Sets the variable `name`, which queries read by `getvariable('name')`, to a string.
    pub fn set_variable(&self, name: &str, value: &str) -> Result<(), EngineError> {
        self.assign(name, &literal(value))
    }

    /// Sets the variable `name` to a `TIMESTAMP WITH TIME ZONE`.
    pub fn set_timestamp_variable(&self, name: &str, value: jiff::Timestamp) -> Result<(), EngineError> {
        self.assign(name, &format!("TIMESTAMPTZ {}", literal(&value.to_string())))
    }

    fn assign(&self, name: &str, value: &str) -> Result<(), EngineError> {
        let first_is_letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_is_letter || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(EngineError::Argument(format!(
                "the variable name {name:?} is not a letter followed by letters, digits and _; choose another"
            )));
        }
        let sql = format!("SET VARIABLE {} = {value}", identifier(name));
        self.execute(&sql, &format!("setting the variable {name}"))
    }

    /// Loads every extension file in the extension folder; nothing when there is no such folder.
    pub fn load_extensions(&self) -> Result<(), EngineError> {
        for file in self.extension_files()? {
            self.load(&file)?;
        }
        Ok(())
    }

    /// Makes the httpfs extension available, or says how to get it.
    pub fn require_httpfs(&self) -> Result<(), EngineError> {
        self.require(HTTPFS, "remote files")
    }

    fn require(&self, extension: &str, what: &str) -> Result<(), EngineError> {
        let named = |file: &PathBuf| file.file_stem() == Some(OsStr::new(extension));
        if let Some(file) = self.extension_files()?.into_iter().find(named) {
            return self.load(&file);
        }
        match self.execute(&format!("LOAD {extension}"), "loading an extension") {
            Err(EngineError::Interrupted) => Err(EngineError::Interrupted),
            Err(_) => Err(EngineError::Extension(missing(extension, what, self.extension_dir.as_deref()))),
            Ok(()) => Ok(()),
        }
    }

    /// Where credentials for `s3://` are put; it may be used while a query runs here.
    ///
    /// Needs [`Session::require_httpfs`] first.
    pub fn s3_secrets(&self) -> Result<S3Secrets, EngineError> {
        let connection = self
            .connection
            .try_clone()
            .map_err(|e| EngineError::of_duckdb(&e, Phase::Binding, "opening a second connection"))?;
        Ok(S3Secrets::new(connection))
    }

    fn load(&self, file: &Path) -> Result<(), EngineError> {
        let sql = format!("LOAD {}", literal(path_text(file)?));
        self.execute(&sql, "loading").map_err(|error| match error {
            EngineError::Interrupted => error,
            other => EngineError::Extension(format!(
                "the extension {} cannot be used: {other}; take the file made for this DuckDB and platform",
                file.display()
            )),
        })
    }

    fn extension_files(&self) -> Result<Vec<PathBuf>, EngineError> {
        let Some(folder) = &self.extension_dir else { return Ok(Vec::new()) };
        let list = || -> std::io::Result<Vec<PathBuf>> {
            fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
        };
        let mut files = list().map_err(|e| EngineError::of_file(&e, folder, "listing"))?;
        files.retain(|file| file.extension() == Some(OsStr::new(EXTENSION_SUFFIX)));
        files.sort();
        Ok(files)
    }

    /// Detaches a database of our own, also after [`Cancel`]: it is how scratch disk is freed.
    pub(crate) fn detach(&self, name: &str) {
        drop(self.connection.execute_batch(&format!("DETACH {}", identifier(name))));
    }

    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Runs statements whose results do not matter. Nothing is computed from rows of data.
    pub(crate) fn execute(&self, sql: &str, doing: &str) -> Result<(), EngineError> {
        self.execute_in(Phase::Binding, sql, doing)
    }

    pub(crate) fn execute_in(&self, phase: Phase, sql: &str, doing: &str) -> Result<(), EngineError> {
        let _running = self.cancel.start()?;
        self.connection.execute_batch(sql).map_err(|e| EngineError::of_duckdb(&e, phase, doing))
    }

    /// Runs one statement and hands its rows, already computed, to `read`.
    pub(crate) fn query<T>(
        &self,
        phase: Phase,
        sql: &str,
        doing: &str,
        read: impl FnMut(&duckdb::Row<'_>) -> duckdb::Result<T>,
    ) -> Result<Vec<T>, EngineError> {
        let _running = self.cancel.start()?;
        let collect = || -> duckdb::Result<Vec<T>> {
            let mut statement: Statement<'_> = self.connection.prepare(sql)?;
            statement.query_map([], read)?.collect()
        };
        collect().map_err(|e| EngineError::of_duckdb(&e, phase, doing))
    }
}

/// Whether any of these SQL texts names a remote file, so that httpfs has to be there.
pub fn needs_httpfs<'a>(texts: impl IntoIterator<Item = &'a str>) -> bool {
    texts.into_iter().any(|text| {
        let text = text.to_ascii_lowercase();
        REMOTE_SCHEMES.iter().any(|scheme| text.contains(scheme))
    })
}

/// `path` as text, which SQL needs.
pub(crate) fn path_text(path: &Path) -> Result<&str, EngineError> {
    path.to_str().ok_or_else(|| EngineError::of_path(path))
}

fn utf8(path: &Path) -> duckdb::Result<&str> {
    path.to_str().ok_or_else(|| duckdb::Error::InvalidPath(path.to_path_buf()))
}

fn missing(extension: &str, what: &str, extension_dir: Option<&Path>) -> String {
    let looked =
        extension_dir.map_or_else(String::new, |dir| format!(" and {} has no such file", dir.display()));
    format!(
        "{what} need DuckDB's {extension} extension, which is not installed{looked}; with Internet, run INSTALL \
         {extension} once in DuckDB; without, point --extension-dir at a folder with the official \
         {extension}.{EXTENSION_SUFFIX} for DuckDB 1.5.5 (PyPI's duckdb-extension-{extension}==1.5.5 holds it)"
    )
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
