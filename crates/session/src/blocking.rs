//! DuckDB is synchronous; the steps are not.

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
