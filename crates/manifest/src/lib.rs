//! The manifest: one JSON document for each run, the baton between Lakeward's steps. Pure: no I/O, no clock.
//!
//! # Core types
//! - [`RunId`], [`AttemptId`], [`ExecutionId`]: who is who; they cannot be mixed up.
//! - [`TableRoot`], [`ManifestUri`]: where things lie in S3. [`layout`](root) has every key's shape.
//! - [`Manifest`]: the document. [`Sealed`], [`Registered`] and [`Verified`] are views that prove how far a run
//!   has come, so that a step cannot be called too early.
//! - The transitions ([`Manifest::seal`] and its siblings): the only ways a manifest changes. Each takes the
//!   old document and gives the new one, or a [`Refusal`]; writing it back by compare-and-swap is the caller's.
//! - [`Next`] and [`CommandLine`]: what is left to do for a run, as a command for a shell.
//! - [`LiveState`] and [`decide_swap`]: what the live table says of itself, and whether a run may replace it.
//!
//! # Compatibility
//! A reader of v1 accepts fields that it does not know and writes them back unchanged, integers as far as 64 bits hold
//! them; a document of another schema version is refused ([`ReadError::Schema`]). `tests/compatibility` holds this.

mod command;
mod compression;
mod document;
mod failure;
mod fingerprint;
mod ids;
mod live;
mod next;
mod prefix;
mod read;
mod refusal;
mod root;
#[cfg(test)]
mod schema;
mod sections;
mod table;
mod transition;
mod views;

pub use command::{CommandLine, Flag, ShellCommand};
pub use compression::{Codec, Compression, CompressionError};
pub use document::{Attempt, Manifest, Phase, Request, Run, SCHEMA, Stamp, Step};
pub use failure::{FAILURE_SCHEMA, FailureNote};
pub use fingerprint::{Fingerprint, sha256_hex};
pub use ids::{AttemptId, ExecutionId, IdError, RunId, RunKey};
pub use live::{Direction, ForeignParameter, LiveState, SwapDecision, SwapIntent, decide_swap, parameters};
pub use next::Next;
pub use prefix::{NotAPrefix, Prefix};
pub use read::ReadError;
pub use refusal::Refusal;
pub use root::{LONGEST_KEY, ManifestUri, RootError, TableRoot, split_s3};
pub use sections::{
    CheckResult, Column, DataFile, End, PartitionValue, Publication, PublishIntent, Registration,
    SwapSection, Verification, Written,
};
pub use table::{
    Format, GlueName, HIVE_NULL_PARTITION, MAX_NAME_LENGTH, Mode, NameError, Strategy, TableSpec,
};
pub use transition::{Claim, claim_over};
pub use views::{Registered, Sealed, Verified};
