//! What DuckDB may use.

use std::path::PathBuf;

use lakeward_engine::{Limits, SessionOptions};

/// Arguments of every step that runs DuckDB.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "DuckDB")]
pub struct EngineArgs {
    /// A folder of *.duckdb_extension files to load, for machines without Internet
    #[arg(long, value_name = "DIR", env = "LAKEWARD_EXTENSION_DIR")]
    pub extension_dir: Option<PathBuf>,

    /// A folder for files on their way to S3 and for what DuckDB spills [default: the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "LAKEWARD_SCRATCH")]
    pub scratch: Option<PathBuf>,

    /// DuckDB's memory limit, such as 6GiB [default: the container's limit, less what the step needs besides]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, env = "LAKEWARD_MEMORY_LIMIT")]
    pub memory_limit: Option<u64>,

    /// DuckDB's threads [default: the container's CPU limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), env = "LAKEWARD_THREADS")]
    pub threads: Option<u16>,
}

impl EngineArgs {
    /// The ids of flags that only make sense on the machine that they were given on.
    pub const OF_THIS_MACHINE: [&str; 2] = ["extension_dir", "scratch"];

    /// The folder in which an execution makes a folder of its own.
    pub fn scratch_parent(&self) -> PathBuf {
        self.scratch.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Options for a session that spills into `scratch` and leaves `reserve` bytes of the container's memory to the
    /// rest of the step.
    pub fn options(&self, scratch: PathBuf, reserve: u64) -> SessionOptions {
        let limits = Limits::detect(reserve).overridden(self.memory_limit, self.threads.map(usize::from));
        SessionOptions { limits, scratch, extension_dir: self.extension_dir.clone() }
    }
}

/// Bytes, from `1000000`, `256MiB`, `1GB`.
///
/// # Errors
/// A sentence for the user.
pub fn parse_size(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err(format!("{text:?} is not a size such as 256MiB")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_write_them() {
        assert_eq!(parse_size("256MiB"), Ok(256 << 20));
        assert_eq!(parse_size("1000"), Ok(1000));
        assert!(parse_size("0").is_err() && parse_size("big").is_err());
    }
}
