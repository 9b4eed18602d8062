//! The container images: built without a registry, and the pipeline run from them.

mod base;
mod build;
mod compile;
mod tools;

use std::process::Command;

use anyhow::Result;

use crate::layout;
use crate::process;
use crate::programs;
use crate::report::Report;
use crate::target::Target;
use crate::workspace::Workspace;

pub(crate) use tools::install as install_tools;

/// Where the programs in the images come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// Compiled here, like everything else.
    Host,
    /// Compiled by the Dockerfile's own stage, as `docker build` does: what another platform's always are.
    Dockerfile,
}

/// The tests of the images. They are compiled before the network is taken away from them.
const TESTS: [&str; 7] =
    ["test", "--package", "lakeward-tests", "--features", "lakeward-tests/image", "--test", "image"];

/// Builds both images, runs their tests, and tells their sizes.
pub(crate) fn run(workspace: &Workspace, source: Source, target: Target) -> Result<()> {
    let layout = workspace.layout();
    let mut report = Report::default();
    report.step("tools", || tools::check(target))?;
    let base = report.step("base", || base::prepare(layout, base::Purpose::Run, target))?;
    let folder = layout.images().join(format!("programs-{}", target.container_arch()));
    layout::empty(&folder)?;
    report.step("programs", || match source {
        Source::Host if target == Target::HOST => programs::compile(workspace, target, &folder),
        _ => compile::programs(layout, target, &folder),
    })?;
    let images = report.step("images", || build::twice(layout, &base, &folder, target))?;
    report.step("build the tests", || process::run(workspace.cargo().args(TESTS).arg("--no-run")))?;
    report.step("tests, from the images", || test(workspace, &images, target))?;
    report.step("archives", || build::archive(layout, &images))
}

/// Runs the tests in a network of their own that has nothing but loopback: what a step would download, it could not.
fn test(workspace: &Workspace, images: &build::Images, target: Target) -> Result<()> {
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
    alone.env("LAKEWARD_IMAGE_DUCKDB", workspace.layout().library_for(target));
    if target != Target::HOST {
        alone.env("LAKEWARD_IMAGE_EMULATED", "1");
    }
    process::run(&mut alone)
}
