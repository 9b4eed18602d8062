//! Every way in which the requests of two steps can be interleaved with a bounded number of preemptions.
//!
//! Without a stored state: each schedule plays from the start, on a fork. One with n preemptions is a schedule with n-1
//! whose last turn is cut short at one of its requests. Most races need very few preemptions, and a schedule of few is
//! one that a person can follow.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeward_manifest::RunId;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{Command, Ended, World};

use crate::orders::{self, fork, gc};
use crate::picture::Picture;
use crate::tally::{Tally, report, told};
use crate::turnstile::Held;

/// Schedules played at once: they wait more than they work.
const AT_ONCE: usize = 8;
/// How often an orchestrator tries again.
const RETRIES: usize = 4;

/// Two steps that run at once, and what must come of it.
pub(crate) struct Rivals<'w> {
    /// Where they meet.
    pub(crate) world: &'w World,
    /// The steps, with callers of different names.
    pub(crate) steps: [Command; 2],
    /// How each may end for good, besides well.
    pub(crate) may_end: [&'static [Kind]; 2],
    /// The runs of which one must be live, by how both ended for good.
    pub(crate) live: fn(&[Ended; 2]) -> &'static [u32],
    /// Whether running both once more must change nothing.
    pub(crate) repeatable: bool,
}

/// Who goes first, and after how many requests each gives way to the other. After the last turn both go to their end.
#[derive(Clone, Debug)]
struct Schedule {
    first: usize,
    turns: Vec<usize>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} first, turns of {:?} requests", self.first + 1, self.turns)
    }
}

/// What a schedule came to.
struct Played {
    schedule: Schedule,
    /// Requests of the turn after the last: where it can be cut short.
    rest: usize,
    at_first: [Ended; 2],
}

impl Rivals<'_> {
    /// Plays every schedule with at most `preemptions`, and gives how they ended.
    ///
    /// # Errors
    /// What must hold does not, after this schedule.
    pub(crate) async fn meet(&self, preemptions: usize) -> Result<Tally> {
        let (mut schedules, mut tally, seen) = (0, Tally::default(), Seen::default());
        let mut level: Vec<Schedule> = [0, 1].map(|first| Schedule { first, turns: Vec::new() }).into();
        for left in (0..=preemptions).rev() {
            let plays = stream::iter(level.drain(..)).map(|schedule| self.play(schedule, &seen));
            let played: Vec<Played> = plays.buffer_unordered(AT_ONCE).try_collect().await?;
            schedules += played.len();
            for Played { schedule, rest, at_first } in &played {
                for (step, ended) in self.steps.iter().zip(at_first) {
                    tally.add(step.caller(), ended);
                }
                // Cut after the last of them, it would be no other schedule; before the first, it would not be a turn.
                let longer = (1..*rest).filter(|_| left > 0).map(|requests| {
                    let turns = schedule.turns.iter().copied().chain([requests]).collect();
                    Schedule { turns, ..schedule.clone() }
                });
                level.extend(longer);
            }
        }
        let ends = seen.count();
        report(format_args!(
            "{schedules} schedules of at most {preemptions} preemptions, {ends} different ends: {tally}"
        ))?;
        Ok(tally)
    }

    async fn play(&self, schedule: Schedule, seen: &Seen) -> Result<Played> {
        let world = fork(self.world).await?;
        let (at_first, rest) = self.interleave(&world, &schedule).await?;
        let judged = self.judge(&world, &at_first, seen).await;
        judged.with_context(|| {
            let ends: Vec<String> = at_first.iter().map(told).collect();
            format!("{schedule}, after which they ended as {ends:#?}\n{}", requests(&world))
        })?;
        Ok(Played { schedule, rest, at_first })
    }

    async fn interleave(&self, world: &Arc<World>, schedule: &Schedule) -> Result<([Ended; 2], usize)> {
        let [one, two] = &self.steps;
        let mut held = [Held::start(world, one), Held::start(world, two)];
        let mut who = schedule.first;
        for requests in &schedule.turns {
            let cut_short = held[who].advance(*requests).await?;
            // One that waits for its rival looks more or less often, as time will have it.
            let waited = held[who].ended().is_some_and(is_transient);
            ensure!(cut_short || waited, "step {} has not made {requests} requests this time", who + 1);
            who = 1 - who;
        }
        let before = held[who].requests();
        held[who].finish().await?;
        let rest = held[who].requests() - before;
        held[1 - who].finish().await?;
        let [one, two] = held;
        Ok(([one.into_ended().await?, two.into_ended().await?], rest))
    }

    async fn judge(&self, world: &World, at_first: &[Ended; 2], seen: &Seen) -> Result<()> {
        let [one, two] = at_first;
        let ended = [self.settle(world, 0, one).await?, self.settle(world, 1, two).await?];
        let runs = (self.live)(&ended);
        let picture = Picture::of(world).await?;
        let live = live_of(&picture, runs)?;
        if !seen.is_new(&picture) {
            return Ok(());
        }
        let both = self.steps.iter().zip(at_first);
        let failed: Vec<_> = both.filter(|(_, ended)| ended.is_err()).map(|(step, _)| step.step()).collect();
        picture.everything_belongs(&failed)?;
        if self.repeatable {
            for who in [0, 1] {
                let again = world.run(&self.steps[who]).await?;
                drop(self.settle(world, who, &again).await?);
            }
            let again = Picture::of(world).await?;
            ensure!(live_of(&again, runs)? == live, "another run went live when both ran once more");
        }
        leaves_nothing(world).await
    }

    /// What an orchestrator makes of a step's end: it runs it again as long as the exit code says so. In the end it
    /// must be one of those that are documented for this rivalry.
    async fn settle(&self, world: &World, who: usize, ended: &Ended) -> Result<Ended> {
        let mut again = copy(ended);
        for _ in 0..RETRIES {
            match &again {
                Err(failure) if matches!(failure.kind(), Kind::Transient | Kind::Unknown) => {
                    again = world.run(&self.steps[who]).await?;
                }
                Err(failure) if !self.may_end[who].contains(&failure.kind()) => {
                    bail!("step {} ended as {}", who + 1, told(&again));
                }
                _ => return Ok(again),
            }
        }
        bail!("step {} never came to an end: {}", who + 1, told(&again))
    }
}

