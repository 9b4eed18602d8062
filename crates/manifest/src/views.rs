//! Views of a manifest that prove how far its run has come: a step takes the one that it needs.

use std::collections::BTreeMap;

use crate::document::{Manifest, Phase, Step};
use crate::refusal::Refusal;
use crate::sections::{DataFile, PartitionValue, Registration, Verification, Written};

/// A run whose files are complete and never change again.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'m> {
    /// The whole document.
    pub manifest: &'m Manifest,
    /// What was written.
    pub written: &'m Written,
}

/// A run that the staged table shows.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'m> {
    /// The sealed run.
    pub sealed: Sealed<'m>,
    /// The staged table.
    pub registration: &'m Registration,
}

/// A run that was proven: the only kind that may go live.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'m> {
    /// The registered run.
    pub registered: Registered<'m>,
    /// What was proven.
    pub verification: &'m Verification,
}

impl<'m> Sealed<'m> {
    /// The files of each partition, by partition values; one entry with no values for an unpartitioned table.
    pub fn partitions(&self) -> BTreeMap<&'m [PartitionValue], Vec<&'m DataFile>> {
        let mut partitions: BTreeMap<&[PartitionValue], Vec<&DataFile>> = BTreeMap::new();
        for file in &self.written.files {
            partitions.entry(&file.partition).or_default().push(file);
        }
        partitions
    }

    /// The S3 key of a file.
    pub fn key(&self, file: &DataFile) -> String {
        let root = &self.manifest.table.root;
        root.attempt_prefix(&self.manifest.run.id, &self.written.attempt).key(&file.path)
    }
}

impl Manifest {
    fn ended(&self) -> Refusal {
        let reason = self.end.as_ref().map(|end| end.reason.clone());
        Refusal::Ended { run: self.run.id.clone(), phase: self.phase, reason }
    }

    fn too_early(&self, needs: Step) -> Refusal {
        Refusal::TooEarly { run: self.run.id.clone(), phase: self.phase, needs }
    }

    /// Refuses a run that has ended.
    ///
    /// # Errors
    /// [`Refusal::Ended`].
    pub fn require_not_ended(&self) -> Result<(), Refusal> {
        if self.phase.is_ended() { Err(self.ended()) } else { Ok(()) }
    }

    /// The run as sealed by `write`.
    ///
    /// # Errors
    /// [`Refusal::TooEarly`] while it is being written, [`Refusal::Ended`] when it never can go on.
    pub fn sealed(&self) -> Result<Sealed<'_>, Refusal> {
        self.require_not_ended()?;
        match &self.write {
            Some(written) if self.phase != Phase::Writing => Ok(Sealed { manifest: self, written }),
            _ => Err(self.too_early(Step::Write)),
        }
    }

    /// The run as registered in Glue.
    ///
    /// # Errors
    /// As [`Manifest::sealed`], and [`Refusal::TooEarly`] before `register` has finished.
    pub fn registered(&self) -> Result<Registered<'_>, Refusal> {
        let sealed = self.sealed()?;
        match &self.register {
            Some(registration) if self.phase != Phase::Written => Ok(Registered { sealed, registration }),
            _ => Err(self.too_early(Step::Register)),
        }
    }

    /// The run as proven by `verify`.
    ///
    /// # Errors
    /// As [`Manifest::registered`], and [`Refusal::TooEarly`] before `verify` has passed.
    pub fn verified(&self) -> Result<Verified<'_>, Refusal> {
        let registered = self.registered()?;
        match &self.verify {
            Some(verification) if matches!(self.phase, Phase::Verified | Phase::Published) => {
                Ok(Verified { registered, verification })
            }
            _ => Err(self.too_early(Step::Verify)),
        }
    }

    /// The run as something that was live and can be so again.
    ///
    /// # Errors
    /// [`Refusal::Ended`] when its files are, or may be, gone; [`Refusal::NeverLive`] when it was not published.
    pub fn version(&self) -> Result<Verified<'_>, Refusal> {
        self.require_not_ended()?;
        if self.phase == Phase::Published {
            self.verified()
        } else {
            Err(Refusal::NeverLive { run: self.run.id.clone(), phase: self.phase })
        }
    }
}
