//! What has to pass before a change lands, cheapest first; the first failure ends it.

use anyhow::Result;

use crate::chart;
use crate::components::{self, AIRFLOW, Components, OBSERVERS, SERVERS_AND_READERS};
use crate::fuzz;
use crate::process;
use crate::report::Report;
use crate::sbom;
use crate::workspace::Workspace;

/// Folders whose Python is checked for style and types.
const PYTHON: [&str; 2] = ["examples/airflow", "tests/airflow"];
/// Every test that needs nothing but this workspace.
const TEST: [&str; 3] = ["test", "--workspace", "--no-fail-fast"];
/// Adds the tests against components that others wrote.
const FULL: [&str; 2] = ["--features", "lakeward-tests/full"];
/// Adds all tests that need more than this workspace.
const EVERY: [&str; 2] = ["--features", "lakeward-tests/full,lakeward-tests/image"];

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
    let airflow = report.step("install Airflow", || components::install(workspace.layout(), AIRFLOW))?;
    let observers =
        report.step("install observers", || components::install(workspace.layout(), OBSERVERS))?;
    report.step("ruff and mypy", || check_python(workspace, &airflow))?;
    report.step("the helper for Airflow", || test_python(workspace, &airflow))?;
    report.step("cargo-deny", || check_dependencies(workspace, &components))?;
    report.step("bill of materials", || sbom::check(workspace))?;
    let tools = report.step("install the chart's tools", || chart::install(workspace.layout()))?;
    report.step("chart", || chart::test(workspace, &tools))?;
    report.step("fuzzing", || fuzz::run(workspace, fuzz::SECONDS))?;
    report.step("tests, with components", || {
        let mut cargo = workspace.cargo();
        cargo.env("LAKEWARD_VENV", components.folder()).env("LAKEWARD_AIRFLOW_VENV", airflow.folder());
        cargo.env("LAKEWARD_OBSERVE_VENV", observers.folder());
        process::run(cargo.args(TEST).args(FULL))
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
        cargo.args(["clippy", "--workspace", "--all-targets"]).args(EVERY);
        process::run(cargo.args(["--", "--deny", "warnings"]))
    })
}

/// Style and types of the Python that users of Airflow read and run, and of what tests it.
fn check_python(workspace: &Workspace, airflow: &Components) -> Result<()> {
    let checks: [(&str, &[&str]); 3] =
        [("ruff", &["check"]), ("ruff", &["format", "--check"]), ("mypy", &["--strict"])];
    checks.into_iter().try_for_each(|(program, arguments)| {
        process::run(workspace.command(&airflow.program(program)).args(arguments).args(PYTHON))
    })
}

/// What the helper has Airflow ask of Kubernetes. Airflow keeps its settings in the target folder, and no database.
fn test_python(workspace: &Workspace, airflow: &Components) -> Result<()> {
    let [helper, tests] = PYTHON;
    let mut python = workspace.command(&airflow.program("python"));
    python.args(["-B", "-m", "unittest", "discover", "--start-directory", tests]);
    python.env("PYTHONPATH", helper).env("AIRFLOW_HOME", workspace.layout().target().join("airflow"));
    process::run(&mut python)
}

fn check_dependencies(workspace: &Workspace, components: &Components) -> Result<()> {
    let mut deny = workspace.command(&components.program("cargo-deny"));
    // Not the advisories: their database is on a host that not every machine reaches.
    process::run(deny.args(["--workspace", "check", "bans", "licenses", "sources"]))
}
