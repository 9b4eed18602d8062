//! From `main` to exit code.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use lakeward_aws::Cancel;
use lakeward_manifest::{ExecutionId, Step};
use lakeward_observe::{Ending, Execution, StepSpan};
use lakeward_outcome::{Failure, Kind, ResultExt};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Instrument as _, Span};

use crate::args::{RESULT_PATH, ReaderArgs, StepArgs};
use crate::clock::{Clock as _, Ids as _, System};
use crate::context::Context;
use crate::given::Given;
use crate::logs::{self, Identity};
use crate::observers::Observers;
use crate::program::Program;
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
    run(step, body, |_| None)
}

/// The same for a binary that tells a person something: its result is text, unless the arguments ask for JSON.
pub fn run_reader<P, A, R, Body, Running>(program: P, body: Body) -> ExitCode
where
    P: Program,
    A: ReaderArgs,
    R: Serialize + Display,
    Body: FnOnce(A, Context<P>) -> Running,
    Running: Future<Output = Result<R, Failure>>,
{
    run(program, body, |args: &A| (!args.json()).then_some(R::to_string as Text<R>))
}

/// What a person is shown of a result.
type Text<R> = fn(&R) -> String;

fn run<P, A, R, Body, Running>(program: P, body: Body, text: impl FnOnce(&A) -> Option<Text<R>>) -> ExitCode
where
    P: Program,
    A: StepArgs,
    R: Serialize,
    Body: FnOnce(A, Context<P>) -> Running,
    Running: Future<Output = Result<R, Failure>>,
{
    let matches = A::command().try_get_matches();
    let parsed = matches.and_then(|matches| Ok((A::from_arg_matches(&matches)?, Given::of::<A>(&matches))));
    let (args, given) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return help_or_usage(program, &error.format(&mut A::command())),
    };
    let common = args.common().clone();
    let text = text(&args);
    let execution = ExecutionId::from_random(System.random());
    let observers = Observers::new(&common.observe, program.name(), &execution, Arc::new(System));
    let identity = logs::init(program.name(), &common, Arc::new(System), observers.telemetry());
    let context = Context::new(program, &common, execution, Arc::new(System), Arc::new(System))
        .given(given)
        .observed(identity, observers.clone());
    let span = StepSpan::begin(program.binary(), observers.telemetry());
    let outcome = match report::check_path(common.result_path.as_deref()) {
        Ok(()) => in_runtime(body(args, context.clone()), context.cancel().clone(), span.span()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = &outcome {
        tracing::error!(kind = failure.kind().name(), next = failure.next(), "{failure}");
    }
    let shown = outcome.as_ref().ok().zip(text).map(|(result, text)| text(result));
    let report = Report::new(program.name(), &outcome, context.identity());
    let delivered = report.deliver(common.result_path.as_deref(), shown.as_deref());
    if let Err(failure) = &delivered {
        tracing::error!(kind = failure.kind().name(), "{failure}");
    }
    let ended = outcome.map(drop).and(delivered);
    let execution = context.ended(ended.as_ref().map_or_else(Ending::of, |()| Ending::Done));
    span.end(&execution);
    observers.tell(&execution);
    ended.map_or_else(|failure| ExitCode::from(failure.kind().exit_code()), |()| ExitCode::SUCCESS)
}

/// Clap prints help and version to stdout, and what is wrong with a command line to stderr; the latter is a failure
/// like any other, with a result.
fn help_or_usage(program: impl Program, error: &clap::Error) -> ExitCode {
    // A closed terminal is no reason for another exit code.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let failure = Failure::new(Kind::Usage, complaint(error));
    let ending = Ending::of(&failure);
    let path = report::given_path("--result-path", RESULT_PATH);
    // What is wrong with the command line is told already.
    let _ = Report::new(program.name(), &Err::<(), _>(failure), &Identity::default())
        .deliver(path.as_deref(), None);
    let id = ExecutionId::from_random(System.random()).to_string();
    Observers::of_wrong_command_line().tell(&Execution::not_begun(program.name(), id, System.now(), ending));
    ExitCode::from(Kind::Usage.exit_code())
}

/// What clap complains of: its first paragraph, on one line.
fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let said = said.join(" ");
    said.strip_prefix("error: ").unwrap_or(&said).to_owned()
}

fn in_runtime<R>(
    body: impl Future<Output = Result<R, Failure>>,
    cancel: Cancel,
    span: &Span,
) -> Result<R, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .or_fail(Kind::Unexpected, || "starting the async runtime".to_owned())?;
    let outcome = runtime.block_on(async {
        tokio::spawn(raise_on_signal(cancel));
        body.instrument(span.clone()).await
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
