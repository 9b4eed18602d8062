//! A step that stalls before one of its requests, and wakes into a world that went on without it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeward_local::Outcome;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{Command, Ended, World};

use crate::orders::fork;
use crate::picture::Picture;
use crate::schedules::{leaves_nothing, live_of, requests};
use crate::tally::{Tally, told};
use crate::turnstile::Held;

/// Stalls played at once.
const AT_ONCE: usize = 8;

/// What goes on while the step stalls.
pub(crate) enum Event {
    /// A step runs, and ends as it may.
    Runs(Command),
    /// Time passes.
    Passes(Duration),
}

/// A step that stalls, of the run `run`.
pub(crate) struct Stall<'w> {
    pub(crate) world: &'w World,
    pub(crate) run: u32,
    pub(crate) step: Command,
    pub(crate) meanwhile: Vec<Event>,
    /// How it may end, besides well when it had nothing to lose.
    pub(crate) may_end: &'static [Kind],
    /// The runs of which one must be live afterwards.
    pub(crate) live: &'static [u32],
}

impl Stall<'_> {
    /// Stalls before each request in turn, and after the last.
    ///
    /// # Errors
    /// What must hold does not, after a stall at this request.
    pub(crate) async fn before_each_request(&self) -> Result<Tally> {
        let points = self.requests_alone().await? + 1;
        let plays = stream::iter(0..points).map(|requests| self.play(requests));
        let ends: Vec<Ended> = plays.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut tally = Tally::default();
        for ended in &ends {
            tally.add(self.step.caller(), ended);
        }
        println!("{points} points to stall at: {tally}");
        Ok(tally)
    }

    /// How many requests it makes when nothing comes between.
    pub(crate) async fn requests_alone(&self) -> Result<usize> {
        let mut held = Held::start(&fork(self.world).await?, &self.step);
        held.finish().await?;
        Ok(held.requests())
    }

    async fn play(&self, requests_before: usize) -> Result<Ended> {
        let world = fork(self.world).await?;
        let (ended, slept) = self.wake(&world, requests_before).await?;
        let judged = self.judge(&world, &ended, slept).await;
        judged.with_context(|| {
            let told = told(&ended);
            format!("stalled after {requests_before} requests, it ended as {told}\n{}", requests(&world))
        })?;
        Ok(ended)
    }

    /// Stalls after so many requests, lets everything else happen, and wakes. Gives the number of the last request
    /// before it woke.
    pub(crate) async fn wake(&self, world: &Arc<World>, requests: usize) -> Result<(Ended, u64)> {
        let mut held = Held::start(world, &self.step);
        held.advance(requests).await?;
        for event in &self.meanwhile {
            match event {
                Event::Runs(command) => drop(world.run(command).await?),
                Event::Passes(time) => world.clock().advance(*time),
            }
        }
        let slept = world.lake().requests().entries().last().map_or(0, |entry| entry.sequence);
        Ok((held.into_ended().await?, slept))
    }

    async fn judge(&self, world: &World, ended: &Ended, slept: u64) -> Result<()> {
        let picture = Picture::of(world).await?;
        match ended {
            Ok(_) if picture.phase(self.run)?.is_some_and(lakeward_manifest::Phase::is_ended) => {
                let changes = changes_since(world, self.step.caller(), slept);
                ensure!(changes.is_empty(), "it ended well and changed an ended run: {changes:?}");
            }
            Ok(_) => {}
            Err(failure) if self.may_end.contains(&failure.kind()) => {}
            Err(_) => bail!("it may not end so"),
        }
        live_of(&picture, self.live)?;
        leaves_nothing(world).await
    }
}

/// What a caller has changed since the request of this number.
fn changes_since(world: &World, caller: &str, sequence: u64) -> Vec<String> {
    let reads = |operation: &str| ["Get", "List", "Head"].iter().any(|verb| operation.starts_with(verb));
    let entries = world.lake().requests().entries().into_iter();
    let late =
        entries.filter(|entry| entry.sequence > sequence && entry.call.caller.as_deref() == Some(caller));
    let changes = late.filter(|entry| {
        matches!(entry.outcome, Outcome::Answered { status: 200..300 }) && !reads(&entry.call.operation)
    });
    changes.map(|entry| format!("{} {}", entry.call.operation, entry.call.resource)).collect()
}
