//! Trying every point of a scenario in this process.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::join;
use futures::stream::{self, StreamExt as _};
use lakeward_local::Fault;
use lakeward_manifest::Step;
use lakeward_outcome::Kind;

use super::end::End;
use super::scenario::Scenario;
use super::tally::{Outcome, Tally};
use super::version::{Passage, View};
use super::watch::{Known, Reader, Watch};
use super::{Mode, stage};
use crate::embedded::{Command, Ended, World};

/// The name of the execution that is disturbed.
const DOOMED: &str = "doomed";
/// Points tried at once.
const AT_ONCE: usize = 6;
/// The same of those that mostly wait, for cleaning up that is refused as well.
const PATIENT_AT_ONCE: usize = 24;
/// How often a step is run to count its requests.
const COUNTED: usize = 3;
/// Longer than any grace, and than the lake's clock is behind that of real processes.
const AGES: Duration = Duration::from_hours(24 * 365 * 100);

/// How many requests the step makes when nothing disturbs it.
///
/// # Errors
/// It fails.
pub async fn requests(scenario: Scenario) -> Result<u64> {
    Ok(Trial::prepare(scenario).await?.requests)
}

/// Tries every point of a scenario in every mode, and those of requests that a step makes beyond its usual number.
///
/// # Errors
/// A point that does not keep the promise, or was not reached.
pub async fn try_every_point(scenario: Scenario) -> Result<Tally> {
    let trial = Trial::prepare(scenario).await?;
    let requests = trial.requests;
    let points = |patient: bool| {
        let modes = Mode::ALL.into_iter().filter(move |mode| (*mode == Mode::RefusedForGood) == patient);
        let points = modes.flat_map(move |mode| (1..=requests).map(move |k| (mode, k)));
        stream::iter(points).map(|(mode, k)| trial.reached(mode, k))
    };
    let (patient, others): (Vec<_>, Vec<_>) = join!(
        points(true).buffer_unordered(PATIENT_AT_ONCE).collect(),
        points(false).buffer_unordered(AT_ONCE).collect()
    );
    let mut tally = Tally::new(scenario, requests);
    for (mode, Point { outcome, looks }) in all(patient.into_iter().chain(others))? {
        tally.add(mode.name(), outcome, looks);
    }
    // A step whose requests run side by side may now and then make more of them.
    for mode in Mode::ALL {
        for k in requests + 1.. {
            let Some(Point { looks, .. }) = trial.point(mode, k).await? else { break };
            tally.add_beyond(looks);
        }
    }
    Ok(tally)
}

/// What every point gave, or what is wrong with those that failed.
pub(crate) fn all<T>(tried: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for point in tried {
        match point {
            Ok(point) => good.push(point),
            Err(error) => bad.push(format!("{error:#}")),
        }
    }
    ensure!(bad.is_empty(), "{} points do not keep the promise:\n{}", bad.len(), bad.join("\n"));
    Ok(good)
}

/// A point that was tried.
struct Point {
    outcome: Outcome,
    looks: u64,
}

/// A scenario's lake, and how it ends when nothing happens.
pub(crate) struct Trial {
    pub(crate) scenario: Scenario,
    pub(crate) world: World,
    pub(crate) known: Known,
    /// What readers see before the step.
    pub(crate) old: View,
    /// How the lake ends when nothing happens.
    pub(crate) end: End,
    /// Requests of the step when nothing happens, or the fewest of several times.
    pub(crate) requests: u64,
}

impl Trial {
    pub(crate) async fn prepare(scenario: Scenario) -> Result<Self> {
        let world = stage::set(scenario).await?;
        let known = Known::default();
        let old = Reader::new(&world, &known).look().await?.view;
        let undisturbed = async {
            let (first, mut requests) = undisturbed(scenario, &world).await?;
            for _ in 1..COUNTED {
                requests = requests.min(undisturbed(scenario, &world).await?.1);
            }
            anyhow::Ok((finish(scenario, &first, &known).await?, requests))
        };
        let undisturbed = undisturbed.await;
        let (end, requests) = undisturbed.with_context(|| format!("{scenario}, undisturbed"))?;
        Ok(Self { scenario, world, known, old, end, requests })
    }

