//! The container images: built without a registry, and the pipeline run from them.

mod base;
mod build;
mod programs;
mod tools;

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::report::Report;
use crate::workspace::Workspace;

pub(crate) use tools::install as install_tools;

/// Where the programs in the images come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// Compiled here, like everything else.
    Host,
    /// Compiled by the Dockerfile's own stage, as `docker build` does.
    Dockerfile,
}

/// The tests of the images. They are compiled before the network is taken away from them.
const TESTS: [&str; 7] =
    ["test", "--package", "lakeward-tests", "--features", "lakeward-tests/image", "--test", "image"];

/// Builds both images, runs their tests, and tells their sizes.
pub(crate) fn run(workspace: &Workspace, source: Source) -> Result<()> {
    let mut report = Report::default();
    report.step("tools", tools::check)?;
    let base = report.step("base", || base::prepare(workspace.layout(), source))?;
    let programs = report.step("programs", || match source {
        Source::Host => programs::compile(workspace),
        Source::Dockerfile => programs::compile_in(workspace.layout(), &base),
    })?;
    let images = report.step("images", || build::twice(workspace.layout(), &base, &programs))?;
    report.step("build the tests", || process::run(workspace.cargo().args(TESTS).arg("--no-run")))?;
    report.step("tests, from the images", || test(workspace, &images))?;
    report.step("archives", || build::archive(workspace.layout(), &images))
}

/// Runs the tests in a network of their own that has nothing but loopback: what a step would download, it could not.
fn test(workspace: &Workspace, images: &build::Images) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(TESTS).arg("--offline");
    let mut alone = Command::new("unshare");
    alone.args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    alone.arg(cargo.get_program()).args(cargo.get_args());
    for (name, value) in cargo.get_envs() {
        match value {
            Some(value) => alone.env(name, value),
            None => alone.env_remove(name),
        };
    }
    alone.current_dir(workspace.layout().root());
    alone.env("LAKEWARD_IMAGE", &images.full).env("LAKEWARD_SLIM_IMAGE", &images.slim);
    process::run(&mut alone)
}
