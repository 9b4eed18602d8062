//! A step whose requests reach the lake only when the schedule says so.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use lakeward_local::{Effect, Hook, Rule, When};
use lakeward_tests::embedded::{Command, Ended, World};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// A step that runs, and stops before each request until it is let through.
pub(crate) struct Held {
    permits: Arc<Semaphore>,
    progress: watch::Receiver<Progress>,
    step: JoinHandle<Result<Ended>>,
    ended: Option<Ended>,
}

/// How many requests of a step have come to the lake, and how many of them it has carried out.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    arrived: usize,
    carried_out: usize,
}

impl Held {
    /// Starts a step, held before its first request. No other step of this world may go by its caller's name.
    pub(crate) fn start(world: &Arc<World>, command: &Command) -> Self {
        let permits = Arc::new(Semaphore::new(0));
        let (counter, progress) = watch::channel(Progress::default());
        let counter = Arc::new(counter);
        let (at_the_door, arrivals) = (Arc::clone(&permits), Arc::clone(&counter));
        let enter = Hook::new(move |_| {
            arrivals.send_modify(|progress| progress.arrived += 1);
            let permits = Arc::clone(&at_the_door);
            async move {
                // Closed, the turnstile stands open.
                if let Ok(permit) = permits.acquire().await {
                    permit.forget();
                }
            }
        });
        let leave = Hook::new(move |_| {
            counter.send_modify(|progress| progress.carried_out += 1);
            std::future::ready(())
        });
        for (when, hook) in [(When::Before, enter), (When::After, leave)] {
            let rule = Rule::new(when, Effect::Hook(hook));
            world.faults().set(rule.caller(command.caller()).times(u64::MAX));
        }
        // A thread for each: a step's future borrows across its waits in ways that keep the compiler from seeing that it
        // could be sent between threads.
        let step = tokio::task::spawn_blocking({
            let (world, command) = (Arc::clone(world), command.clone());
            move || Handle::current().block_on(world.run(&command))
        });
        Self { permits, progress, step, ended: None }
    }

    /// Lets `requests` through, one after another, and waits until the lake has carried them out and the step stands
    /// before its next one, or has ended. Whether it has made so many.
    pub(crate) async fn advance(&mut self, requests: usize) -> Result<bool> {
        let until = self.requests() + requests;
        if self.ended.is_some() {
            return Ok(requests == 0);
        }
        self.permits.add_permits(requests);
        tokio::select! {
            // The sender lives as long as the world's faults do.
            _ = self.progress.wait_for(|now| now.carried_out >= until && now.arrived > until) => {}
            ended = &mut self.step => self.ended = Some(ended.context("a step crashed")??),
        }
        Ok(self.requests() >= until)
    }

    /// How many of its requests the lake has carried out.
    pub(crate) fn requests(&self) -> usize {
        self.progress.borrow().carried_out
    }

    /// Lets everything through until the step ends.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        self.permits.close();
        if self.ended.is_none() {
            self.ended = Some((&mut self.step).await.context("a step crashed")??);
        }
        Ok(())
    }

    /// How it has ended, if it has.
    pub(crate) const fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// How it ended.
    pub(crate) async fn into_ended(mut self) -> Result<Ended> {
        self.finish().await?;
        self.ended.take().context("a finished step has ended")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Whatever still waits at the door goes on, or the lake could not be shut down.
        self.permits.close();
    }
}
