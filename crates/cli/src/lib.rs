//! What every step's binary shares: arguments, logs, progress, signals, and how it ends.
//!
//! # The contract of a binary
//! - **stdout**: one line of JSON, the result ([`Report`]), however the execution ends; the same to `--result-path` if
//!   given. A binary that only tells a person something writes text, unless it fails.
//! - **stderr**: logs, as text on a terminal and as JSON lines elsewhere, each with step, run and table.
//! - **exit code**: 0, or that of the failure's [`Kind`](lakeward_outcome::Kind).
//! - **others**: told how the execution ended, if the arguments name them; they can neither fail nor delay it.
//! - **SIGTERM, SIGINT**: no new change is begun, what is in flight ends, and the exit code asks for a retry.
//!
//! A `main.rs` is one call of [`run_step`] or [`run_reader`].

mod args;
mod clock;
mod context;
mod entry;
mod given;
mod logs;
mod observers;
mod program;
mod progress;
mod report;

pub use args::{
    CommonArgs, ReaderArgs, Sse, StepArgs, flags_without_variable, parse_account, parse_duration,
};
pub use clock::{Clock, Ids, System};
pub use context::{Context, EncryptionArgs};
pub use entry::{run_reader, run_step};
pub use lakeward_observe::{Columns, Dataset, Glue, Measure, Query, Record, dealt_with, phase};
pub use program::Program;
pub use progress::{Bar, Unit};
pub use report::Report;
