//! The local lake as a process of its own, for as long as a demonstration lasts.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::layout;
use crate::workspace::{EXTENSIONS, Workspace};

/// The executable that serves it.
const PROGRAM: &str = "lakeward-local";

/// What it prints for its clients; once all are there, it serves.
const VARIABLES: [&str; 6] = [
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
];

/// Files that the AWS SDKs read beside the environment.
const AWS_FILES: [&str; 2] = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A lake that is serving; it ends with this value.
#[derive(Debug)]
pub(crate) struct LocalLake {
    process: Child,
    variables: BTreeMap<String, String>,
}

impl LocalLake {
    /// Starts a lake that keeps its objects in `folder/lake`, which it empties first, and logs to
    /// `folder/lake.log`. It holds one bucket and one Glue database.
    pub(crate) fn start(workspace: &Workspace, folder: &Path, bucket: &str, database: &str) -> Result<Self> {
        let objects = folder.join("lake");
        layout::empty(&objects)?;
        let log = folder.join("lake.log");
        let mut command = workspace.command(&workspace.executable(PROGRAM));
        command.arg("--dir").arg(&objects).args(["--bucket", bucket, "--database", database]);
        // Its input ends with this process, however that ends, and so does the lake.
        command.arg("--until-stdin-ends").stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut process = command.spawn().with_context(|| format!("cannot start {PROGRAM}"))?;
        let output = process.stdout.take().context("its output is not piped")?;
        let mut lake = Self { process, variables: BTreeMap::new() };
        lake.wait(&lines(output))
            .with_context(|| format!("{PROGRAM} did not start; see {}", log.display()))?;
        Ok(lake)
    }

    /// Where it listens: `127.0.0.1:4566`.
    pub(crate) fn host(&self) -> Result<&str> {
        let url = self.variables.get("AWS_ENDPOINT_URL").context("the lake has no endpoint")?;
        url.strip_prefix("http://").with_context(|| format!("{url} is no http:// endpoint"))
    }

    /// Points a command at this lake, and at no other: of the caller's own settings for AWS nothing stays, so
    /// that no demonstration ever reaches an account, and none for Lakeward but where the extensions lie.
    pub(crate) fn configure(&self, command: &mut Command) {
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || (text.starts_with("LAKEWARD_") && text != EXTENSIONS) {
                command.env_remove(name);
            }
        }
        command.envs(AWS_FILES.map(|file| (file, "/dev/null"))).envs(&self.variables);
    }

    fn wait(&mut self, lines: &Receiver<String>) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !VARIABLES.iter().all(|name| self.variables.contains_key(*name)) {
            let line = lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .with_context(|| format!("it has to print {}", VARIABLES.join(", ")))?;
            self.variables.extend(exported(&line));
        }
        Ok(())
    }
}

impl Drop for LocalLake {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads on for as long as the process lives, so that it never waits for a reader.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The receiver goes once the lake has started.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The name and value of a line such as `export AWS_REGION=us-east-1`.
fn exported(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    let value = value.trim();
    let quoted = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    let value = quoted('\'').or_else(|| quoted('"')).unwrap_or(value);
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_variable_is_read_as_a_shell_would() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(exported("export AWS_REGION=us-east-1"), pair("AWS_REGION", "us-east-1"));
        assert_eq!(exported("export A='b c'"), pair("A", "b c"));
        assert_eq!(exported("export A=\"b=c\""), pair("A", "b=c"));
        assert_eq!(exported("# export nothing"), None);
    }
}
