//! The step's result: one line of JSON.

use std::io::Write;
use std::path::Path;

use lakeward_manifest::Step;
use lakeward_outcome::{Failure, Kind, ResultExt};
use serde::Serialize;

/// The result of an execution, as stdout and `--result-path` have it.
///
/// `{"step":"swap","status":"done",...}` with the step's own fields, or
/// `{"step":"swap","status":"failed","kind":"fenced","exit_code":11,"error":"..."}`.
#[derive(Debug, Serialize)]
pub struct Report<'r, R> {
    step: Step,
    status: &'static str,
    #[serde(flatten)]
    body: Body<'r, R>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body<'r, R> {
    Done(&'r R),
    Failed { kind: &'static str, exit_code: u8, error: String },
}

impl<'r, R: Serialize> Report<'r, R> {
    pub(crate) fn new(step: Step, outcome: &'r Result<R, Failure>) -> Self {
        match outcome {
            Ok(result) => Self { step, status: "done", body: Body::Done(result) },
            Err(failure) => {
                let kind = failure.kind();
                let body =
                    Body::Failed { kind: kind.name(), exit_code: kind.exit_code(), error: failure.message() };
                Self { step, status: "failed", body }
            }
        }
    }

    /// Writes the line to `path` and to stdout: both, even when one of them fails.
    pub(crate) fn deliver(&self, path: Option<&Path>) -> Result<(), Failure> {
        let mut line =
            serde_json::to_string(self).or_fail(Kind::Unexpected, || "writing the result".to_owned())?;
        line.push('\n');
        let written = path.map_or(Ok(()), |path| {
            std::fs::write(path, &line).or_fail(Kind::Configuration, || {
                format!("writing the result to {} (--result-path)", path.display())
            })
        });
        let mut stdout = std::io::stdout().lock();
        let printed = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
        printed.or_fail(Kind::Configuration, || "writing the result to stdout".to_owned())?;
        written
    }
}

/// Refuses a result path whose folder is not there, before anything is done whose result would be lost.
pub(crate) fn check_path(path: Option<&Path>) -> Result<(), Failure> {
    let folder = path.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            let message =
                format!("the folder {} of --result-path does not exist: create it", folder.display());
            Err(Failure::new(Kind::Configuration, message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Swapped {
        run: &'static str,
    }

    #[test]
    fn a_result_is_one_object_with_the_steps_own_fields() {
        let outcome = Ok(Swapped { run: "2026-05-19-060000" });
        let line = serde_json::to_string(&Report::new(Step::Swap, &outcome)).unwrap();
        assert_eq!(line, r#"{"step":"swap","status":"done","run":"2026-05-19-060000"}"#);
    }

    #[test]
    fn a_result_path_in_a_folder_that_is_not_there_is_refused_before_anything_is_done() {
        assert!(check_path(None).is_ok() && check_path(Some(Path::new("result.json"))).is_ok());
        let refused = check_path(Some(Path::new("/nowhere/at/all/result.json"))).unwrap_err();
        assert_eq!(refused.kind(), Kind::Configuration);
    }

    #[test]
    fn a_failure_says_its_kind_and_exit_code() {
        let outcome: Result<Swapped, _> = Err(Failure::new(Kind::Fenced, "run b has taken over"));
        let line = serde_json::to_string(&Report::new(Step::Swap, &outcome)).unwrap();
        let expected = r#"{"step":"swap","status":"failed","kind":"fenced","exit_code":11,"error":"run b has taken over"}"#;
        assert_eq!(line, expected);
    }
}