fn is_transient(ended: &Ended) -> bool {
    ended.as_ref().is_err_and(|failure| failure.kind() == Kind::Transient)
}

fn copy(ended: &Ended) -> Ended {
    match ended {
        Ok(result) => Ok(result.clone()),
        Err(failure) => Err(lakeward_outcome::Failure::new(failure.kind(), failure.message())),
    }
}

/// The live run, which must be whole and one of `runs`.
pub(crate) fn live_of(picture: &Picture, runs: &[u32]) -> Result<RunId> {
    let live = picture.live_run()?;
    let allowed = runs.iter().map(|n| orders::run_id(*n)).collect::<Result<Vec<_>>>()?;
    ensure!(allowed.contains(live), "run {live} is live instead of one of {allowed:?}");
    Ok(live.clone())
}

/// The pictures that were judged before: what follows from one need not be tried again after every schedule that leads to
/// it.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashSet<String>>);

impl Seen {
    /// Whether this picture is unlike any before.
    pub(crate) fn is_new(&self, picture: &Picture) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(picture.likeness())
    }

    /// How many different pictures there were.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Collects without any grace, after which only the live run may be left, as it was.
pub(crate) async fn leaves_nothing(world: &World) -> Result<()> {
    let live = Picture::of(world).await?.live_run()?.clone();
    world.succeeds(&gc().called("last-gc")).await?;
    let picture = Picture::of(world).await?;
    ensure!(*picture.live_run()? == live, "gc has changed what is live");
    picture.has_nothing_else()
}

/// The requests of a world's steps, for a person.
pub(crate) fn requests(world: &World) -> String {
    let line = |entry: lakeward_local::Entry| {
        let call = entry.call;
        let caller = call.caller?;
        Some(format!("{caller} {} {} {:?}", call.operation, call.resource, entry.outcome))
    };
    world.lake().requests().entries().into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}
