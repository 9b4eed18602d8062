//! The termination log, by which Kubernetes shows why a container failed (`kubectl describe pod`).

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use crate::{Ending, Execution, ObserveError, Telling};

/// What Kubernetes takes of one container.
const LONGEST: usize = 4096;
/// Ends a reason that is longer.
const CUT: &str = "...";

impl Execution {
    /// Leaves the reason of a failure at `path`, which must be there: Kubernetes puts it there, and a machine without it
    /// has nobody who would read it. Leaves nothing when the execution has succeeded. Waits for nothing.
    pub fn leave_reason(&self, path: &Path) -> Telling {
        let (execution, file) = (self.clone(), path.to_owned());
        Telling::start(move || execution.write_termination_log(&file), |error| failed(path, error))
    }

    fn write_termination_log(&self, path: &Path) -> Result<(), ObserveError> {
        let Ending::Failed { kind, reason } = &self.ending else { return Ok(()) };
        let line = format!("{} failed ({kind}, exit code {}): {reason}", self.step, kind.exit_code());
        let written = OpenOptions::new().write(true).truncate(true).open(path);
        match written.and_then(|mut file| file.write_all(cut(&line).as_bytes())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(path, error)),
            Ok(()) => Ok(()),
        }
    }
}

fn failed(path: &Path, source: io::Error) -> ObserveError {
    ObserveError::TerminationLog { path: path.to_owned(), source }
}

/// As much of a line as Kubernetes takes.
fn cut(line: &str) -> String {
    if line.len() <= LONGEST {
        return line.to_owned();
    }
    let end = line.floor_char_boundary(LONGEST - CUT.len());
    format!("{}{CUT}", &line[..end])
}

#[cfg(test)]
mod tests {
    use lakeward_outcome::{Failure, Kind};

    use super::*;
    use crate::execution::tests::execution;

    fn log_of(ending: Ending, before: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("termination-log");
        std::fs::write(&path, before).unwrap();
        Execution { ending, ..execution() }.write_termination_log(&path).unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn a_reason_is_one_line_over_whatever_was_there() {
        let failure = Failure::new(Kind::Usage, "Parser Error:\n  syntax error at \"FORM\"\n");
        let log =
            log_of(Ending::of(&failure), "the reason of the container before, which was much longer than it");
        assert_eq!(log, "write failed (usage, exit code 2): Parser Error: syntax error at \"FORM\"");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters_to_what_kubernetes_takes() {
        for padding in ["", "x"] {
            let failure = Failure::new(Kind::Rejected, format!("{padding}{}", "ü".repeat(4096)));
            let log = log_of(Ending::of(&failure), "");
            assert!(
                log.len() <= LONGEST && log.len() > LONGEST - 4 && log.ends_with("ü..."),
                "{}",
                log.len()
            );
        }
    }

    #[test]
    fn a_success_leaves_the_log_alone_and_a_missing_log_is_not_made() {
        assert_eq!(log_of(Ending::Done, ""), "");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("termination-log");
        let failed = Execution { ending: Ending::of(&Failure::new(Kind::Usage, "x")), ..execution() };
        failed.write_termination_log(&path).unwrap();
        assert!(!path.exists());
    }
}
