//! What has to pass before a change lands, cheapest first; the first failure ends it.

use anyhow::Result;

use crate::components::{self, Components};
use crate::process;
use crate::report::Report;
use crate::workspace::Workspace;

/// Style, build and all tests that need nothing but this workspace.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    own_checks(&mut Report::default(), workspace)
}

/// The same, then what needs components that others wrote.
pub(crate) fn test_full(workspace: &Workspace) -> Result<()> {
    let mut report = Report::default();
    own_checks(&mut report, workspace)?;
    let components = report.step("install components", || components::install(workspace.layout()))?;
    report.step("cargo-deny", || check_dependencies(workspace, &components))?;
    report.step("tests with components", || component_tests(workspace, &components))
}

/// Style alone.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    style_checks(&mut Report::default(), workspace)
}

/// Licences, bans and sources of all dependencies.
pub(crate) fn deny(workspace: &Workspace) -> Result<()> {
    check_dependencies(workspace, &components::install(workspace.layout())?)
}

fn own_checks(report: &mut Report, workspace: &Workspace) -> Result<()> {
    style_checks(report, workspace)?;
    report.step("build", || workspace.build())?;
    report.step("tests", || process::run(workspace.cargo().args(["test", "--workspace"])))
}

fn style_checks(report: &mut Report, workspace: &Workspace) -> Result<()> {
    report.step("rustfmt", || process::run(workspace.cargo().args(["fmt", "--all", "--check"])))?;
    report.step("clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
        process::run(workspace.cargo().args(clippy))
    })
}

/// The tests marked `#[ignore = "needs cargo xtask test --full"]`; the others have run already.
fn component_tests(workspace: &Workspace, components: &Components) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.env("LAKEWARD_FULL", "1").env("LAKEWARD_VENV", components.folder());
    process::run(cargo.args(["test", "--workspace", "--tests", "--", "--ignored"]))
}

fn check_dependencies(workspace: &Workspace, components: &Components) -> Result<()> {
    let mut deny = workspace.command(&components.program("cargo-deny"));
    // Not the advisories: their database is on a host that not every machine reaches.
    process::run(deny.args(["--workspace", "check", "bans", "licenses", "sources"]))
}