    /// What readers may see while the step runs, and when it runs again.
    pub(crate) fn during(&self) -> Passage {
        let moves = self.scenario.step == Step::Swap;
        let new = if moves { &self.end.view } else { &self.old };
        Passage::new(self.old.clone(), new.clone())
    }

    /// The rest of the pipeline, and gc; then the lake must be as if nothing had happened.
    pub(crate) async fn ends_well(&self, world: &World, watch: &Watch) -> Result<u64> {
        if self.scenario.step != Step::Swap {
            watch.expect(Passage::new(self.old.clone(), self.end.view.clone())).await;
        }
        let end = finish(self.scenario, world, &self.known).await?;
        end.ensure_is(&self.end)?;
        watch.end().await
    }

    /// Tries a point that must be reached.
    async fn reached(&self, mode: Mode, k: u64) -> Result<(Mode, Point)> {
        let point = self.point(mode, k).await?;
        let unreached = || format!("{}: request {k} of {} was not reached", self.scenario, self.requests);
        Ok((mode, point.with_context(unreached)?))
    }

    /// Tries a point; none when the step made fewer than `k` requests.
    async fn point(&self, mode: Mode, k: u64) -> Result<Option<Point>> {
        let tried = self.try_point(mode, k).await;
        tried.with_context(|| format!("{}: request {k} of {}, {}", self.scenario, self.requests, mode.name()))
    }

    async fn try_point(&self, mode: Mode, k: u64) -> Result<Option<Point>> {
        let world = self.world.fork().await?;
        let watch = Watch::begin(&world, &self.known, self.during());
        let command = self.scenario.command();
        let doomed = command.clone().called(DOOMED);
        let impatient: &[&str] = if mode == Mode::RefusedForGood { &["--patience=0s"] } else { &[] };
        let fault = mode.arm(world.faults(), DOOMED, k);
        let outcome = disturb(&world, mode, &doomed.args(impatient), &fault).await?;
        if fault.fired() == 0 {
            return Ok(None);
        }
        world.succeeds(&command.called("again")).await.context("running it again")?;
        let looks = self.ends_well(&world, &watch).await?;
        Ok(Some(Point { outcome, looks }))
    }
}

/// Runs the scenario's step on a fork when nothing happens; the number of its requests.
async fn undisturbed(scenario: Scenario, world: &World) -> Result<(World, u64)> {
    let fork = world.fork().await?;
    fork.succeeds(&scenario.command().called(DOOMED)).await?;
    let made = fork.lake().requests().entries();
    let requests = made.iter().filter(|entry| entry.call.caller.as_deref() == Some(DOOMED)).count();
    Ok((fork, requests as u64))
}

/// Runs what follows on the scenario's step. The clock then leaps, so that gc spares nothing for its age.
async fn finish(scenario: Scenario, world: &World, known: &Known) -> Result<End> {
    for command in scenario.rest() {
        world.succeeds(&command).await.context("the rest of the pipeline")?;
    }
    world.clock().advance(AGES);
    world.succeeds(&scenario.of_version(Step::Gc, scenario.version())).await.context("collecting garbage")?;
    End::of(world, known).await
}

/// Runs the step into its fault.
async fn disturb(world: &World, mode: Mode, doomed: &Command, fault: &Fault) -> Result<Outcome> {
    let mut running = pin!(world.run(doomed));
    if mode.kills() || mode.has_a_rival() {
        tokio::select! {
            ended = &mut running => return outcome(mode, ended?),
            () = fault.reached() => {}
        }
    }
    if mode.kills() {
        return Ok(Outcome::Killed);
    }
    if !mode.has_a_rival() {
        return outcome(mode, running.await?);
    }
    let rival = async {
        let passed = world.succeeds(&doomed.clone().called("rival")).await;
        fault.release();
        passed.context("the rival")
    };
    let (ended, passed) = futures::join!(running, rival);
    passed?;
    outcome(mode, ended?)
}

/// How the step ended, if it may end so.
fn outcome(mode: Mode, ended: Ended) -> Result<Outcome> {
    let Err(failure) = ended else { return Ok(Outcome::Done) };
    let expected = match failure.kind() {
        Kind::Transient | Kind::Unknown => true,
        Kind::Fenced => mode.has_a_rival(),
        _ => false,
    };
    if expected {
        Ok(Outcome::failed(failure.kind()))
    } else {
        bail!("it failed as {}: {failure}", failure.kind())
    }
}
