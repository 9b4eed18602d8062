//! The signal that ends a step early.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that is raised once, by SIGTERM, and seen by every clone.
#[derive(Clone, Debug)]
pub struct Cancel {
    raised: Arc<watch::Sender<bool>>,
}

impl Cancel {
    /// A flag that nobody has raised yet.
    pub fn new() -> Self {
        Self { raised: Arc::new(watch::Sender::new(false)) }
    }

    /// Raises the flag: no new call starts, and waits between tries end.
    pub fn cancel(&self) {
        self.raised.send_replace(true);
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        *self.raised.borrow()
    }

    /// Waits until the flag is raised; for ever if it never is.
    pub async fn cancelled(&self) {
        let mut seen = self.raised.subscribe();
        if seen.wait_for(|raised| *raised).await.is_err() {
            // The sender lives in `self`, so it cannot be gone while this future borrows it.
            std::future::pending::<()>().await;
        }
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_the_flag_even_when_it_was_raised_before_they_looked() {
        let cancel = Cancel::new();
        let clone = cancel.clone();
        assert!(!clone.is_cancelled());
        cancel.cancel();
        clone.cancelled().await;
        assert!(clone.is_cancelled());
    }
}
