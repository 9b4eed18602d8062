//! What is measured, each metric with its name, unit and help: for every way in which it is told.

use crate::{CallCount, Execution};

/// Something that a step measures itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Rows of the run.
    Rows,
    /// Bytes of the run's files.
    Bytes,
    /// Files of the run.
    Files,
    /// Partitions of the run; 1 for an unpartitioned table.
    Partitions,
    /// Bytes of files that were uploaded, also by an attempt that failed.
    UploadedBytes,
    /// Milliseconds between a swap's first and last change that readers could see.
    SwapWindow,
    /// Runs that gc has retired.
    RunsRetired,
    /// Bytes that gc's plan frees.
    PlannedBytes,
    /// Objects, versions and delete markers that gc has deleted.
    ObjectsDeleted,
    /// Objects that gc has tagged for a lifecycle rule.
    ObjectsTagged,
    /// Staged tables that gc has dropped.
    StagedTablesDropped,
    /// Uploads that gc has aborted.
    UploadsAborted,
    /// Archived versions of tables that gc has deleted.
    TableVersionsDeleted,
    /// What gc could not delete.
    Failures,
}

/// How the values of a metric add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// Work that was done: those of all executions can be added.
    Sum,
    /// How things are.
    Level,
}

/// A metric, named as OpenTelemetry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name (`lakeward.swap.window`).
    pub name: &'static str,
    /// Its unit in UCUM: `s`, `By`, `{row}`; empty for what has none, as Prometheus calls a gauge in `1` a ratio. Values in
    /// seconds are told here in milliseconds.
    pub unit: &'static str,
    /// What it is.
    pub help: &'static str,
    /// How its values add up.
    pub aggregation: Aggregation,
}

const fn sum(name: &'static str, unit: &'static str, help: &'static str) -> Metric {
    Metric { name, unit, help, aggregation: Aggregation::Sum }
}

const fn level(name: &'static str, unit: &'static str, help: &'static str) -> Metric {
    Metric { name, unit, help, aggregation: Aggregation::Level }
}

impl Measure {
    /// The metric.
    pub const fn metric(self) -> Metric {
        match self {
            Self::Rows => level("lakeward.run.rows", "{row}", "Rows of the run."),
            Self::Bytes => level("lakeward.run.size", "By", "Bytes of the run's files."),
            Self::Files => level("lakeward.run.files", "{file}", "Files of the run."),
            Self::Partitions => level("lakeward.run.partitions", "{partition}", "Partitions of the run."),
            Self::UploadedBytes => sum("lakeward.upload.size", "By", "Bytes of files that were uploaded."),
            Self::SwapWindow => level(
                "lakeward.swap.window",
                "s",
                "Time between the first and the last change that readers could see.",
            ),
            Self::RunsRetired => sum("lakeward.gc.runs_retired", "{run}", "Runs that are retired now."),
            Self::PlannedBytes => level("lakeward.gc.planned", "By", "Bytes that the plan frees."),
            Self::ObjectsDeleted => sum(
                "lakeward.gc.objects_deleted",
                "{object}",
                "Objects, versions and delete markers deleted.",
            ),
            Self::ObjectsTagged => {
                sum("lakeward.gc.objects_tagged", "{object}", "Objects tagged for a lifecycle rule.")
            }
            Self::StagedTablesDropped => {
                sum("lakeward.gc.staged_tables_dropped", "{table}", "Staged tables dropped.")
            }
            Self::UploadsAborted => sum("lakeward.gc.uploads_aborted", "{upload}", "Uploads aborted."),
            Self::TableVersionsDeleted => {
                sum("lakeward.gc.table_versions_deleted", "{version}", "Archived table versions deleted.")
            }
            Self::Failures => level("lakeward.gc.failures", "{failure}", "What could not be deleted."),
        }
    }
}

/// Which execution it was, always 1.
pub(crate) const INFO: Metric = level("lakeward.step.info", "", "The last execution of the step.");
const DURATION: Metric = level("lakeward.step.duration", "s", "How long the execution took.");
const EXIT_CODE: Metric = level("lakeward.step.exit_code", "", "The exit code; 0 when the step is done.");
const STARTED: Metric = level("lakeward.step.start_timestamp", "s", "When the execution began.");
const ENDED: Metric = level("lakeward.step.end_timestamp", "s", "When the execution ended.");
const CALLS: Metric = sum("lakeward.aws.calls", "{call}", "Requests to AWS, every try included.");
const RETRIES: Metric = sum(
    "lakeward.aws.retries",
    "{call}",
    "Requests to AWS that were sent because an earlier try had failed.",
);

/// One value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The operation that was called, if it is about calls.
    pub(crate) call: Option<(&'static str, &'static str)>,
    /// The value; in milliseconds for a metric in seconds.
    pub(crate) value: u64,
}

impl Execution {
    /// Every metric of the execution with its samples, of which there is at least one each.
    pub(crate) fn samples(&self) -> Vec<(Metric, Vec<Sample>)> {
        let one = |value| vec![Sample { call: None, value }];
        let time = |at: jiff::Timestamp| one(u64::try_from(at.as_millisecond()).unwrap_or(0));
        let mut all = vec![
            (DURATION, one(self.milliseconds())),
            (EXIT_CODE, one(self.ending.exit_code().into())),
            (STARTED, time(self.started)),
            (ENDED, time(self.ended)),
        ];
        all.extend(self.measures.iter().map(|(measure, value)| (measure.metric(), one(*value))));
        let calls = |value: fn(&CallCount) -> u64| {
            let sample =
                |call: &CallCount| Sample { call: Some((call.service, call.operation)), value: value(call) };
            self.calls.iter().map(sample).collect::<Vec<_>>()
        };
        if !self.calls.is_empty() {
            all.push((CALLS, calls(|call| call.sent)));
            all.push((RETRIES, calls(|call| call.retries)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use crate::execution::tests::execution;

    #[test]
    fn prometheus_calls_no_gauge_of_a_collector_a_ratio() {
        for (metric, _) in execution().samples() {
            assert_ne!(metric.unit, "1", "{}", metric.name);
        }
    }
}
