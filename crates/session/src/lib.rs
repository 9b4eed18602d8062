//! An engine session as a step needs it: its arguments, its extensions, and S3 credentials that DuckDB shares with the
//! SDK for as long as the step runs.

mod access;
mod args;
mod blocking;

pub use access::{Renewal, open, s3_access};
pub use args::{EngineArgs, parse_size};
pub use blocking::{blocking, stop};
