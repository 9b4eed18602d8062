//! What each program may do, in one place: the operations of S3 and Glue in use, the IAM actions that each needs, and the
//! grants that each program gets. Error messages name the actions from here, `lakeward-iam` prints policies from here,
//! `docs/IAM.md` has its tables from here, and the tests hold all of it against the calls that the programs make.
//!
//! Pure: no I/O, no AWS SDK.

pub mod glue;
mod grants;
mod operation;
mod page;
mod place;
mod policy;
pub mod s3;

pub use grants::{Grant, On, Program, Variant};
pub use operation::{Need, Operation, When};
pub use page::tables;
pub use place::{Inputs, NotAPlace, Place};
pub use policy::policy;
