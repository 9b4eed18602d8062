//! What has to pass before a change lands, cheapest first; the first failure ends it.

use anyhow::Result;

use crate::chart;
use crate::components::{self, Components, SERVERS_AND_READERS};
use crate::fuzz;
use crate::process;
use crate::report::Report;
use crate::workspace::Workspace;

/// Every test that needs nothing but this workspace.
const TEST: [&str; 2] = ["test", "--workspace"];
/// Adds the tests against components that others wrote.
const FULL: [&str; 2] = ["--features", "lakeward-tests/full"];

/// Style, build and all tests that need nothing but this workspace.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    let mut report = Report::default();
    style_checks(&mut report, workspace)?;
    report.step("build", || workspace.build())?;
    report.step("tests", || process::run(workspace.cargo().args(TEST)))
}

/// The same, and what needs components that others wrote.
pub(crate) fn test_full(workspace: &Workspace) -> Result<()> {
    let mut report = Report::default();
    style_checks(&mut report, workspace)?;
    report.step("build", || workspace.build())?;
    let install = || components::install(workspace.layout(), SERVERS_AND_READERS);
    let components = report.step("install components", install)?;
    report.step("cargo-deny", || check_dependencies(workspace, &components))?;
    let tools = report.step("install the chart's tools", || chart::install(workspace.layout()))?;
    report.step("chart", || chart::test(workspace, &tools))?;
    report.step("fuzzing", || fuzz::run(workspace, fuzz::SECONDS))?;
    report.step("tests, with components", || {
        let mut cargo = workspace.cargo();
        process::run(cargo.env("LAKEWARD_VENV", components.folder()).args(TEST).args(FULL))
    })
}

/// The Helm chart alone.
pub(crate) fn chart(workspace: &Workspace) -> Result<()> {
    let mut report = Report::default();
    report.step("build", || workspace.build())?;
    let tools = report.step("install the chart's tools", || chart::install(workspace.layout()))?;
    report.step("chart", || chart::test(workspace, &tools))
}

/// Style alone.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    style_checks(&mut Report::default(), workspace)
}

/// Licences, bans and sources of all dependencies.
pub(crate) fn deny(workspace: &Workspace) -> Result<()> {
    check_dependencies(workspace, &components::install(workspace.layout(), SERVERS_AND_READERS)?)
}

fn style_checks(report: &mut Report, workspace: &Workspace) -> Result<()> {
    report.step("rustfmt", || process::run(workspace.cargo().args(["fmt", "--all", "--check"])))?;
    report.step("clippy", || {
        // The tests against components as well: to compile them takes none.
        let mut cargo = workspace.cargo();
        cargo.args(["clippy", "--workspace", "--all-targets"]).args(FULL);
        process::run(cargo.args(["--", "--deny", "warnings"]))
    })
}

fn check_dependencies(workspace: &Workspace, components: &Components) -> Result<()> {
    let mut deny = workspace.command(&components.program("cargo-deny"));
    // Not the advisories: their database is on a host that not every machine reaches.
    process::run(deny.args(["--workspace", "check", "bans", "licenses", "sources"]))
}
