//! The lake as the AWS SDKs see it. What S3 and Glue themselves promise is checked by the
//! conformance checks in the workspace's `tests/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod faults;
mod lake;
