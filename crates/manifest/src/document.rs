//! The document itself.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fingerprint::Fingerprint;
use crate::ids::{AttemptId, ExecutionId, RunId, RunKey};
use crate::root::ManifestUri;
use crate::sections::{End, Registration, SwapSection, Verification, Written};
use crate::table::TableSpec;

/// The version of the document that this crate reads and writes.
pub const SCHEMA: &str = "lakeward/manifest/v1";

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Claimed: an attempt is running, or has died.
    Writing,
    /// Sealed: the files are complete and never change again.
    Written,
    /// The staged table shows the run.
    Registered,
    /// What S3 and Glue hold was proven against the manifest, and every gate and check holds.
    Verified,
    /// The run is, or has been, live.
    Published,
    /// Being deleted: can never go live again.
    Retiring,
    /// Deleted. The manifest stays as a tombstone.
    Retired,
    /// Verification failed: can never go live.
    Rejected,
    /// Given up before it was published: can never go live.
    Abandoned,
}

impl Phase {
    /// The phase's name in the document and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Registered => "registered",
            Self::Verified => "verified",
            Self::Published => "published",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
            Self::Abandoned => "abandoned",
        }
    }

    /// On the way to being published.
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Writing | Self::Written | Self::Registered | Self::Verified)
    }

    /// Past any way of going live.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Retiring | Self::Retired | Self::Rejected | Self::Abandoned)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Runs the query and writes the files.
    Write,
    /// Makes the run queryable as the staged table.
    Register,
    /// Proves the run before anyone reads it.
    Verify,
    /// Makes the run live.
    Swap,
    /// Deletes what nothing can reach.
    Gc,
}

impl Step {
    /// The step's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Register => "register",
            Self::Verify => "verify",
            Self::Swap => "swap",
            Self::Gc => "gc",
        }
    }

    /// The step's binary.
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Write => "lakeward-write",
            Self::Register => "lakeward-register",
            Self::Verify => "lakeward-verify",
            Self::Swap => "lakeward-swap",
            Self::Gc => "lakeward-gc",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who makes a change, and when. Unique to an execution, so that two executions never write the same document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// Which step.
    pub step: Step,
    /// Which process.
    pub execution: ExecutionId,
}

/// The run's identity, as the orchestrator gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Run {
    /// The run id.
    pub id: RunId,
    /// The run timestamp in full.
    pub ts: Timestamp,
    /// The orchestrator's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RunKey>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What `write` was asked for. Init SQL is known only by its hash, as it may hold secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Request {
    /// A digest of everything that decides the result: the spec, the query and what it runs in.
    pub fingerprint: Fingerprint,
    /// The query.
    pub sql: String,
    /// The attached database, if any: a path or an `s3://` URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The user's variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// SHA-256 of the init SQL, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_sql_sha256: Option<String>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The attempt that may seal the manifest. Every earlier one is fenced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Attempt {
    /// The attempt, and the name of its folder.
    pub id: AttemptId,
    /// 1 for the first attempt of the run, one more for each take-over.
    pub number: u32,
    /// When it claimed the run.
    pub started_at: Timestamp,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The manifest of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Manifest {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How far the run has come.
    pub phase: Phase,
    /// The run.
    pub run: Run,
    /// The table.
    pub table: TableSpec,
    /// What `write` was asked for.
    pub request: Request,
    /// The attempt that holds, or sealed, the run.
    pub attempt: Attempt,
    /// The latest change.
    pub updated: Stamp,
    /// What was written; present once sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Written>,
    /// The staged table; present once registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<Registration>,
    /// What was proven; present once verified or rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verification>,
    /// When and how the run went live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<SwapSection>,
    /// Why and when the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Manifest {
    /// The attempt whose files are the run's own: the one that has sealed it, or else the one that holds it.
    pub fn owner(&self) -> &AttemptId {
        self.write.as_ref().map_or(&self.attempt.id, |written| &written.attempt)
    }

    /// The document's own URI.
    pub fn uri(&self) -> ManifestUri {
        ManifestUri { root: self.table.root.clone(), run: self.run.id.clone() }
    }
}
