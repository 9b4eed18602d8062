//! Why the step ends without a verified run.

use std::path::PathBuf;

use lakeward_manifest::RunId;
use lakeward_outcome::{Classify, Kind};

/// An error of the step itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error("check file {} cannot be read (--check)", file.display())]
    CheckFile { file: PathBuf, source: std::io::Error },
    #[error("check file {} has SQL before its first line `-- name: NAME`: name that check too", file.display())]
    Unnamed { file: PathBuf },
    #[error("check {name:?} of {} has no SQL: write a SELECT that returns the offending rows", file.display())]
    NoSql { name: String, file: PathBuf },
    #[error("check file {} has a line `-- name:` without a name", file.display())]
    NoName { file: PathBuf },
    #[error("check {name:?} of {} has the name of another check: rename one of them", file.display())]
    NameTaken { name: String, file: PathBuf },
    #[error("--replica names the table's own bucket {bucket}: give the bucket that it is replicated to")]
    OwnReplica { bucket: String },
    #[error(
        "{missing} of {files} files are not yet in the replica bucket {bucket}, among them {first}: run again later, \
         or give a longer --timeout"
    )]
    ReplicaLate { missing: usize, files: usize, bucket: String, first: String },
    #[error("told to stop before the run was verified: run again")]
    Stopped,
    #[error("run {run} is rejected:{}", listed(problems, *more))]
    Rejected { run: RunId, problems: Vec<String>, more: usize },
    #[error(
        "run {run} does not hold to what this execution was asked to verify, though another execution has marked it \
         as verified:{}",
        listed(problems, *more)
    )]
    Overtaken { run: RunId, problems: Vec<String>, more: usize },
}

impl Classify for VerifyError {
    fn kind(&self) -> Kind {
        match self {
            Self::CheckFile { .. }
            | Self::Unnamed { .. }
            | Self::NoSql { .. }
            | Self::NoName { .. }
            | Self::NameTaken { .. }
            | Self::OwnReplica { .. } => Kind::Usage,
            Self::ReplicaLate { .. } | Self::Stopped => Kind::Transient,
            Self::Rejected { .. } | Self::Overtaken { .. } => Kind::Rejected,
        }
    }
}

fn listed(problems: &[String], more: usize) -> String {
    let rest = (more > 0).then(|| format!("and {more} more"));
    // The empty line in front puts the list below the sentence.
    let lines: Vec<&str> =
        [""].into_iter().chain(problems.iter().map(String::as_str)).chain(rest.as_deref()).collect();
    lines.join("\n  - ")
}
