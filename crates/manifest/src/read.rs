//! Bytes to document and back.

use lakeward_outcome::{Classify, Kind};
use serde::Deserialize;

use crate::document::{Manifest, Phase, SCHEMA};
use crate::root::ManifestUri;
use crate::sections::{DataFile, Written};

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, not the shape of a manifest, or with a value (a strategy, a phase) that only a newer release knows.
    #[error(
        "{uri} is not a manifest that this Lakeward can read: a newer release wrote it, it was changed by hand, or it \
         is another file"
    )]
    Malformed {
        /// Where it was read.
        uri: String,
        /// What the parser says, with line and column.
        source: serde_json::Error,
    },
    /// A document of another version of Lakeward.
    #[error("{uri} has schema {found:?} and this Lakeward reads {SCHEMA:?}: use the release that wrote it")]
    Schema {
        /// Where it was read.
        uri: String,
        /// Its schema.
        found: String,
    },
    /// A copied or moved document: its table or run is another.
    #[error("{uri} is the manifest of {belongs}: a manifest must not be copied or moved")]
    Elsewhere {
        /// Where it was read.
        uri: String,
        /// Where it says it belongs.
        belongs: String,
    },
    /// A section does not fit the rest.
    #[error("{uri} is inconsistent: {what}; it was changed by hand")]
    Inconsistent {
        /// Where it was read.
        uri: String,
        /// What does not fit.
        what: &'static str,
    },
    /// The phase says that a section must be there which is not.
    #[error("{uri} is inconsistent: phase {phase} without the section {section:?}")]
    Incomplete {
        /// Where it was read.
        uri: String,
        /// Its phase.
        phase: Phase,
        /// What is missing.
        section: &'static str,
    },
}

impl Classify for ReadError {
    fn kind(&self) -> Kind {
        Kind::Configuration
    }
}

impl Manifest {
    /// Reads the document that lies at `uri`.
    ///
    /// # Errors
    /// [`ReadError`]: malformed, of another schema version, or the manifest of another run.
    pub fn from_json(bytes: &[u8], uri: &ManifestUri) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let malformed = |source| ReadError::Malformed { uri: uri.to_string(), source };
        // The schema is read alone first: a newer document may have any shape beyond it.
        let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
        if head.schema != SCHEMA {
            return Err(ReadError::Schema { uri: uri.to_string(), found: head.schema });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if manifest.uri() != *uri {
            return Err(ReadError::Elsewhere { uri: uri.to_string(), belongs: manifest.uri().to_string() });
        }
        manifest.check_sections(uri)?;
        match manifest.inconsistency() {
            Some(what) => Err(ReadError::Inconsistent { uri: uri.to_string(), what }),
            None => Ok(manifest),
        }
    }

    /// The document as it is stored: pretty, for the person who opens it at night.
    ///
    /// # Errors
    /// None that is known: every key is a string.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What readers would be shown must lie in the run's own folder, and must be what was proven.
    fn inconsistency(&self) -> Option<&'static str> {
        let written = self.write.as_ref();
        let elsewhere =
            |written: &Written| written.location != self.table.root.location(&self.run.id, &written.attempt);
        let keys = self.table.partition_by.len();
        let misfit = |file: &DataFile| {
            file.partition.len() != keys || file.path.split('/').any(|part| matches!(part, "" | "." | ".."))
        };
        let proven = matches!(self.phase, Phase::Verified | Phase::Published);
        let checks = [
            (written.is_some_and(elsewhere), "its location is not its attempt's folder"),
            (
                written.is_some_and(|written| written.partition_columns.len() != keys),
                "its partition columns are not those of its spec",
            ),
            (
                written.is_some_and(|written| written.files.iter().any(misfit)),
                "a file does not fit its partitions",
            ),
            (proven && self.verify.as_ref().is_some_and(|verify| !verify.passed), "it was not verified"),
        ];
        checks.into_iter().find(|(wrong, _)| *wrong).map(|(_, what)| what)
    }

    fn check_sections(&self, uri: &ManifestUri) -> Result<(), ReadError> {
        let sealed = matches!(
            self.phase,
            Phase::Written | Phase::Registered | Phase::Verified | Phase::Published | Phase::Rejected
        );
        let registered = matches!(self.phase, Phase::Registered | Phase::Verified | Phase::Published);
        let verified = matches!(self.phase, Phase::Verified | Phase::Published);
        let missing = [
            (sealed && self.write.is_none(), "write"),
            (registered && self.register.is_none(), "register"),
            (verified && self.verify.is_none(), "verify"),
            (self.phase == Phase::Published && self.swap.is_none(), "swap"),
        ];
        match missing.into_iter().find(|(missing, _)| *missing) {
            Some((_, section)) => {
                Err(ReadError::Incomplete { uri: uri.to_string(), phase: self.phase, section })
            }
            None => Ok(()),
        }
    }
}
