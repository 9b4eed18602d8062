//! What the tests from outside share.

pub mod airflow;
pub mod backend;
pub mod conformance;
pub mod crash;
pub mod embedded;
pub mod image;
pub mod lake;
pub mod permissions;
pub mod reader;
pub mod readers;
pub mod scenarios;
pub mod servers;
pub mod step;
pub mod table;
