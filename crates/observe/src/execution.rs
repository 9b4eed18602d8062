//! An execution that has ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lakeward_outcome::{Failure, Kind};

use crate::Measure;

/// What is known of an execution that has ended.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The step (`write`).
    pub step: &'static str,
    /// The execution's own id.
    pub id: String,
    /// The live table's name in Glue; for gc its root, until a manifest has told the name. Empty when it was not known.
    pub table: String,
    /// The run; empty when it was not known.
    pub run: String,
    /// The attempt of a write; empty when it was not known.
    pub attempt: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub ending: Ending,
    /// What the step has measured.
    pub measures: BTreeMap<Measure, u64>,
    /// Calls to AWS.
    pub calls: Vec<CallCount>,
}

impl Execution {
    /// An execution that ended before anything was known of it but its step.
    pub fn not_begun(step: &'static str, id: String, at: Timestamp, ending: Ending) -> Self {
        Self {
            step,
            id,
            table: String::new(),
            run: String::new(),
            attempt: String::new(),
            started: at,
            ended: at,
            ending,
            measures: BTreeMap::new(),
            calls: Vec::new(),
        }
    }

    /// Milliseconds from its begin to its end; 0 when the clock was set back between.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.ended.duration_since(self.started).as_millis()).unwrap_or(0)
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Done, or already done.
    Done,
    /// Failed.
    Failed {
        /// How.
        kind: Kind,
        /// Why, on one line.
        reason: String,
    },
}

impl Ending {
    /// The ending of a failure.
    pub fn of(failure: &Failure) -> Self {
        let message = failure.message();
        // What DuckDB says has lines of its own.
        let reason = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Failed { kind: failure.kind(), reason }
    }

    /// The exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed { kind, .. } => kind.exit_code(),
        }
    }

    /// Its name: `done`, or that of the kind of failure.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed { kind, .. } => kind.name(),
        }
    }
}

/// How often an operation of AWS was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The service (`S3`).
    pub service: &'static str,
    /// The operation (`PutObject`).
    pub operation: &'static str,
    /// Requests that were sent, every try included.
    pub sent: u64,
    /// Those of them that were sent because an earlier try had failed.
    pub retries: u64,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A write that has succeeded.
    pub(crate) fn execution() -> Execution {
        let began = "2026-05-19T06:00:00Z".parse().unwrap();
        Execution {
            table: "shop.orders".to_owned(),
            run: "2026-05-19-060000".to_owned(),
            ended: "2026-05-19T06:00:02.05Z".parse().unwrap(),
            ..Execution::not_begun("write", "e1".to_owned(), began, Ending::Done)
        }
    }

    #[test]
    fn an_execution_whose_clock_was_set_back_took_no_time() {
        let Execution { started, ended, .. } = execution();
        let back = Execution { started: ended, ended: started, ..execution() };
        assert_eq!((execution().milliseconds(), back.milliseconds()), (2050, 0));
    }
}
