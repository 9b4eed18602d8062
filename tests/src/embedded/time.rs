//! A clock that a test sets, and ids that come again.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lakeward_cli::{Clock, Ids};

/// 2026-06-01T00:00:00Z, in milliseconds.
const START: i64 = 1_780_272_000_000;

/// Stands still but for a millisecond each time that a step looks, so that no two stamps are the same.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(START))
    }
}

impl TestClock {
    /// Goes on from the same time, alone.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(AtomicI64::new(self.0.load(Ordering::Relaxed)))
    }

    /// The time, which stands still.
    pub fn read(&self) -> Timestamp {
        timestamp(self.0.load(Ordering::Relaxed))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Sets the clock back, as a machine's may be.
    pub fn set_back(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_sub(by, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        // Of the number that was added: another thread may add one before this one looks again.
        timestamp(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

/// Ids that count up, spread over all bits.
#[derive(Debug, Default)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    /// Goes on from the same id, alone.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

impl Ids for SeededIds {
    fn random(&self) -> u128 {
        // Odd, so that multiplying by it maps no two numbers to one.
        const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        (u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1).wrapping_mul(SPREAD)
    }
}
