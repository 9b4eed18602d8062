//! DuckDB is synchronous; the steps are not.

use lakeward_engine::Cancel;
use lakeward_outcome::{Failure, Kind, ResultExt};

/// Runs DuckDB's synchronous work off the async threads.
///
/// # Errors
/// The work's own failure, or [`Kind::Unexpected`] when its thread crashed.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.or_fail(Kind::Unexpected, || "the thread that runs DuckDB crashed".to_owned())?.map_err(Into::into)
}

/// Ends the statement that a session is running, and waits until DuckDB has stopped: until then it may use the scratch
/// folder.
///
/// # Errors
/// [`Kind::Unexpected`] when the thread that waits crashed.
pub async fn stop(session: Cancel) -> Result<(), Failure> {
    let stopped = move || {
        session.cancel();
        Ok::<(), Failure>(())
    };
    blocking(stopped).await
}
