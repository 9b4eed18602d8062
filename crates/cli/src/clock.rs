//! The one clock and the one source of randomness of a process. Everything deeper takes them as arguments.

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives ids that nobody else has.
pub trait Ids: Send + Sync {
    /// 128 random bits (122, when they come from a version 4 UUID).
    fn random(&self) -> u128;
}

/// The system's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Ids for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one source of ids")]
    fn random(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128()
    }
}
