//! From `main` to exit code.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use lakeward_aws::Cancel;
use lakeward_manifest::Step;
use lakeward_outcome::{Failure, Kind, ResultExt};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::StepArgs;
use crate::clock::System;
use crate::context::Context;
use crate::logs;
use crate::report::{self, Report};

/// Runs a step: parses the arguments, sets up logs and signals, calls `body`, delivers the result, and gives the
/// exit code.
pub fn run_step<A, R, Body, Running>(step: Step, body: Body) -> ExitCode
where
    A: StepArgs,
    R: Serialize,
    Body: FnOnce(A, Context) -> Running,
    Running: Future<Output = Result<R, Failure>>,
{
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => return help_or_usage(&error),
    };
    let common = args.common().clone();
    let identity = logs::init(step, &common, Arc::new(System));
    let context = Context::new(step, &common, Arc::new(System), Arc::new(System), identity);
    let outcome = match report::check_path(common.result_path.as_deref()) {
        Ok(()) => in_runtime(body(args, context.clone()), context.cancel().clone()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = &outcome {
        tracing::error!(kind = failure.kind().name(), "{failure}");
    }
    let delivered = Report::new(step, &outcome).deliver(common.result_path.as_deref());
    if let Err(failure) = &delivered {
        tracing::error!(kind = failure.kind().name(), "{failure}");
    }
    match (outcome, delivered) {
        (Err(failure), _) | (Ok(_), Err(failure)) => ExitCode::from(failure.kind().exit_code()),
        (Ok(_), Ok(())) => ExitCode::SUCCESS,
    }
}

/// Clap prints help and version to stdout and everything else to stderr.
fn help_or_usage(error: &clap::Error) -> ExitCode {
    // A closed terminal is no reason for another exit code.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Kind::Usage.exit_code()) } else { ExitCode::SUCCESS }
}

fn in_runtime<R>(body: impl Future<Output = Result<R, Failure>>, cancel: Cancel) -> Result<R, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .or_fail(Kind::Unexpected, || "starting the async runtime".to_owned())?;
    let outcome = runtime.block_on(async {
        tokio::spawn(raise_on_signal(cancel));
        body.await
    });
    // A blocking task that was interrupted must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

async fn raise_on_signal(cancel: Cancel) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be watched: SIGTERM will end this step at once");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::warn!("SIGTERM: ending what is in flight"),
        _ = interrupt.recv() => tracing::warn!("SIGINT: ending what is in flight"),
    }
    cancel.cancel();
}
