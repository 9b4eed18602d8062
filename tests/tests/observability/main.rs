//! What others are told of an execution, from outside.

mod collector;
mod lineage;
mod logs;
mod metrics;
mod otlp;
mod termination;

/// A query that any step can be watched on.
const SQL: &str = "SELECT i AS id FROM range(100) t(i)";
