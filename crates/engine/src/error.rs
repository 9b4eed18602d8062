//! What can go wrong in the engine, told apart by `DuckDB`'s own error classes.

use std::fmt;
use std::path::Path;

use lakeward_outcome::{Classify, Kind};

/// Starts the text of every error that Lakeward's own checks raise inside a query.
pub(crate) const REFUSED: &str = "cannot be published: ";

/// An error of the engine. Messages keep `DuckDB`'s own text.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The SQL is wrong, or names what is not there.
    #[error("{doing}: {message}")]
    Sql {
        /// What the engine was doing.
        doing: String,
        /// `DuckDB`'s message.
        message: String,
    },
    /// An argument that never reached `DuckDB`: a variable's name, an empty list of files.
    #[error("{0}")]
    Argument(String),
    /// The data itself raised an error while the query ran.
    #[error("{doing}: {message}")]
    Data {
        /// What the engine was doing.
        doing: String,
        /// `DuckDB`'s message, or that of Lakeward's own check.
        message: String,
    },
    /// The columns cannot be published as they are: every reason, one a line.
    #[error("the result cannot be published as it is:{}", listed(.0))]
    Unpublishable(Vec<Problem>),
    /// Files do not have the columns that they should have.
    #[error("{0}")]
    Mismatch(String),
    /// Memory, scratch disk, permissions or files of this machine.
    #[error("{doing}: {message}; {advice}")]
    Machine {
        /// What the engine was doing.
        doing: String,
        /// The system's or `DuckDB`'s message.
        message: String,
        /// What to change.
        advice: &'static str,
    },
    /// An extension that the query needs is not there.
    #[error("{0}")]
    Extension(String),
    /// A remote input could not be reached, or its server failed.
    #[error("{doing}: {message}")]
    Network {
        /// What the engine was doing.
        doing: String,
        /// `DuckDB`'s message.
        message: String,
    },
    /// [`Cancel`](crate::Cancel) ended the work.
    #[error("interrupted before the query had ended; run the same command again")]
    Interrupted,
    /// `DuckDB` failed in a way that nobody foresaw.
    #[error("{doing}: {message}")]
    Internal {
        /// What the engine was doing.
        doing: String,
        /// `DuckDB`'s message.
        message: String,
    },
}

/// One reason why a query's result cannot be published, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A column's type or name; the query must be changed.
    Column(String),
    /// The partition or sort columns asked for; the spec must be changed.
    Shape(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(text) | Self::Shape(text) => f.write_str(text),
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().flat_map(|problem| ["\n  - ".to_owned(), problem.to_string()]).collect()
}

impl Classify for EngineError {
    fn kind(&self) -> Kind {
        match self {
            Self::Sql { .. } | Self::Argument(_) => Kind::Usage,
            Self::Unpublishable(problems) if problems.iter().all(|p| matches!(p, Problem::Shape(_))) => {
                Kind::Usage
            }
            Self::Data { .. } | Self::Unpublishable(_) | Self::Mismatch(_) => Kind::Rejected,
            Self::Machine { .. } | Self::Extension(_) => Kind::Configuration,
            Self::Network { .. } | Self::Interrupted => Kind::Transient,
            Self::Internal { .. } => Kind::Unexpected,
        }
    }
}

/// Whether rows are being computed, which decides whose fault a failed conversion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Only names and types are looked at: a failure is the SQL's.
    Binding,
    /// Rows are computed: a failed conversion is the data's.
    Running,
    /// A statement that may hold secrets: the message must not quote it.
    Secret,
}

const RAISE_MEMORY: &str = "give the container more memory, or the step fewer threads";
const RAISE_DISK: &str = "give the scratch folder more room";
const ALLOW: &str = "allow the credentials in use to read this input";
const MEND_FILE: &str = "check the path and its permissions";

