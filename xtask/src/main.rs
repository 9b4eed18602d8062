//! The project's own tasks: `cargo xtask demo`, `cargo xtask test` and what they need.
//!
//! Each command does all of its own set-up, so that a bare machine with Rust, a C compiler, Python 3 and
//! npm is enough, and Go for the chart. Downloads and the target folder live in a cache under the home
//! folder, shared between clones: only the first build pays.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing to a terminal is what this program does"
)]

mod chart;
mod checks;
mod cluster;
mod components;
mod debian;
mod demo;
mod duckdb;
mod fetch;
mod fuzz;
mod image;
mod layout;
mod licences;
mod local_lake;
mod pins;
mod process;
mod programs;
mod report;
mod sbom;
mod shipped;
mod target;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::image::Source;
use crate::layout::Layout;
use crate::target::Target;
use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo           publish the example data to a local lake, mishaps included
  test           everything that has to pass before a change lands
  test --full    the same, then against components that others wrote (installed into the cache)
  fuzz [--seconds N]
                 look for texts from outside that break a promise, 20 s for each parser
  chart          lint, render, validate and test the Helm chart
  chart --readme put the values into the chart's README
  cluster        run the Helm chart in a Kubernetes with Argo Workflows 3.7, as root on Debian
  cluster --argo-4
                 the same with 4.0
  programs FOLDER
                 compile the programs for release, and put them and DuckDB into a folder
  image          build the container images without a registry, and run the pipeline from them
  image --from-source
                 the same, with programs that the Dockerfile compiles
  image --install
                 install what that takes, on Debian
  lint           only rustfmt and clippy
  deny           licences, bans and sources of all dependencies
  sbom           write the bill of materials of what is shipped, as CycloneDX
  sbom --check   the same, and hold it against the schema of CycloneDX
  setup          fetch DuckDB, so that plain cargo commands work too
  setup --full   fetch what `test --full` needs as well
  cargo <args>   run cargo with the target folder and settings of the commands above

programs, image and sbom take --platform linux/amd64 or --platform linux/arm64 as their last words, to build for
another platform than this machine's.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        [] | ["help" | "--help" | "-h"] => print!("{USAGE}"),
        ["demo"] => demo::run(&prepare()?)?,
        ["test"] => checks::test(&prepare()?)?,
        ["test", "--full"] => checks::test_full(&prepare()?)?,
        ["fuzz"] => fuzz::run(&prepare()?, fuzz::SECONDS)?,
        ["fuzz", "--seconds", seconds] => fuzz::run(&prepare()?, seconds)?,
        ["chart"] => checks::chart(&prepare()?)?,
        ["chart", "--readme"] => chart::write_readme(&Layout::from_environment()?)?,
        ["cluster"] => cluster::run(&prepare()?, cluster::ARGO_3)?,
        ["cluster", "--argo-4"] => cluster::run(&prepare()?, cluster::ARGO_4)?,
        ["programs", folder, rest @ ..] if !folder.starts_with('-') => {
            programs::compile(&prepare()?, platform(rest)?, &std::path::absolute(folder)?)?;
        }
        ["image", "--install", rest @ ..] => image::install_tools(platform(rest)?)?,
        ["image", "--from-source", rest @ ..] => {
            image::run(&prepare()?, Source::Dockerfile, platform(rest)?)?;
        }
        ["image", rest @ ..] => image::run(&prepare()?, Source::Host, platform(rest)?)?,
        ["lint"] => checks::lint(&prepare()?)?,
        ["deny"] => checks::deny(&prepare()?)?,
        ["sbom", "--check"] => sbom::check(&prepare()?)?,
        ["sbom", rest @ ..] => println!("{}", sbom::write(&prepare()?, platform(rest)?)?.display()),
        ["setup"] => drop(prepare()?),
        ["setup", "--full"] => setup_full(prepare()?.layout())?,
        ["cargo", rest @ ..] => process::run(prepare()?.cargo().args(rest))?,
        unknown => {
            eprint!("error: no such command: {}\n\n{USAGE}", unknown.join(" "));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The target that the last words of a command name.
fn platform(words: &[&str]) -> Result<Target> {
    match words {
        [] => Ok(Target::HOST),
        ["--platform", platform] => Target::of_platform(platform),
        unknown => bail!("not understood: {}; see `cargo xtask help`", unknown.join(" ")),
    }
}

/// Fetches what the full tests need beyond a build.
fn setup_full(layout: &Layout) -> Result<()> {
    components::install(layout, components::SERVERS_AND_READERS)?;
    components::install(layout, components::AIRFLOW)?;
    chart::install(layout).map(drop)
}

/// Fetches what every build needs and takes the target folder.
fn prepare() -> Result<Workspace> {
    let layout = Layout::from_environment()?;
    duckdb::install(&layout)?;
    Workspace::open(layout)
}
