//! How a step can end: the kinds of failure, their exit codes, and the error type of a step.
//!
//! Every error of Lakeward's crates says which [`Kind`] it is ([`Classify`]); a step returns a
//! [`Failure`], which keeps the kind beside the chain of causes. The exit code is decided in one
//! place: [`Kind::exit_code`].

use std::error::Error as StdError;
use std::fmt;

/// What an orchestrator should do about a failure. Documented for users in `docs/PROTOCOL.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A bug, or something nobody foresaw: stop and read the log.
    Unexpected,
    /// The command line or the spec is wrong, or steps were run out of order: stop.
    Usage,
    /// Throttled, unreachable or interrupted: the same command may succeed later.
    Transient,
    /// A newer attempt or run has taken over, or this run was ended: stop.
    Fenced,
    /// Verification failed, or the data cannot be published as it is: stop.
    Rejected,
    /// A change may or may not have happened: run the same command again, it finds out.
    Unknown,
    /// Configuration or permission: stop until somebody has mended it.
    Configuration,
}

impl Kind {
    /// Every kind, in the order of its exit code.
    pub const ALL: [Self; 7] = [
        Self::Unexpected,
        Self::Usage,
        Self::Transient,
        Self::Fenced,
        Self::Rejected,
        Self::Unknown,
        Self::Configuration,
    ];

    /// The process's exit code. Success is 0 and has no kind.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Transient => 10,
            Self::Fenced => 11,
            Self::Rejected => 12,
            Self::Unknown => 13,
            Self::Configuration => 14,
        }
    }

    /// Whether the same command is to be run again.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Transient | Self::Unknown)
    }

    /// The kind's name in logs and results: stable, lowercase.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Transient => "transient",
            Self::Fenced => "fenced",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error that knows its [`Kind`]. Implemented by the error type of every crate.
pub trait Classify {
    /// The kind of this error.
    fn kind(&self) -> Kind;
}

/// Why a step failed: the kind that decides the exit code, and the chain of causes.
///
/// Made by `?` from any error that implements [`Classify`], or by [`Failure::new`]. It is not a
/// [`std::error::Error`] itself, so that `?` can never wrap one failure in another.
pub struct Failure {
    kind: Kind,
    error: anyhow::Error,
    next: Option<String>,
}

impl Failure {
    /// A failure with a message of its own.
    pub fn new(kind: Kind, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::from_error(kind, anyhow::Error::msg(message))
    }

    /// A failure caused by an error that has no kind of its own.
    pub fn from_error(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into(), next: None }
    }

    /// The kind, and with it the exit code.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Says what the step was doing when this happened.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display + Send + Sync + 'static) -> Self {
        Self { error: self.error.context(doing), ..self }
    }

    /// Names the shell command that goes on from here, if there is one.
    #[must_use]
    pub fn with_next(self, command: Option<impl fmt::Display>) -> Self {
        Self { next: command.map(|command| command.to_string()), ..self }
    }

    /// The shell command that goes on from here.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The whole chain on one line: outermost first, joined by `: `.
    pub fn message(&self) -> String {
        format!("{:#}", self.error)
    }
}

impl<E> From<E> for Failure
where
    E: Classify + StdError + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        Self::from_error(error.kind(), anyhow::Error::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.kind, self.error)
    }
}

/// Adds a kind, or what was being done, to a result at the edge of a step.
pub trait ResultExt<T> {
    /// Turns an error without a kind into a [`Failure`] of `kind`, saying what was being done.
    fn or_fail(self, kind: Kind, doing: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> ResultExt<T> for Result<T, E> {
    fn or_fail(self, kind: Kind, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::from_error(kind, error.into().context(doing())))
    }
}

/// Adds context to a result that already carries a kind.
pub trait FailureExt<T> {
    /// Says what the step was doing; keeps the kind.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> FailureExt<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| error.into().context(what()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("bucket lake: access denied")]
    struct Denied;

    impl Classify for Denied {
        fn kind(&self) -> Kind {
            Kind::Configuration
        }
    }

    #[test]
    fn a_failure_keeps_the_kind_of_its_cause_through_added_context() {
        let failure = Err::<(), _>(Denied).doing(|| "reading the manifest".into()).unwrap_err();
        assert_eq!(failure.kind(), Kind::Configuration);
        assert_eq!(failure.message(), "reading the manifest: bucket lake: access denied");
    }

    #[test]
    fn every_kind_has_its_own_exit_code_and_none_is_zero() {
        let codes: std::collections::BTreeSet<u8> = Kind::ALL.iter().map(|k| k.exit_code()).collect();
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), [1, 2, 10, 11, 12, 13, 14]);
    }
}
