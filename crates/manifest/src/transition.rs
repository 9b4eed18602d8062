//! The only ways a manifest changes. Each transition checks that the run's state allows it, changes the phase
//! and its own section, stamps the document, and leaves everything else as it was.

use crate::document::{Attempt, Manifest, Phase, Request, Run, SCHEMA, Stamp, Step};
use crate::fingerprint::Fingerprint;
use crate::ids::AttemptId;
use crate::refusal::Refusal;
use crate::sections::{End, Publication, PublishIntent, Registration, SwapSection, Verification, Written};
use crate::table::TableSpec;

/// What `write` does when the run's manifest is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The same request was written before: there is nothing to do.
    AlreadyWritten,
    /// The attempt that holds the run has not sealed it: fence it and start anew.
    TakeOver,
}

/// Decides what `write` does over an existing manifest.
///
/// An unsealed run may be taken over by a changed request too: nothing of it was ever promised, and the usual
/// reason for the retry is that somebody has mended the query.
///
/// # Errors
/// [`Refusal::Ended`], and [`Refusal::OtherRequest`] when the sealed run was asked for otherwise.
pub fn claim_over(existing: &Manifest, fingerprint: &Fingerprint) -> Result<Claim, Refusal> {
    existing.require_not_ended()?;
    if existing.phase == Phase::Writing {
        return Ok(Claim::TakeOver);
    }
    if existing.request.fingerprint == *fingerprint {
        Ok(Claim::AlreadyWritten)
    } else {
        Err(Refusal::OtherRequest { run: existing.run.id.clone() })
    }
}

