//! `status`: for a person on call. Which run is live, how far every run has come, what failed last, and the command
//! that continues it. Reads and changes nothing; what cannot be read is told as such.

mod args;
mod survey;
mod text;
mod told;

use jiff::Timestamp;
use lakeward_cli::{Context, Program};
use lakeward_lake::Lake;
use lakeward_manifest::{GlueName, ManifestUri, Phase, RunId, ShellCommand, Step, TableRoot};
use lakeward_outcome::Failure;
use serde::Serialize;

pub use args::StatusArgs;

/// The binary, which is no step: it stamps nothing.
#[derive(Clone, Copy, Debug)]
pub struct Status;

impl Program for Status {
    fn name(self) -> &'static str {
        "status"
    }

    fn binary(self) -> &'static str {
        "lakeward-status"
    }
}

/// What there is to know of a table. As text for a person, see its `Display`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableStatus {
    /// The table's root.
    pub root: TableRoot,
    /// The live table's name in Glue, from the newest manifest that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<GlueName>,
    /// What the live table shows.
    #[serde(flatten)]
    pub live: Live,
    /// The runs, the newest first.
    pub runs: Vec<RunStatus>,
    /// Older runs that are finished and not told of.
    pub runs_left_out: usize,
    /// When this was so.
    pub at: Timestamp,
}

/// What the live table shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Live {
    /// The run that readers see; none when there is no live table yet, or when it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<RunId>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_since: Option<Timestamp>,
    /// The run that it replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<RunId>,
    /// The run of a swap that has begun and not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swapping: Option<RunId>,
    /// Why it is not known what is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_unknown: Option<String>,
}

/// What there is to know of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunStatus {
    /// The run.
    pub run: RunId,
    /// Where its manifest lies.
    #[serde(rename = "manifest")]
    pub uri: ManifestUri,
    /// Whether readers see it.
    pub live: bool,
    /// What its manifest says.
    #[serde(flatten)]
    pub manifest: ManifestStatus,
    /// How the last execution failed that did so, unless the manifest was changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// The command that continues it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<ShellCommand>,
    /// The command that publishes it again, for a version that another run has replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<ShellCommand>,
    /// What to know before anything is done, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What a manifest says, or why it cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ManifestStatus {
    /// It can be read.
    Read {
        /// How far the run is.
        phase: Phase,
        /// Rows in all files, once they are written.
        #[serde(skip_serializing_if = "Option::is_none")]
        rows: Option<u64>,
        /// Bytes of all files.
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        /// When the manifest was last changed.
        updated_at: Timestamp,
        /// How long ago.
        age_seconds: u64,
        /// Executions of `write` that claimed the run.
        attempts: u32,
        /// Folders that attempts have left; counted for a run on its way.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt_folders: Option<usize>,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        unreadable: String,
    },
}

/// How an execution failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastError {
    /// Which step.
    pub step: Step,
    /// When.
    pub at: Timestamp,
    /// The kind of failure.
    pub kind: String,
    /// The exit code.
    pub exit_code: u8,
    /// What failed, on what, and what to do.
    pub message: String,
}

/// Tells what there is to know.
///
/// # Errors
/// The manifests cannot be listed or fetched, with the kind that `docs/PROTOCOL.md` has for it. A manifest that is
/// malformed and a Glue that does not answer are no failure: the result says so.
pub async fn run(args: StatusArgs, context: Context<Status>) -> Result<TableStatus, Failure> {
    context.identify("table", &args.root);
    let lake = Lake::open(&context.aws().await?, args.root.clone(), &context)?;
    survey::survey(&lake, args.limit, &context).await
}
