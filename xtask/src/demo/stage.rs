//! Runs the steps, shows how they ended, and sees to it that they ended as the story has it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::demo::admin::{Admin, Fault};
use crate::demo::show;
use crate::layout;
use crate::local_lake::LocalLake;
use crate::workspace::Workspace;

/// Shows what a reader sees.
const READER: &str = "read-lake";

/// How long a step goes on without the lake: should this program be killed, the lake goes with it.
const PATIENCE: &str = "20s";

/// Where steps run.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    workspace: &'a Workspace,
    lake: &'a LocalLake,
    /// What the steps log.
    log: PathBuf,
    /// Where they keep what is on its way to S3: a step that is killed leaves it behind.
    scratch: PathBuf,
}

impl<'a> Stage<'a> {
    /// A stage that keeps its log and scratch in `folder`, where both begin anew.
    pub(crate) fn open(workspace: &'a Workspace, lake: &'a LocalLake, folder: &Path) -> Result<Self> {
        let log = folder.join("steps.log");
        File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let scratch = folder.join("scratch");
        layout::empty(&scratch)?;
        Ok(Self { workspace, lake, log, scratch })
    }

    /// The interface to failures and requests.
    pub(crate) fn admin(&self) -> Result<Admin<'a>> {
        Admin::of(self.lake)
    }

    /// Runs a step that has to succeed, and returns its result.
    pub(crate) fn succeeds(&self, step: &str, arguments: &[&str]) -> Result<Value> {
        self.ends_with(0, step, arguments)
    }

    /// Runs a step that has to be refused with this exit code, and returns its result.
    pub(crate) fn refused(&self, exit_code: i32, step: &str, arguments: &[&str]) -> Result<Value> {
        self.ends_with(exit_code, step, arguments)
    }

    fn ends_with(&self, exit_code: i32, step: &str, arguments: &[&str]) -> Result<Value> {
        let (mut command, name) = self.step(step, arguments)?;
        let start = Instant::now();
        let output = command.output().with_context(|| format!("cannot run {name}"))?;
        let result: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the result of {name} is not JSON; see {}", self.log.display()))?;
        show::outcome(&show::result(&result), &ended(output.status, start.elapsed()));
        ensure!(
            output.status.code() == Some(exit_code),
            "{name} had to end with {exit_code} and did with {}; see {}",
            output.status,
            self.log.display()
        );
        Ok(result)
    }

    /// Runs a step and kills it once a fault holds it up.
    pub(crate) fn killed(
        &self,
        step: &str,
        arguments: &[&str],
        admin: &Admin<'_>,
        fault: &Fault,
    ) -> Result<()> {
        let (mut command, name) = self.step(step, arguments)?;
        let start = Instant::now();
        let mut process =
            command.stdout(Stdio::null()).spawn().with_context(|| format!("cannot run {name}"))?;
        let held_up = admin.wait_for(fault);
        // Whether or not it was held up, it must not outlive the demonstration.
        process.kill().with_context(|| format!("cannot kill {name}"))?;
        let status = process.wait().with_context(|| format!("cannot wait for {name}"))?;
        held_up?;
        if status.code().is_some() {
            bail!("{name} ended before it could be killed: {status}");
        }
        let told = "killed in the middle of its uploads".to_owned();
        show::outcome(&[told], &ended(status, start.elapsed()));
        Ok(())
    }

    /// What a reader prints who knows nothing of Lakeward.
    pub(crate) fn reads(&self, arguments: &[&str]) -> Result<String> {
        self.prints(READER, arguments)
    }

    /// What `lakeward-status` tells.
    pub(crate) fn status(&self, root: &str) -> Result<String> {
        self.prints("lakeward-status", &[root])
    }

    fn prints(&self, program: &str, arguments: &[&str]) -> Result<String> {
        show::command(program, arguments);
        let output =
            self.command(program, arguments)?.output().with_context(|| format!("cannot run {program}"))?;
        ensure!(output.status.success(), "{program} failed: {}; see {}", output.status, self.log.display());
        let text =
            String::from_utf8(output.stdout).with_context(|| format!("{program} did not write UTF-8"))?;
        text.lines().for_each(|line| println!("  {line}"));
        Ok(text)
    }

    fn step(&self, step: &str, arguments: &[&str]) -> Result<(Command, String)> {
        let name = format!("lakeward-{step}");
        show::command(&name, arguments);
        Ok((self.command(&name, arguments)?, name))
    }

    /// A program of the workspace that uses this lake and logs to the stage's file.
    fn command(&self, name: &str, arguments: &[&str]) -> Result<Command> {
        let log = OpenOptions::new().append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot open {}", self.log.display()))?;
        let mut command = self.workspace.command(&self.workspace.executable(name));
        self.lake.configure(&mut command);
        command.args(arguments).stdin(Stdio::null()).stderr(log);
        command.env("LAKEWARD_LOG_FORMAT", "text").env("LAKEWARD_SCRATCH", &self.scratch);
        command.env("LAKEWARD_PATIENCE", PATIENCE);
        Ok(command)
    }
}

fn ended(status: ExitStatus, time: Duration) -> String {
    let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit {code}"));
    format!("{how}, {:.1} s", time.as_secs_f64())
}
