//! Killing real processes at every request of a step.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::stream::{self, StreamExt as _};
use lakeward_local::{Effect, Rule, When};

use super::matrix::{Trial, all};
use super::scenario::Scenario;
use super::tally::{Outcome, Tally};
use super::watch::Watch;
use crate::backend::Backend;
use crate::embedded::Command;
use crate::step;

/// Points tried at once.
const AT_ONCE: usize = 4;
/// A process that takes longer to get to its request never will.
const PATIENCE: Duration = Duration::from_mins(2);

/// What becomes of the request at which the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It never arrives: the process was killed right before it.
    Lost,
    /// It is carried out, though nobody waits for it: the process was killed right after it.
    Lands,
}

impl Fate {
    const fn name(self) -> &'static str {
        match self {
            Self::Lost => "SIGKILL, request lost",
            Self::Lands => "SIGKILL, request lands",
        }
    }
}

/// Kills the step's process at each of its requests, and runs it again as another process.
///
/// # Errors
/// A point that does not keep the promise, or was not reached.
pub async fn kill_at_every_point(scenario: Scenario) -> Result<Tally> {
    let trial = &Trial::prepare(scenario).await?;
    let points =
        [Fate::Lost, Fate::Lands].into_iter().flat_map(|fate| (1..=trial.requests).map(move |k| (fate, k)));
    let tried = stream::iter(points).map(|(fate, k)| async move {
        let looks = kill(trial, fate, k).await;
        let named = || format!("{scenario}: request {k} of {}, {}", trial.requests, fate.name());
        anyhow::Ok((fate, looks.with_context(named)?))
    });
    let tried: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
    let mut tally = Tally::new(scenario, trial.requests);
    for (fate, looks) in all(tried)? {
        tally.add(fate.name(), Outcome::Killed, looks);
    }
    Ok(tally)
}

/// Kills the process while its k-th request waits.
async fn kill(trial: &Trial, fate: Fate, k: u64) -> Result<u64> {
    let world = trial.world.fork().await?;
    let watch = Watch::begin(&world, &trial.known, trial.during());
    let (backend, command) = (world.backend()?, trial.scenario.command());
    let rule = |when, effect| Rule::new(when, effect).caller(command.caller()).nth(k);
    let paused = world.faults().set(rule(When::Before, Effect::Pause));
    let settled = match fate {
        Fate::Lost => world.faults().set(rule(When::Before, Effect::Drop)),
        // Its answer waits for nothing: this only tells that it was carried out.
        Fate::Lands => world.faults().set(rule(When::After, Effect::Delay { ms: 0 })),
    };
    let process = process(&backend, &command);
    let running = process.start().await?;
    tokio::time::timeout(PATIENCE, paused.reached()).await.context("it was not reached")?;
    running.kill().await?;
    paused.release();
    tokio::time::timeout(PATIENCE, settled.reached()).await.context("the paused request never went on")?;
    let again = process.run().await.context("running it again")?;
    ensure!(again.code == Some(0), "running it again ended with {:?}: {}", again.code, again.stderr);
    trial.ends_well(&world, &watch).await
}

fn process(backend: &Backend, command: &Command) -> step::Step {
    backend.step(command.step().name()).args(command.arguments())
}
