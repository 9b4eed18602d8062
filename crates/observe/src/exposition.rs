//! Metrics as Prometheus reads them from a file: the text format, version 0.0.4, as the node exporter's textfile collector
//! takes it. What a step has measured is of its last execution, so that everything is a gauge.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::metrics::INFO;
use crate::{Execution, Metric, ObserveError, Telling};

impl Execution {
    /// Leaves the metrics at `path`, whole or not at all. Waits for nothing.
    pub fn leave_metrics(&self, path: &Path) -> Telling {
        let (execution, file) = (self.clone(), path.to_owned());
        Telling::start(move || execution.write_metrics(&file), |error| failed(path, error))
    }

    /// Writes beside `path` first, under a name that no collector looks at.
    fn write_metrics(&self, path: &Path) -> Result<(), ObserveError> {
        let failed = |source| failed(path, source);
        let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
        let beside = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), self.id));
        let written =
            std::fs::write(&beside, self.exposition()).and_then(|()| std::fs::rename(&beside, path));
        written.map_err(|error| {
            // It may never have been there.
            let _ = std::fs::remove_file(&beside);
            failed(error)
        })
    }

    /// The metrics in the text format.
    fn exposition(&self) -> String {
        let mut text = String::new();
        let labels = [("step", self.step), ("table", self.table.as_str())];
        let info = [
            ("run", self.run.as_str()),
            ("attempt", self.attempt.as_str()),
            ("execution", self.id.as_str()),
            ("outcome", self.ending.name()),
            ("version", crate::VERSION),
        ];
        header(&mut text, INFO);
        line(&mut text, INFO, labels.into_iter().chain(info), 1);
        for (metric, samples) in self.samples() {
            header(&mut text, metric);
            for sample in samples {
                let call =
                    sample.call.map(|(service, operation)| [("service", service), ("operation", operation)]);
                line(&mut text, metric, labels.into_iter().chain(call.into_iter().flatten()), sample.value);
            }
        }
        text
    }
}

fn failed(path: &Path, source: io::Error) -> ObserveError {
    ObserveError::MetricsFile { path: path.to_owned(), source }
}

fn header(text: &mut String, metric: Metric) {
    let (name, help) = (name(metric), metric.help);
    // To a string, writing cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn line<'l>(
    text: &mut String,
    metric: Metric,
    labels: impl Iterator<Item = (&'static str, &'l str)>,
    value: u64,
) {
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let _ = write!(text, "{}{{{}}} ", name(metric), labels.join(","));
    let _ = match metric.unit {
        "s" => writeln!(text, "{}.{:03}", value / 1000, value % 1000),
        _ => writeln!(text, "{value}"),
    };
}

/// The name as OpenTelemetry translates it for Prometheus: dots become underscores, the unit is a suffix.
fn name(metric: Metric) -> String {
    let suffix = match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    format!("{}{suffix}", metric.name.replace('.', "_"))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use lakeward_outcome::{Failure, Kind};

    use super::*;
    use crate::execution::tests::execution;
    use crate::{CallCount, Ending, Measure};

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let put = CallCount { service: "S3", operation: "PutObject", sent: 3, retries: 1 };
        let execution = Execution {
            measures: [(Measure::Rows, 120_000), (Measure::SwapWindow, 81)].into(),
            calls: vec![put],
            ..execution()
        };
        let text = execution.exposition();
        let expected = "\
# HELP lakeward_step_info The last execution of the step.
# TYPE lakeward_step_info gauge
lakeward_step_info{step=\"write\",table=\"shop.orders\",run=\"2026-05-19-060000\",attempt=\"\",execution=\"e1\",\
outcome=\"done\",version=\"VERSION\"} 1
# HELP lakeward_step_duration_seconds How long the execution took.
# TYPE lakeward_step_duration_seconds gauge
lakeward_step_duration_seconds{step=\"write\",table=\"shop.orders\"} 2.050
# HELP lakeward_step_exit_code The exit code; 0 when the step is done.
# TYPE lakeward_step_exit_code gauge
lakeward_step_exit_code{step=\"write\",table=\"shop.orders\"} 0
";
        let expected = expected.replace("VERSION", crate::VERSION);
        assert_eq!(text.lines().take(9).collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>(), "{text}");
        for line in [
            "lakeward_step_start_timestamp_seconds{step=\"write\",table=\"shop.orders\"} 1779170400.000",
            "lakeward_run_rows{step=\"write\",table=\"shop.orders\"} 120000",
            "lakeward_swap_window_seconds{step=\"write\",table=\"shop.orders\"} 0.081",
            "lakeward_aws_calls{step=\"write\",table=\"shop.orders\",service=\"S3\",operation=\"PutObject\"} 3",
            "lakeward_aws_retries{step=\"write\",table=\"shop.orders\",service=\"S3\",operation=\"PutObject\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }

    #[test]
    fn no_value_of_a_label_can_end_it() {
        let odd = Execution { table: "a\"b\\c\nd".to_owned(), ..execution() };
        assert!(odd.exposition().contains(r#"table="a\"b\\c\nd"}"#), "{}", odd.exposition());
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lakeward.prom");
        execution().write_metrics(&path).unwrap();
        let failed = Ending::of(&Failure::new(Kind::Transient, "throttled"));
        Execution { ending: failed, ..execution() }.write_metrics(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("lakeward_step_exit_code{step=\"write\",table=\"shop.orders\"} 10"), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_with_its_flag() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lakeward.prom")).unwrap();
        for path in [folder.path().join("no/folder.prom"), folder.path().join("lakeward.prom")] {
            let error = execution().write_metrics(&path).unwrap_err().to_string();
            assert!(
                error.contains("--metrics-file") && error.contains(&path.display().to_string()),
                "{error}"
            );
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something is left beside");
    }
}
