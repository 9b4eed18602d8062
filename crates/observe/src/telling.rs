//! Telling somebody on a thread of its own, so that nobody waits longer for it than there is time.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use crate::ObserveError;

/// What is told to somebody, and may be on its way still.
#[derive(Debug)]
pub struct Telling {
    outcome: Receiver<Result<(), ObserveError>>,
    /// What it has come to when nothing is heard of it in time.
    late: ObserveError,
}

impl Telling {
    /// Tells by `work`, which may hang. Waits for nothing. `failed` makes the error of what keeps it from being told, or known
    /// to be told.
    pub(crate) fn start(
        work: impl FnOnce() -> Result<(), ObserveError> + Send + 'static,
        failed: impl Fn(io::Error) -> ObserveError,
    ) -> Self {
        let (sender, outcome) = mpsc::channel();
        let teller = sender.clone();
        // Nobody listens any more when it took too long.
        let started = thread::Builder::new().spawn(move || drop(teller.send(work())));
        if let Err(error) = started {
            let _ = sender.send(Err(failed(no_thread(&error))));
        }
        Self::heard_by(outcome, failed)
    }

    /// What somebody tells, who sends how it went to `outcome`.
    pub(crate) fn heard_by(
        outcome: Receiver<Result<(), ObserveError>>,
        failed: impl FnOnce(io::Error) -> ObserveError,
    ) -> Self {
        let late = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        Self { outcome, late: failed(late) }
    }

    /// Waits until it is told, or until `deadline`. What was told in time counts, however late it is asked for.
    ///
    /// # Errors
    /// Not all of it was told, as far as is known.
    pub fn settle(self, deadline: Instant) -> Result<(), ObserveError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.outcome.recv_timeout(left).unwrap_or(Err(self.late))
    }
}

/// Why nothing can be told on a thread of its own.
pub(crate) fn no_thread(error: &io::Error) -> io::Error {
    io::Error::other(format!("no thread can be started for it: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failed(source: io::Error) -> ObserveError {
        ObserveError::MetricsFile { path: "lakeward.prom".into(), source }
    }

    #[test]
    fn what_hangs_is_given_up_at_the_deadline_and_said_to_be_late() {
        let (_held, never) = mpsc::channel::<()>();
        let hanging =
            Telling::start(move || never.recv().map_err(|_| failed(io::Error::other("gone"))), failed);
        let error = hanging.settle(Instant::now() + Duration::from_millis(1)).unwrap_err().to_string();
        assert!(error.contains("--metrics-file") && error.contains("in time"), "{error}");
    }

    #[test]
    fn what_was_told_counts_however_late_it_is_asked_for() {
        let (sender, outcome) = mpsc::channel();
        sender.send(Ok(())).unwrap();
        assert!(Telling::heard_by(outcome, failed).settle(Instant::now()).is_ok());
    }
}