impl EngineError {
    /// The error for a failed call of `DuckDB`.
    pub(crate) fn of_duckdb(error: &duckdb::Error, phase: Phase, doing: &str) -> Self {
        if let duckdb::Error::InvalidParameterCount(..) = error {
            let message =
                "the SQL has parameters like ? or $1; write getvariable('name') and set the variable";
            return Self::Sql { doing: doing.to_owned(), message: message.to_owned() };
        }
        if let duckdb::Error::NulError(_) = error {
            let message = "it holds a NUL character, which SQL cannot; remove it";
            return Self::Sql { doing: doing.to_owned(), message: message.to_owned() };
        }
        Self::of_message(&error.to_string(), phase, doing)
    }

    /// Sorts by the class that starts `DuckDB`'s message, and by what it says where the class is
    /// too wide (an `IO Error` is a full disk, a missing file or a broken connection).
    pub(crate) fn of_message(text: &str, phase: Phase, doing: &str) -> Self {
        let text = text.split("\n\nStack Trace").next().unwrap_or(text);
        let message = match phase {
            Phase::Binding => text.to_owned(),
            Phase::Running => without_position(text).to_owned(),
            Phase::Secret => without_quotes(first_line(text)),
        };
        let message = message.trim_end().to_owned();
        let doing = doing.to_owned();
        let (class, rest) = text.split_once(" Error: ").unwrap_or(("", text));
        if let Some(at) = rest.find(REFUSED) {
            return Self::Data { doing, message: first_line(&rest[at..]).to_owned() };
        }
        match class {
            "INTERRUPT" => Self::Interrupted,
            "Out of Memory" => Self::Machine { doing, message, advice: out_of_memory_advice(text) },
            "Missing Extension" => Self::Extension(format!("{doing}: {message}")),
            "HTTP" | "IO" => Self::of_io(message, doing),
            "Conversion" | "Invalid Input" | "Out of Range" | "Constraint" if phase == Phase::Running => {
                Self::Data { doing, message }
            }
            "INTERNAL" | "Serialization" | "FATAL" | "" => Self::Internal { doing, message },
            _ => Self::Sql { doing, message },
        }
    }

    fn of_io(message: String, doing: String) -> Self {
        let said = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if said(&[
            "No space left on device",
            "File too large",
            "Disk quota exceeded",
            "max_temp_directory_size",
        ]) {
            Self::Machine { doing, message, advice: RAISE_DISK }
        } else if said(&["HTTP 403", "HTTP 401", "(Forbidden)", "(Unauthorized)", "code 403", "code 401"]) {
            Self::Machine { doing, message, advice: ALLOW }
        } else if said(&["No files found", "HTTP 404", "(Not Found)", "code 404", "No such file"]) {
            Self::Sql { doing, message }
        } else if said(&["HTTP", "http", "onnect", "SSL", "imeout", "imed out", "resolve"]) {
            Self::Network { doing, message }
        } else {
            Self::Machine { doing, message, advice: MEND_FILE }
        }
    }

    /// The error for a failed call of the operating system on `path`.
    pub(crate) fn of_file(error: &std::io::Error, path: &Path, doing: &str) -> Self {
        let full = matches!(
            error.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        );
        Self::Machine {
            doing: format!("{doing} {}", path.display()),
            message: error.to_string(),
            advice: if full { RAISE_DISK } else { MEND_FILE },
        }
    }

    /// The error for a path that SQL text cannot carry.
    pub(crate) fn of_path(path: &Path) -> Self {
        Self::Argument(format!("the path {} is not UTF-8; choose another", path.display()))
    }
}

fn out_of_memory_advice(message: &str) -> &'static str {
    if message.contains("max_temp_directory_size") { RAISE_DISK } else { RAISE_MEMORY }
}

/// `DuckDB`'s message without the place in the statement, for a statement that the user never saw.
pub(crate) fn without_position(message: &str) -> &str {
    message.split("\n\nLINE ").next().unwrap_or(message)
}

/// The message without what it quotes: a piece of the statement may be a secret.
fn without_quotes(message: &str) -> String {
    let mut quoted = None;
    let mut kept = String::with_capacity(message.len());
    for c in message.chars() {
        match quoted {
            Some(quote) if c == quote => quoted = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => {
                quoted = Some(c);
                kept.push('…');
            }
            None => kept.push(c),
        }
    }
    kept
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}
