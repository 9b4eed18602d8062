//! One table, and the ways in which scenarios drive it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::backend::Backend;
use crate::reader::{self, GlueTable};
use crate::step::Step;

/// The run timestamps of scenarios that have several runs, in their order.
pub const DAYS: [&str; 3] = ["2026-05-19T06:00:00Z", "2026-05-20T06:00:00Z", "2026-05-21T06:00:00Z"];

/// Flags by which gc keeps nothing but the live version.
pub const NO_GRACE: [&str; 4] =
    ["--retention-days=0", "--keep-versions=1", "--orphan-grace=0s", "--reader-grace=0s"];

/// A query whose file is large enough for an upload in parts, as [`IN_PARTS`] has it.
pub const LARGE: &str = "SELECT i, hash(i) AS h FROM range(1000000) t(i)";

/// Flags by which write uploads in parts soon.
pub const IN_PARTS: [&str; 3] = ["--compression=uncompressed", "--part-size=5MiB", "--threads=1"];

/// A table that no other scenario uses.
#[derive(Clone, Debug)]
pub struct Table<'b> {
    backend: &'b Backend,
    name: String,
}

/// A run that `write` has sealed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The URI of its manifest.
    pub manifest: String,
    /// Its id.
    pub id: String,
    /// The Location of its files.
    pub location: String,
    /// What `write` said of it.
    pub written: Value,
}

impl Run {
    /// A run from the result of `write`.
    ///
    /// # Errors
    /// The result lacks a field.
    pub fn of(written: Value) -> Result<Self> {
        let text = |field: &str| {
            let text = written[field].as_str().map(str::to_owned);
            text.with_context(|| format!("lakeward-write gave no {field}: {written}"))
        };
        Ok(Self { manifest: text("manifest")?, id: text("run")?, location: text("location")?, written })
    }
}

impl<'b> Table<'b> {
    pub(crate) fn new(backend: &'b Backend, name: &str) -> Self {
        Self { backend, name: name.to_owned() }
    }

