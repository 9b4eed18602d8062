//! `DuckDB` as Lakeward uses it: a query becomes Parquet files, and files are read back in SQL.
//!
//! A [`Session`] is one in-memory database with the container's [`Limits`]. [`Session::plan`]
//! decides what each column is written as, or refuses all offending columns at once, before any
//! row is computed; [`Session::export`] runs the query and writes the files; [`Growing`] shows the
//! files while they are written, so that they can be uploaded meanwhile. The other direction is
//! [`Session::create_view_over_files`] and the queries beside it.
//!
//! The crate knows nothing of uploads and catalogs. It is synchronous: call it from a
//! thread that may block, and end a running query from another with [`Cancel`].

mod cancel;
mod check;
mod error;
mod export;
mod folder;
mod growing;
mod inputs;
mod limits;
mod mapping;
mod plan;
#[cfg(test)]
mod quote_tests;
mod read_back;
mod s3;
mod session;
mod stage;
#[cfg(test)]
mod testing;

pub use cancel::Cancel;
pub use error::{EngineError, Problem};
pub use export::{ExportOptions, ExportedFile};
pub use growing::{Growing, GrowingFile};
pub use inputs::InputTable;
pub use lakeward_sql::FileColumn;
pub use limits::{Limits, cgroup};
pub use plan::{Column, Plan, TableShape};
pub use read_back::TextRows;
pub use s3::{S3Access, S3Secrets};
pub use session::{HTTPFS, Session, SessionOptions, needs_httpfs};
