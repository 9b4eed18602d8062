//! Ending a running statement from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duckdb::InterruptHandle;

use crate::error::EngineError;

/// `DuckDB` forgets an interrupt that arrives just before a statement starts, so it is repeated
/// at this interval until the statement has ended.
const REPEAT: Duration = Duration::from_millis(20);

/// Ends the work of a [`Session`](crate::Session) from another thread, once and for all.
#[derive(Clone)]
pub struct Cancel(Arc<State>);

struct State {
    cancelled: AtomicBool,
    running: Mutex<bool>,
    ended: Condvar,
    interrupt: Arc<InterruptHandle>,
}

impl Cancel {
    pub(crate) fn new(interrupt: Arc<InterruptHandle>) -> Self {
        Self(Arc::new(State {
            cancelled: AtomicBool::new(false),
            running: Mutex::new(false),
            ended: Condvar::new(),
            interrupt,
        }))
    }

    /// Interrupts the statement that is running, waits until it has ended, and lets no other start:
    /// both fail with [`EngineError::Interrupted`].
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let mut running = self.running();
        while *running {
            self.0.interrupt.interrupt();
            running = self.0.ended.wait_timeout(running, REPEAT).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Marks a statement as running until the guard is dropped.
    pub(crate) fn start(&self) -> Result<Running<'_>, EngineError> {
        let mut running = self.running();
        if self.is_cancelled() {
            return Err(EngineError::Interrupted);
        }
        *running = true;
        Ok(Running(self))
    }

    fn running(&self) -> MutexGuard<'_, bool> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Running<'a>(&'a Cancel);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running() = false;
        self.0.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use lakeward_outcome::{Classify, Kind};

    use crate::testing::Bench;

    #[test]
    fn a_running_statement_ends_when_it_is_cancelled_and_no_other_starts() {
        let Bench { folder: _folder, session } = Bench::new();
        let cancel = session.cancel();
        let endless = "FROM range(1000000000000) a(x), range(1000000) b(y) WHERE x * y % 7 = 3";
        thread::scope(|scope| {
            let queries = scope
                .spawn(move || [endless, "SELECT 1"].map(|sql| session.count_offending(sql).unwrap_err()));
            while !*cancel.running() {
                thread::yield_now();
            }
            cancel.cancel();
            for error in queries.join().unwrap() {
                assert_eq!(error.kind(), Kind::Transient, "{error}");
                assert!(error.to_string().contains("interrupted"), "{error}");
            }
        });
    }
}
