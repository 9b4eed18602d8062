//! A step that stalls before one of its requests, and wakes into a world that went on without it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Command, Ended, World};

use crate::orders::{self, fork};
use crate::picture::Picture;
use crate::schedules::{leaves_nothing, live_of, requests};
use crate::tally::{Tally, how, report, told};
use crate::turnstile::Held;

/// Stalls played at once.
const AT_ONCE: usize = 8;

/// What goes on while the step stalls.
pub(crate) enum Event {
    /// A step runs, and ends in one of these ways (as [`how`] has them), each of them somewhere.
    Runs(Command, &'static [&'static str]),
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

/// A step that has stalled and woken.
pub(crate) struct Woken {
    pub(crate) ended: Ended,
    /// How what went on meanwhile has ended: by caller.
    meanwhile: Vec<(String, Ended)>,
    /// The table just before it woke.
    before: Picture,
}

impl Stall<'_> {
    /// Stalls before each request in turn, and after the last.
    ///
    /// # Errors
    /// What must hold does not, after a stall at this request; something that may happen never did.
    pub(crate) async fn before_each_request(&self) -> Result<Tally> {
        let points = self.requests_alone().await? + 1;
        let plays = stream::iter(0..points).map(|requests| self.play(requests));
        let all: Vec<Woken> = plays.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut tally = Tally::default();
        for Woken { ended, meanwhile, .. } in &all {
            tally.add(self.step.caller(), ended);
            for (caller, ended) in meanwhile {
                tally.add(caller, ended);
            }
        }
        report(format_args!("{points} points to stall at: {tally}"))?;
        for kind in self.may_end {
            ensure!(tally.of(self.step.caller(), *kind) > 0, "it never ended as {kind}: {tally}");
        }
        for event in &self.meanwhile {
            let Event::Runs(command, ends) = event else { continue };
            let never = ends.iter().find(|how| tally.ends(command.caller(), how) == 0);
            ensure!(never.is_none(), "{} never ended as {never:?}: {tally}", command.caller());
        }
        Ok(tally)
    }

    /// How many requests it makes when nothing comes between.
    pub(crate) async fn requests_alone(&self) -> Result<usize> {
        let mut held = Held::start(&fork(self.world).await?, &self.step);
        held.finish().await?;
        Ok(held.requests())
    }

    async fn play(&self, requests_before: usize) -> Result<Woken> {
        let world = fork(self.world).await?;
        let woken = self.wake(&world, requests_before).await;
        let woken = woken.with_context(|| format!("stalled after {requests_before} requests"))?;
        let judged = self.judge(&world, &woken).await;
        judged.with_context(|| {
            let told = told(&woken.ended);
            format!("stalled after {requests_before} requests, it ended as {told}\n{}", requests(&world))
        })?;
        Ok(woken)
    }

    /// Stalls after so many requests, lets everything else happen, and wakes.
    pub(crate) async fn wake(&self, world: &Arc<World>, requests: usize) -> Result<Woken> {
        let mut held = Held::start(world, &self.step);
        ensure!(held.advance(requests).await?, "it has ended after {} requests", held.requests());
        let mut meanwhile = Vec::new();
        for event in &self.meanwhile {
            match event {
                Event::Runs(command, ends) => {
                    let ended = world.run(command).await?;
                    ensure!(ends.contains(&how(&ended)), "{} ended as {}", command.caller(), told(&ended));
                    meanwhile.push((command.caller().to_owned(), ended));
                }
                Event::Passes(time) => world.clock().advance(*time),
            }
        }
        let before = Picture::of(world).await?;
        Ok(Woken { ended: held.into_ended().await?, meanwhile, before })
    }

    async fn judge(&self, world: &World, Woken { ended, before, .. }: &Woken) -> Result<()> {
        let after = Picture::of(world).await?;
        let had_ended = before.phase(self.run)?.is_some_and(lakeward_manifest::Phase::is_ended);
        let failed: &[Step] = if ended.is_err() { &[self.step.step()] } else { &[] };
        let folders = attempts_of(world, self.step.caller())?;
        match ended {
            Ok(_) if !had_ended => {}
            Err(failure) if !self.may_end.contains(&failure.kind()) => bail!("it may not end so"),
            // Whether it is told so or had nothing left to do: it changes nothing, and leaves nothing but what is its own.
            Ok(_) | Err(_) => {
                let mut beside = if ended.is_err() { folders } else { BTreeSet::new() };
                // Its own verdict is told in a note. One that is fenced has none.
                if ended.as_ref().is_err_and(|failure| failure.kind() == Kind::Rejected) {
                    beside.insert(orders::root()?.failure_key(&orders::run_id(self.run)?));
                }
                let changes = after.changes_since(before, &beside, failed);
                ensure!(changes.is_empty(), "it woke, and changed what is not its own: {changes:#?}");
            }
        }
        live_of(&after, self.live)?;
        after.everything_belongs(failed)?;
        leaves_nothing(world).await
    }
}

/// The folders of attempts that a caller has put files into.
fn attempts_of(world: &World, caller: &str) -> Result<BTreeSet<String>> {
    let root = orders::root()?;
    let entries = world.lake().requests().entries().into_iter();
    let own = entries.filter(|entry| entry.call.caller.as_deref() == Some(caller));
    let attempts = own.filter_map(|entry| {
        let (run, attempt) =
            root.attempt_of_key(entry.call.resource.strip_prefix(BUCKET)?.strip_prefix('/')?)?;
        Some(root.attempt_prefix(&run, &attempt).to_string())
    });
    Ok(attempts.collect())
}
