//! Which of Lakeward's binaries runs.

use lakeward_manifest::Step;

/// One of Lakeward's binaries. Only a [`Step`] changes anything, and stamps what it changes.
pub trait Program: Copy {
    /// Its name in logs and results.
    fn name(self) -> &'static str;

    /// The binary.
    fn binary(self) -> &'static str;
}

impl Program for Step {
    fn name(self) -> &'static str {
        Self::name(self)
    }

    fn binary(self) -> &'static str {
        Self::binary(self)
    }
}
