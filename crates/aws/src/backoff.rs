//! How long to wait before the next try, and when to give up.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::Cancel;

/// How a call that failed for the moment is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long to go on trying, measured from the first wait: a step that was suspended before it still looks again.
    pub patience: Duration,
    /// The longest first wait; each following wait is up to twice as long.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl RetryPolicy {
    /// For calls that must be made even though the step is being ended, such as aborting an upload:
    /// short enough for the half minute that Kubernetes grants between SIGTERM and SIGKILL.
    pub const CLEANUP: Self = Self {
        patience: Duration::from_secs(10),
        base: Duration::from_millis(200),
        cap: Duration::from_secs(2),
    };

    /// For calls that are worth a moment and no more: nothing but what a person is told rests on them.
    pub const BRIEF: Self = Self { patience: Duration::from_secs(2), ..Self::CLEANUP };
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            patience: Duration::from_mins(3),
            base: Duration::from_millis(200),
            cap: Duration::from_secs(20),
        }
    }
}

/// Why waiting for another try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The next wait would outlast the policy's patience.
    OutOfPatience,
    /// The step was told to stop.
    Cancelled,
}

/// The waits of one piece of work: each call of [`Backoff::wait`] is one wait, longer than the last.
#[derive(Debug)]
pub struct Backoff {
    waits: ExponentialBackoff,
    /// When the first wait began.
    started: Option<Instant>,
    patience: Duration,
    cancel: Cancel,
}

impl Backoff {
    /// The waits of a piece of work that begins.
    pub fn new(policy: RetryPolicy, cancel: Cancel) -> Self {
        // backon adds up to one whole delay to each delay; from half of ours, waits are spread over
        // the upper half of the interval, so that a crowd throttled together does not return together.
        let waits = ExponentialBuilder::new()
            .with_min_delay(policy.base / 2)
            .with_max_delay(policy.cap / 2)
            .with_jitter()
            .without_max_times()
            .build();
        Self { waits, started: None, patience: policy.patience, cancel }
    }

    /// Waits before the next try and says how long it was.
    pub async fn wait(&mut self) -> Result<Duration, End> {
        if self.cancel.is_cancelled() {
            return Err(End::Cancelled);
        }
        let waited = self.started.get_or_insert_with(Instant::now).elapsed();
        let Some(wait) = self.waits.next().filter(|wait| waited + *wait <= self.patience) else {
            return Err(End::OutOfPatience);
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(wait),
            () = self.cancel.cancelled() => Err(End::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_up_to_the_cap_and_end_within_the_patience() {
        let policy = RetryPolicy::default();
        let started = Instant::now();
        let mut backoff = Backoff::new(policy, Cancel::new());
        let mut longest = policy.base;
        let mut waits = Vec::new();
        while let Ok(wait) = backoff.wait().await {
            assert!(wait >= longest / 2 && wait <= longest, "wait {wait:?} with at most {longest:?}");
            longest = (longest * 2).min(policy.cap);
            waits.push(wait);
        }
        assert!(waits.iter().any(|wait| *wait >= policy.cap / 2), "{waits:?}");
        assert!(started.elapsed() <= policy.patience);
        assert!(started.elapsed() + policy.cap >= policy.patience, "gave up early: {waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn patience_begins_with_the_first_wait() {
        let policy = RetryPolicy::default();
        let mut backoff = Backoff::new(policy, Cancel::new());
        tokio::time::advance(policy.patience * 2).await;
        assert!(backoff.wait().await.is_ok(), "a step that was suspended gives up without another look");
    }

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_a_wait_at_once() {
        let cancel = Cancel::new();
        let policy = RetryPolicy { base: Duration::from_secs(100), ..RetryPolicy::default() };
        let mut backoff = Backoff::new(policy, cancel.clone());
        let started = Instant::now();
        let (waited, ()) = tokio::join!(backoff.wait(), async { cancel.cancel() });
        assert_eq!(waited, Err(End::Cancelled));
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(backoff.wait().await, Err(End::Cancelled), "no wait starts afterwards");
    }
}