    /// Where it is.
    pub const fn backend(&self) -> &'b Backend {
        self.backend
    }

    /// The prefix of everything that it owns, with the closing slash.
    pub fn prefix(&self) -> String {
        format!("e2e/{}/", self.name)
    }

    /// Its root.
    pub fn root(&self) -> String {
        format!("s3://{}/{}", self.backend.bucket(), self.prefix())
    }

    /// Its name in Glue, without the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name in Glue, `database.table`.
    pub fn glue_name(&self) -> String {
        format!("{}.{}", self.backend.database(), self.name)
    }

    /// The key of a URI in the backend's bucket.
    ///
    /// # Errors
    /// It is in no such bucket.
    pub fn key<'u>(&self, uri: &'u str) -> Result<&'u str> {
        let key = uri.strip_prefix("s3://").and_then(|rest| rest.strip_prefix(self.backend.bucket()));
        key.and_then(|key| key.strip_prefix('/')).with_context(|| format!("{uri} is in another bucket"))
    }

    /// A step that works in a folder of this table's own.
    fn step(&self, name: &'static str) -> Step {
        self.backend.step(name).folder(&self.folder())
    }

    fn folder(&self) -> PathBuf {
        self.backend.folder().join(&self.name)
    }

    /// `write` of a query into this table.
    pub fn write(&self, run_ts: &str, sql: &str) -> Step {
        self.write_stdin(run_ts).args(["--sql", sql])
    }

    /// `write` without a query: from a spec, a file or standard input.
    pub fn write_stdin(&self, run_ts: &str) -> Step {
        let step = self.step("write").args(["--table", &self.root(), "--glue-table", &self.glue_name()]);
        step.args(["--run-ts", run_ts])
    }

    /// `register` of a run.
    pub fn register(&self, run: &Run) -> Step {
        self.step("register").arg(&run.manifest)
    }

    /// `verify` of a run, which waits for nothing.
    pub fn verify(&self, run: &Run) -> Step {
        self.step("verify").args([&run.manifest, "--timeout=0s"])
    }

    /// `swap` to a run.
    pub fn swap(&self, run: &Run) -> Step {
        self.step("swap").arg(&run.manifest)
    }

    /// `swap` back to a run.
    pub fn roll_back(&self, run: &Run) -> Step {
        self.step("swap").args([&self.root(), "--to", &run.id])
    }

    /// `gc` with its default times.
    pub fn gc(&self) -> Step {
        self.step("gc").args([&self.root(), "--database", self.backend.database()])
    }

    /// `status` as one line of JSON.
    pub fn status(&self) -> Step {
        self.step("status").args([&self.root(), "--json"])
    }

    /// `status` as text.
    pub fn status_text(&self) -> Step {
        self.step("status").arg(self.root())
    }

    /// A command that a step or `status` has printed, run by a shell.
    ///
    /// # Errors
    /// It begins with none of the binaries, or steps run in containers.
    pub fn shell(&self, line: &str) -> Result<Step> {
        self.backend.shell(line, &self.folder())
    }

    /// What `status` tells of a run.
    ///
    /// # Errors
    /// It fails, or does not know the run.
    pub async fn told(&self, run: &str) -> Result<Value> {
        let status = self.status().succeeds().await?;
        let mut runs = status["runs"].as_array().into_iter().flatten();
        let told = runs.find(|told| told["run"] == run).cloned();
        told.with_context(|| format!("lakeward-status does not know {run}: {status}"))
    }

    /// Writes and registers a run.
    ///
    /// # Errors
    /// A step fails.
    pub async fn registered(&self, write: &Step) -> Result<Run> {
        let run = Run::of(write.succeeds().await?)?;
        self.register(&run).succeeds().await?;
        Ok(run)
    }

    /// Writes, registers and verifies a run.
    ///
    /// # Errors
    /// A step fails.
    pub async fn verified(&self, write: &Step) -> Result<Run> {
        let run = self.registered(write).await?;
        self.verify(&run).succeeds().await?;
        Ok(run)
    }

    /// Writes, registers, verifies and swaps a run.
    ///
    /// # Errors
    /// A step fails.
    pub async fn published(&self, write: &Step) -> Result<Run> {
        let run = self.verified(write).await?;
        self.swap(&run).succeeds().await?;
        Ok(run)
    }

    /// The live table.
    ///
    /// # Errors
    /// There is none.
    pub async fn live(&self) -> Result<GlueTable> {
        let live = GlueTable::find(self.backend, &self.name).await?;
        live.with_context(|| format!("there is no live table {}", self.glue_name()))
    }

    /// Fails unless the live table shows `run` and reads as `sql` does.
    ///
    /// # Errors
    /// It shows another run or other rows.
    pub async fn shows(&self, run: &Run, sql: &str) -> Result<()> {
        let live = self.live().await?;
        let shown = live.parameters.get("lakeward.run");
        ensure!(shown == Some(&run.id), "{} shows {shown:?} instead of {}", self.glue_name(), run.id);
        ensure!(live.location == run.location, "{} lies at {}", self.glue_name(), live.location);
        reader::ensure_reads_as(self.backend, &live, sql).await
    }

    /// A run's manifest.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn manifest(&self, run: &Run) -> Result<Value> {
        let bytes = self.backend.get(self.key(&run.manifest)?).await?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", run.manifest))
    }

    /// The URI of the manifest of the run `id`.
    pub fn manifest_of(&self, id: &str) -> String {
        format!("{}_runs/{id}/manifest.json", self.root())
    }

    /// The keys of data files, of whatever run and attempt.
    ///
    /// # Errors
    /// S3 refuses to list them.
    pub async fn data(&self) -> Result<Vec<String>> {
        self.backend.keys(&format!("{}_writes/", self.prefix())).await
    }

    /// Fails if there is a data file, an unfinished upload, a probe or a staged table.
    ///
    /// # Errors
    /// Something was left behind.
    pub async fn has_no_leftovers(&self) -> Result<()> {
        let (data, uploads) = (self.data().await?, self.backend.uploads(&self.prefix()).await?);
        ensure!(data.is_empty() && uploads.is_empty(), "left behind: files {data:?}, uploads {uploads:?}");
        let runs = self.backend.keys(&format!("{}_runs/probe", self.prefix())).await?;
        ensure!(runs.is_empty(), "left behind: probes {runs:?}");
        let staged = self.staged_tables().await?;
        ensure!(staged.is_empty(), "left behind: staged tables {staged:?}");
        let mut scratch = Vec::new();
        for entry in std::fs::read_dir(self.folder()).into_iter().flatten() {
            scratch.push(entry?.file_name());
        }
        ensure!(scratch.is_empty(), "left behind: files on disk {scratch:?}");
        Ok(())
    }

    /// The staged tables in Glue.
    ///
    /// # Errors
    /// Glue refuses to list them.
    pub async fn staged_tables(&self) -> Result<Vec<String>> {
        let mut pages =
            self.backend.glue().get_tables().database_name(self.backend.database()).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.context("listing glue tables")?;
            names.extend(page.table_list().iter().map(|table| table.name().to_owned()));
        }
        let staged = format!("{}__", self.name);
        names.retain(|name| name.starts_with(&staged));
        Ok(names)
    }
}