impl Manifest {
    /// The first document of a run.
    pub fn claim(run: Run, table: TableSpec, request: Request, attempt: AttemptId, stamp: Stamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            phase: Phase::Writing,
            run,
            table,
            request,
            attempt: Attempt { id: attempt, number: 1, started_at: stamp.at, extra: serde_json::Map::new() },
            updated: stamp,
            write: None,
            register: None,
            verify: None,
            swap: None,
            end: None,
            extra: serde_json::Map::new(),
        }
    }

    /// Fences the attempt that holds an unsealed run: from now on only `attempt` may seal it. A run that was sealed for
    /// the same request stays as it is.
    ///
    /// # Errors
    /// As [`claim_over`].
    pub fn take_over(
        mut self,
        table: TableSpec,
        request: Request,
        attempt: AttemptId,
        stamp: Stamp,
    ) -> Result<Self, Refusal> {
        match claim_over(&self, &request.fingerprint)? {
            Claim::AlreadyWritten => Ok(self),
            Claim::TakeOver => {
                let number = self.attempt.number.saturating_add(1);
                self.attempt =
                    Attempt { id: attempt, number, started_at: stamp.at, extra: serde_json::Map::new() };
                // The extra fields that a newer writer put into the spec belong to the spec that is replaced.
                self.table = table;
                self.request = request;
                self.updated = stamp;
                Ok(self)
            }
        }
    }

    /// Seals the run with what was written. A run that this attempt has sealed stays as it is.
    ///
    /// # Errors
    /// [`Refusal::Fenced`] when another attempt holds or has sealed the run, however that went on; [`Refusal::Ended`].
    pub fn seal(mut self, written: Written, stamp: Stamp) -> Result<Self, Refusal> {
        let holder = self.write.as_ref().map_or(&self.attempt.id, |sealed| &sealed.attempt);
        if *holder != written.attempt {
            let theirs = holder.clone();
            return Err(Refusal::Fenced { run: self.run.id, mine: written.attempt, theirs });
        }
        self.require_not_ended()?;
        if self.write.is_some() {
            return Ok(self);
        }
        self.write = Some(written);
        Ok(self.moved(Phase::Written, stamp))
    }

    /// Records the staged table. A run that is already further keeps its phase.
    ///
    /// # Errors
    /// As [`Manifest::sealed`].
    pub fn register(mut self, registration: Registration, stamp: Stamp) -> Result<Self, Refusal> {
        self.sealed()?;
        if self.phase != Phase::Written {
            return Ok(self);
        }
        self.register = Some(registration);
        Ok(self.moved(Phase::Registered, stamp))
    }

    /// Records what was proven: the run becomes verified or rejected. A run that is already further stays.
    ///
    /// # Errors
    /// As [`Manifest::registered`].
    pub fn verify(mut self, verification: Verification, stamp: Stamp) -> Result<Self, Refusal> {
        self.registered()?;
        if self.phase != Phase::Registered {
            return Ok(self);
        }
        let phase = if verification.passed { Phase::Verified } else { Phase::Rejected };
        if !verification.passed {
            let failed =
                verification.checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str());
            let differs = (!verification.differences.is_empty()).then_some("stored data");
            let reason = failed.chain(differs).collect::<Vec<_>>().join(", ");
            self.end = Some(End {
                at: stamp.at,
                reason: format!("failed: {reason}"),
                extra: serde_json::Map::new(),
            });
        }
        self.verify = Some(verification);
        Ok(self.moved(phase, stamp))
    }

    /// Announces that a swap, or a rollback, to this run has begun: from now on gc leaves it alone, and a gc
    /// that had planned otherwise fails its compare-and-swap.
    ///
    /// # Errors
    /// As [`Manifest::verified`].
    pub fn intend_to_publish(mut self, stamp: Stamp) -> Result<Self, Refusal> {
        self.verified()?;
        let intent =
            PublishIntent { at: stamp.at, execution: stamp.execution.clone(), extra: serde_json::Map::new() };
        self.swap.get_or_insert_with(SwapSection::default).intent = Some(intent);
        self.updated = stamp;
        Ok(self)
    }

    /// Records that the live table shows the run, and ends the announcement that led to it: its own, or one that is not
    /// newer. Another execution's that came later stands. A publication that is recorded is not recorded twice.
    ///
    /// # Errors
    /// As [`Manifest::verified`].
    pub fn publish(
        mut self,
        publication: Publication,
        view_sql: String,
        stamp: Stamp,
    ) -> Result<Self, Refusal> {
        self.verified()?;
        let swap = self.swap.get_or_insert_with(SwapSection::default);
        let led_here =
            |intent: &mut PublishIntent| intent.execution == stamp.execution || intent.at <= publication.at;
        let ended = swap.intent.take_if(led_here).is_some();
        let recorded = swap.publications.iter().any(|known| known.at == publication.at);
        if recorded && !ended && self.phase == Phase::Published {
            return Ok(self);
        }
        if !recorded {
            swap.publications.push(publication);
        }
        swap.view_sql = Some(view_sql);
        Ok(self.moved(Phase::Published, stamp))
    }

    /// Gives the run up for good.
    ///
    /// # Errors
    /// [`Refusal::Published`]; [`Refusal::Ended`] unless it is abandoned already.
    pub fn abandon(mut self, reason: String, stamp: Stamp) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Abandoned => Ok(self),
            Phase::Published => Err(Refusal::Published { run: self.run.id }),
            _ => {
                self.require_not_ended()?;
                self.end = Some(End { at: stamp.at, reason, extra: serde_json::Map::new() });
                Ok(self.moved(Phase::Abandoned, stamp))
            }
        }
    }

    /// Begins to delete a version, or what is left of a run that ended unpublished. It can never go live again.
    /// The files stay listed, so that whoever goes on knows what to delete.
    ///
    /// # Errors
    /// [`Refusal::TooEarly`] for a run in flight: abandon it first.
    pub fn begin_retirement(mut self, reason: String, stamp: Stamp) -> Result<Self, Refusal> {
        if self.phase.is_in_flight() {
            return Err(Refusal::TooEarly { run: self.run.id, phase: self.phase, needs: Step::Gc });
        }
        if matches!(self.phase, Phase::Retiring | Phase::Retired) {
            return Ok(self);
        }
        if self.end.is_none() {
            self.end = Some(End { at: stamp.at, reason, extra: serde_json::Map::new() });
        }
        Ok(self.moved(Phase::Retiring, stamp))
    }

    /// Turns the manifest into a tombstone: everything is deleted. The list of files goes, as it is by far the
    /// largest part and names nothing any more; the totals stay.
    ///
    /// # Errors
    /// [`Refusal::TooEarly`] unless retirement has begun.
    pub fn retire(mut self, stamp: Stamp) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Retired => Ok(self),
            Phase::Retiring => {
                if let Some(written) = &mut self.write {
                    written.files.clear();
                }
                Ok(self.moved(Phase::Retired, stamp))
            }
            phase => Err(Refusal::TooEarly { run: self.run.id, phase, needs: Step::Gc }),
        }
    }

    fn moved(mut self, phase: Phase, stamp: Stamp) -> Self {
        self.phase = phase;
        self.updated = stamp;
        self
    }
}
