//! A real Airflow that runs the DAGs of `examples/airflow`, with a double of Kubernetes: `tests/airflow`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;

use crate::backend::Backend;
use crate::step::{self, EXTENSIONS};

/// Names the folder of the Python environment that `tests/airflow/requirements.txt` describes.
const VENV: &str = "LAKEWARD_AIRFLOW_VENV";
/// A DAG run with one retry takes a minute or two on a busy machine; what takes this long hangs.
const PATIENCE: Duration = Duration::from_mins(8);

/// An Airflow that is running. Dropped, it ends with all its processes.
#[derive(Debug)]
pub struct Airflow {
    server: Child,
    environment: BTreeMap<String, String>,
    folder: PathBuf,
}

/// How a DAG run is.
#[derive(Clone, Debug, Deserialize)]
pub struct DagRun {
    /// Airflow's name for it.
    pub run_id: String,
    /// When it was due, in ISO 8601.
    pub run_after: String,
    /// `success`, `failed`, `running` or `queued`.
    pub state: String,
    /// Its tasks, by their ids.
    pub tasks: BTreeMap<String, Task>,
}

/// How a task of a DAG run is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Task {
    /// `success`, `failed`, `up_for_retry`, `skipped`, `upstream_failed` and the like; none before it is its turn.
    pub state: Option<String>,
    /// How often it was started.
    pub tries: u32,
}

impl Airflow {
    /// Starts it. Its pods reach the lake of `backend`, and find `specs` in the config map `lakeward-specs`.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn start(backend: &Backend, specs: &[(&str, &str)]) -> Result<Self> {
        let folder = backend.folder().join("airflow");
        let config_map = folder.join("config-maps/lakeward-specs");
        std::fs::create_dir_all(&config_map).with_context(|| format!("making {}", config_map.display()))?;
        for (name, text) in specs {
            std::fs::write(config_map.join(name), text).with_context(|| format!("writing {name}"))?;
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
        let log = folder.join("serve.log");
        let mut command = Command::new(python()?);
        command.arg(script("serve.py")).arg(folder.join("home")).arg(workspace.join("examples/airflow"));
        command.arg(folder.join("config-maps")).arg(step::programs()?);
        command
            .env_clear()
            .envs(inherited())
            .envs(backend.step_env())
            .env("AWS_EC2_METADATA_DISABLED", "true");
        // It ends with its input, and its input with this process, however that ends.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(std::fs::File::create(&log)?);
        let mut server = command.spawn().context("starting Airflow")?;
        let output = server.stdout.take().context("its output is not piped")?;
        let mut airflow = Self { server, environment: BTreeMap::new(), folder };
        let line = tokio::task::spawn_blocking(move || BufReader::new(output).lines().next().transpose());
        let line = tokio::time::timeout(PATIENCE, line).await.map_err(|_| anyhow!("it hangs"))???;
        let Some(line) = line else {
            bail!("Airflow did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default())
        };
        airflow.environment = serde_json::from_str(&line).with_context(|| format!("reading {line}"))?;
        Ok(airflow)
    }

    /// Runs a command of Airflow's command line, as a person would.
    ///
    /// # Errors
    /// It fails or hangs.
    pub async fn command(&self, arguments: &[&str]) -> Result<()> {
        self.run(&python()?.with_file_name("airflow"), arguments).await.map(drop)
    }

    /// Waits until the first run of a DAG whose id begins with `run` has ended.
    ///
    /// # Errors
    /// It does not end.
    pub async fn ended(&self, dag: &str, run: &str) -> Result<DagRun> {
        self.wait(&[dag, run]).await
    }

    /// Waits until a task of such a run is in a state.
    ///
    /// # Errors
    /// It never is.
    pub async fn reaches(&self, dag: &str, run: &str, task: &str, state: &str) -> Result<DagRun> {
        self.wait(&[dag, run, task, state]).await
    }

    async fn wait(&self, arguments: &[&str]) -> Result<DagRun> {
        let script = script("await_run.py");
        let arguments: Vec<&OsStr> =
            std::iter::once(script.as_os_str()).chain(arguments.iter().map(OsStr::new)).collect();
        let printed = self.run(&python()?, &arguments).await?;
        let run = printed.lines().last().context("nothing was printed")?;
        serde_json::from_str(run).with_context(|| format!("reading {run}"))
    }

    async fn run(&self, program: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<String> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env_clear().envs(&self.environment).stdin(Stdio::null()).kill_on_drop(true);
        let words: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
        let line = format!("{} {}", program.display(), words.join(" "));
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output.map_err(|_| anyhow!("{line} hangs:\n{}", self.logs()))??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (told, said) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "{line} failed:\n{told}{said}");
        Ok(told)
    }

    /// The last of what its parts have logged.
    fn logs(&self) -> String {
        let parts = ["api-server", "dag-processor", "scheduler"];
        let tail = |part: &str| {
            let log =
                std::fs::read_to_string(self.folder.join(format!("home/{part}.log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            format!("{part}:\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        parts.map(tail).concat()
    }
}

impl Drop for Airflow {
    fn drop(&mut self) {
        // Ends what it has started, and then itself; there is nobody left to tell if it has ended before.
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

impl DagRun {
    /// The state of a task, and how often it was started.
    ///
    /// # Errors
    /// There is no such task.
    pub fn task(&self, id: &str) -> Result<(&str, u32)> {
        let task = self.tasks.get(id).with_context(|| format!("{id} is no task of {self:?}"))?;
        Ok((task.state.as_deref().unwrap_or("none"), task.tries))
    }
}

fn python() -> Result<PathBuf> {
    let venv = std::env::var_os(VENV)
        .with_context(|| format!("{VENV} is not set: run this test by `cargo xtask test --full`"))?;
    Ok(Path::new(&venv).join("bin/python"))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("airflow").join(name)
}

/// What Airflow and the pods are given of the environment of the tests.
fn inherited() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let names = ["PATH", "LD_LIBRARY_PATH", EXTENSIONS, "PYTHONDONTWRITEBYTECODE"];
    names.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}
