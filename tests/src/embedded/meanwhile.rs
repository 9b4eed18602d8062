//! What happens while a step stands at one of its requests.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lakeward_local::Fault;

use super::{Command, Ended, World};

/// A step that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(2);

impl World {
    /// Runs a step, and does something once the fault has befallen one of its requests. Then what the fault holds goes on,
    /// and the step ends.
    ///
    /// # Errors
    /// The step ends without coming to that request, what is done meanwhile fails, or all of it hangs.
    pub async fn run_meanwhile<T>(
        &self,
        command: &Command,
        fault: &Fault,
        meanwhile: impl Future<Output = Result<T>>,
    ) -> Result<(Ended, T)> {
        let played = async {
            let mut running = pin!(self.run(command));
            tokio::select! {
                biased;
                () = fault.reached() => {}
                ended = &mut running => bail!("it ended before it came to the request: {:?}", ended?),
            }
            let meanwhile = async {
                let done = meanwhile.await;
                fault.release();
                done
            };
            let (ended, done) = tokio::join!(running, meanwhile);
            Ok((ended?, done.context("what was done meanwhile")?))
        };
        let played = tokio::time::timeout(PATIENCE, played).await.context("it hangs").flatten();
        played.with_context(|| format!("{command:?}"))
    }
}
