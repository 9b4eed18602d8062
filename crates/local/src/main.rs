//! `lakeward-local`: the local lake as a program.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use lakeward_local::{LocalLake, Options, Storage};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// S3 and AWS Glue on one loopback port, until SIGTERM or Ctrl-C.
///
/// Prints the AWS_* variables to export, ready for `eval`, as soon as it serves.
#[derive(Parser)]
#[command(name = "lakeward-local", version)]
struct Arguments {
    /// Keep everything in this folder; without it everything is gone at the end.
    #[arg(long, value_name = "FOLDER", env = "LAKEWARD_LOCAL_DIR")]
    dir: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0, env = "LAKEWARD_LOCAL_PORT")]
    port: u16,
    /// A bucket to create if it is missing; may be repeated.
    #[arg(long = "bucket", value_name = "NAME")]
    buckets: Vec<String>,
    /// A Glue database to create if it is missing; may be repeated.
    #[arg(long = "database", value_name = "NAME")]
    databases: Vec<String>,
    /// End when standard input ends as well: a parent that is killed takes the lake with it.
    #[arg(long)]
    until_stdin_ends: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr must not hide the exit code.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for SIGINT")?;
    let lake = LocalLake::start(Options {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        storage: arguments.dir.map_or(Storage::Memory, Storage::Folder),
        buckets: arguments.buckets,
        databases: arguments.databases,
        ..Options::default()
    })
    .await?;
    print_environment(&lake).context("printing the environment")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_ended(arguments.until_stdin_ends) => {}
    }
    lake.shutdown().await;
    Ok(())
}

/// Waits for the end of standard input; for ever unless it is `wanted`.
async fn stdin_ended(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (sender, ended) = oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own threads to read to the end.
    std::thread::spawn(move || {
        // An input that cannot be read has ended, too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = sender.send(());
    });
    // It fails when the thread is gone, and the input with it.
    let _ = ended.await;
}

fn print_environment(lake: &LocalLake) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    for (name, value) in lake.env() {
        writeln!(stdout, "export {name}={value}")?;
    }
    stdout.flush()
}
