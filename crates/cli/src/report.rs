//! The step's result: one line of JSON.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use lakeward_outcome::{Failure, Kind, ResultExt};
use serde::Serialize;

use crate::logs::Identity;

/// The result of an execution, as stdout and `--result-path` have it.
///
/// `{"step":"swap","status":"done",...}` with the step's own fields, or
/// `{"step":"swap","status":"failed","run":"...","table":"...","kind":"transient","exit_code":10,"error":"...",
/// "next":"lakeward-swap ..."}`.
#[derive(Debug, Serialize)]
pub struct Report<'r, R> {
    step: &'static str,
    status: &'static str,
    #[serde(flatten)]
    body: Body<'r, R>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body<'r, R> {
    Done(&'r R),
    Failed {
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        kind: &'static str,
        exit_code: u8,
        error: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'r str>,
    },
}

impl<'r, R: Serialize> Report<'r, R> {
    pub(crate) fn new(step: &'static str, outcome: &'r Result<R, Failure>, identity: &Identity) -> Self {
        match outcome {
            Ok(result) => Self { step, status: "done", body: Body::Done(result) },
            Err(failure) => {
                let kind = failure.kind();
                let body = Body::Failed {
                    run: identity.get("run"),
                    table: identity.get("table"),
                    kind: kind.name(),
                    exit_code: kind.exit_code(),
                    error: failure.message(),
                    next: failure.next(),
                };
                Self { step, status: "failed", body }
            }
        }
    }

    /// Writes the line to `path` and to stdout: both, even when one of them fails. A person is shown `text` instead.
    pub(crate) fn deliver(&self, path: Option<&Path>, text: Option<&str>) -> Result<(), Failure> {
        let mut line =
            serde_json::to_string(self).or_fail(Kind::Unexpected, || "writing the result".to_owned())?;
        line.push('\n');
        let written = path.map_or(Ok(()), |path| {
            std::fs::write(path, &line).or_fail(Kind::Configuration, || {
                format!("writing the result to {} (--result-path)", path.display())
            })
        });
        let mut stdout = std::io::stdout().lock();
        let printed = stdout.write_all(text.unwrap_or(&line).as_bytes()).and_then(|()| stdout.flush());
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

/// The path that a flag or its variable names, when the command line cannot be parsed as a whole.
pub(crate) fn given_path(flag: &str, variable: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).filter(|path| !path.is_empty());
    path_in(flag, std::env::args_os()).or_else(|| set.map(PathBuf::from))
}

/// The path that `flag` names on a command line that cannot be parsed as a whole.
fn path_in(flag: &str, line: impl IntoIterator<Item = OsString>) -> Option<PathBuf> {
    let mut words = line.into_iter();
    while let Some(word) = words.next() {
        if word == flag {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix(flag)?.strip_prefix('=')) {
            return Some(PathBuf::from(path));
        }
    }
    None
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
        let line = serde_json::to_string(&Report::new("swap", &outcome, &Identity::default())).unwrap();
        assert_eq!(line, r#"{"step":"swap","status":"done","run":"2026-05-19-060000"}"#);
    }

    #[test]
    fn a_result_path_in_a_folder_that_is_not_there_is_refused_before_anything_is_done() {
        assert!(check_path(None).is_ok() && check_path(Some(Path::new("result.json"))).is_ok());
        let refused = check_path(Some(Path::new("/nowhere/at/all/result.json"))).unwrap_err();
        assert_eq!(refused.kind(), Kind::Configuration);
    }

    #[test]
    fn the_result_path_of_a_wrong_command_line_is_found_in_either_form() {
        let path = |line: &str| path_in("--result-path", line.split(' ').map(OsString::from));
        let found = Some(PathBuf::from("/tmp/r.json"));
        assert_eq!(path("lakeward-swap --no-such-flag --result-path /tmp/r.json"), found);
        assert_eq!(path("lakeward-swap --result-path=/tmp/r.json --no-such-flag"), found);
        assert_eq!(path("lakeward-swap --result-paths=/tmp/r.json"), None);
    }

    #[test]
    fn a_failure_says_its_run_its_kind_and_its_exit_code() {
        let outcome: Result<Swapped, _> = Err(Failure::new(Kind::Fenced, "run b has taken over"));
        let identity = Identity::default();
        identity.set("run", "a".to_owned());
        let line = serde_json::to_string(&Report::new("swap", &outcome, &identity)).unwrap();
        let expected = r#"{"step":"swap","status":"failed","run":"a","kind":"fenced","exit_code":11,"error":"run b has taken over"}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn a_failure_names_the_command_that_goes_on() {
        let failure = Failure::new(Kind::Transient, "throttled").with_next(Some("lakeward-swap URI"));
        let outcome: Result<Swapped, _> = Err(failure.context("swapping"));
        let line = serde_json::to_string(&Report::new("swap", &outcome, &Identity::default())).unwrap();
        assert!(line.ends_with(r#""error":"swapping: throttled","next":"lakeward-swap URI"}"#), "{line}");
    }
}
