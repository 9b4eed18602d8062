//! Readers that others wrote, as processes: Python programs in `tests/readers`.

mod cases;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::backend::Backend;
use crate::conformance::REGION;
use crate::reader::{GlueTable, Rows, query};
use crate::servers;
use crate::step::EXTENSIONS;

pub use cases::{CASES, Case};

/// Reading all cases takes a reader seconds; one that takes this long hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// A program that reads tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// DuckDB's own Python package and its httpfs: all files below the Location, partition values from folders.
    DuckDb,
    /// awswrangler: takes the table from Glue and lists the Location, partition values from folders.
    Wrangler,
    /// Sail, an engine for Spark SQL: has Glue as its catalog and lists the Location.
    Sail,
}

/// What a reader printed of one table.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Printed {
    Read { table: String, columns: Vec<String>, rows: Rows },
    Failed { table: String, error: String },
}

impl Reader {
    /// Every reader.
    pub const ALL: [Self; 3] = [Self::DuckDb, Self::Wrangler, Self::Sail];

    const fn script(self) -> &'static str {
        match self {
            Self::DuckDb => "duck.py",
            Self::Wrangler => "wrangler.py",
            Self::Sail => "sail.py",
        }
    }

    /// Reads the tables of `cases`, and holds each against the query that was published last.
    ///
    /// # Errors
    /// The reader does not run. What it cannot read, or reads wrongly, is the outcome of that case.
    pub async fn read(
        self,
        backend: &Backend,
        cases: &'static [Case],
    ) -> Result<Vec<(&'static str, Result<()>)>> {
        let mut printed = self.print(backend, cases).await?;
        let mut outcomes = Vec::new();
        for case in cases {
            let told =
                printed.remove(case.name).with_context(|| format!("{self:?} left out {}", case.name))?;
            outcomes.push((case.name, compare(backend, case, told).await));
        }
        Ok(outcomes)
    }

    async fn print(self, backend: &Backend, cases: &[Case]) -> Result<BTreeMap<String, Printed>> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers");
        let mut command = Command::new(servers::program("python")?);
        command
            .arg(scripts.join(self.script()))
            .arg(backend.database())
            .args(cases.iter().map(|case| case.name));
        command.env_clear().envs(backend.env()).env("AWS_DEFAULT_REGION", REGION);
        command.env("HOME", backend.folder()).env("PYTHONDONTWRITEBYTECODE", "1");
        let extensions = std::env::var_os(EXTENSIONS).with_context(|| format!("{EXTENSIONS} is not set"))?;
        command.env(EXTENSIONS, extensions).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output =
            output.map_err(|_| anyhow!("{self:?} hangs"))?.with_context(|| format!("running {self:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{self:?} failed with {}:\n{said}", output.status);
        let lines = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Printed>();
        let named = lines.map(|printed| {
            let printed = printed.with_context(|| format!("{self:?} did not print JSON"))?;
            let (Printed::Read { table, .. } | Printed::Failed { table, .. }) = &printed;
            Ok((table.clone(), printed))
        });
        named.collect()
    }
}

async fn compare(backend: &Backend, case: &Case, printed: Printed) -> Result<()> {
    let (columns, rows) = match printed {
        Printed::Read { columns, rows, .. } => (columns, rows),
        Printed::Failed { error, .. } => bail!("it cannot be read: {error}"),
    };
    let table = GlueTable::find(backend, case.name).await?.context("there is no such table")?;
    let glue: BTreeMap<_, _> =
        table.columns.iter().chain(&table.keys).map(|c| (&c.name, &c.glue_type)).collect();
    let as_glue = columns.iter().map(|name| match glue.get(name).map(|kind| kind.as_str()) {
        // Glue has one kind of timestamp, without a zone.
        Some("timestamp") => Ok(format!("CAST(\"{name}\" AS TIMESTAMP)")),
        Some(_) => Ok(format!("\"{name}\"")),
        None => Err(anyhow!("it reads a column {name:?}, which the table does not have")),
    });
    let as_glue = as_glue.collect::<Result<Vec<_>>>()?;
    ensure!(as_glue.len() == glue.len(), "it reads only the columns {columns:?}");
    let expected = query(backend, &format!("SELECT {} FROM ({})", as_glue.join(", "), case.sql)).await?;
    let mut found = rows;
    found.sort();
    if found == expected {
        return Ok(());
    }
    let only = |rows: &Rows, others: &Rows| rows.iter().find(|row| !others.contains(row)).cloned();
    bail!(
        "{} rows instead of {}; of {columns:?} it read {:?}, and not {:?}",
        found.len(),
        expected.len(),
        only(&found, &expected),
        only(&expected, &found)
    )
}
