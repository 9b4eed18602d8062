//! The note that a failing step leaves beside its run's manifest, for whoever looks next.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Manifest, Step};
use crate::ids::{AttemptId, ExecutionId};

/// The version of the note that this crate writes and reads.
pub const FAILURE_SCHEMA: &str = "lakeward/failure/v1";

/// `<root>/_runs/<run id>/last-failure.json`: how the last execution that failed on the run did so.
///
/// It is put as it comes, over the one before; nothing but what people are told rests on it. What has changed the
/// manifest since makes it stale ([`FailureNote::is_fresh`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailureNote {
    /// Always [`FAILURE_SCHEMA`].
    pub schema: String,
    /// When.
    pub at: Timestamp,
    /// Which step.
    pub step: Step,
    /// Which process.
    pub execution: ExecutionId,
    /// The attempt that held the run, when it was `write` that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// The kind of failure, as in the step's result.
    pub kind: String,
    /// The exit code.
    pub exit_code: u8,
    /// What failed, on what, and what to do.
    pub message: String,
    /// The command that goes on from here, if there is one: text for a person. Nothing runs it, and no program hands it
    /// on as it is ([`CommandLine::with_flags_of`](crate::CommandLine::with_flags_of)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl FailureNote {
    /// Whether nothing has changed the manifest since.
    pub fn is_fresh(&self, manifest: &Manifest) -> bool {
        self.at >= manifest.updated.at
    }

    /// Reads a note; none when it is not one of this version.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|note: &Self| note.schema == FAILURE_SCHEMA)
    }

    /// The note as it is stored: pretty, for the person who opens it at night.
    ///
    /// # Errors
    /// None that a note of this type can cause.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }
}
