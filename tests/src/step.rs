//! The steps as their users run them: separate processes with a clean environment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use lakeward_local::Fault;
use lakeward_outcome::Kind;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::image::{Container, Limits};

/// A step that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(5);
/// What a step is given of the environment of the tests: the rest must not matter.
const INHERITED: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", EXTENSIONS];
/// Where DuckDB's httpfs extension lies.
pub(crate) const EXTENSIONS: &str = "LAKEWARD_EXTENSION_DIR";
/// No step asks the machine that it runs on for credentials.
const NO_METADATA: [(&str, &str); 1] = [("AWS_EC2_METADATA_DISABLED", "true")];
/// The unit of `ulimit -f`, in bytes.
const LIMIT_UNIT: u64 = 512;

/// A step to be run, any number of times.
#[derive(Clone, Debug)]
pub struct Step {
    name: &'static str,
    folder: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: String,
    limit: Option<Limit>,
    shell: Option<String>,
    container: Option<Container>,
}

/// What the system refuses to the step, as a machine at its limits does.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// A larger file than this, in bytes.
    FileSize(u64),
    /// More open files and connections than this.
    OpenFiles(u64),
}

/// The binaries, by their names without the common part.
pub const NAMES: [&str; 6] = ["write", "register", "verify", "swap", "gc", "status"];

impl Step {
    /// The step `name`, such as `write`, with `folder` as its home, working and temporary folder.
    pub(crate) fn new(name: &'static str, folder: &Path) -> Self {
        let (args, env) = (Vec::new(), Vec::new());
        let (folder, stdin) = (folder.to_owned(), String::new());
        Self { name, folder, args, env, stdin, limit: None, shell: None, container: None }
    }

    /// The step that a line for a shell runs, as somebody would who has copied it.
    ///
    /// # Errors
    /// It begins with none of the binaries.
    pub(crate) fn of_shell(line: &str, folder: &Path) -> Result<Self> {
        // A variable may stand before it.
        let program = line.split(' ').find_map(|word| word.strip_prefix("lakeward-"));
        let name = NAMES.into_iter().find(|name| program == Some(*name));
        let name = name.with_context(|| format!("{line:?} begins with no step"))?;
        Ok(Self { shell: Some(line.to_owned()), ..Self::new(name, folder) })
    }

    /// Its home, working and temporary folder, which is made when it is missing.
    #[must_use]
    pub(crate) fn folder(self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// Runs it in such a container; none: as a process of this machine.
    #[must_use]
    pub(crate) fn container(self, container: Option<Container>) -> Self {
        Self { container, ..self }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable; the last value counts.
    #[must_use]
    pub fn env(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.envs([(name, value)])
    }

    /// Sets variables.
    #[must_use]
    pub fn envs<'n>(mut self, variables: impl IntoIterator<Item = (&'n str, impl AsRef<OsStr>)>) -> Self {
        let owned = |(name, value): (&str, _)| (name.into(), AsRef::<OsStr>::as_ref(&value).to_owned());
        self.env.extend(variables.into_iter().map(owned));
        self
    }

    /// What it reads from standard input; nothing without this.
    #[must_use]
    pub fn stdin(self, text: &str) -> Self {
        Self { stdin: text.to_owned(), ..self }
    }

    /// Lets it write no file of more than these bytes: beyond, the system refuses as a full disk does.
    #[must_use]
    pub fn largest_file(self, bytes: u64) -> Self {
        Self { limit: Some(Limit::FileSize(bytes)), ..self }
    }

    /// Lets it have no more than this many files and connections open.
    #[must_use]
    pub fn open_files(self, most: u64) -> Self {
        Self { limit: Some(Limit::OpenFiles(most)), ..self }
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It cannot be started, hangs, or does not write one line of JSON to stdout.
    pub async fn run(&self) -> Result<Ended> {
        self.start().await?.ended().await
    }

    /// Runs it, and gives its result.
    ///
    /// # Errors
    /// As [`Step::run`], or it fails.
    pub async fn succeeds(&self) -> Result<Value> {
        self.run().await?.into_result()
    }

    /// Runs it, and gives the text that it writes to stdout.
    ///
    /// # Errors
    /// It cannot be started, hangs, or fails.
    pub async fn tells(&self) -> Result<String> {
        let output = self.start().await?.output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "lakeward-{} failed:\n{stderr}", self.name);
        String::from_utf8(output.stdout).with_context(|| format!("the text of lakeward-{}", self.name))
    }

    /// Runs it, and gives the message of its failure.
    ///
    /// # Errors
    /// As [`Step::run`], or it does not fail as `kind` with a message that holds all of `words`.
    pub async fn is_refused(&self, kind: Kind, words: &[&str]) -> Result<String> {
        self.run().await?.into_refusal(kind, words)
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start(&self) -> Result<Running> {
        std::fs::create_dir_all(&self.folder).with_context(|| format!("making {}", self.folder.display()))?;
        let mut command = match &self.container {
            Some(container) => self.contained(container),
            None => self.process()?,
        };
        command.args(&self.args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("starting lakeward-{}", self.name))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A step that does not read its input may have closed it.
            let _ = stdin.write_all(self.stdin.as_bytes()).await;
        }
        Ok(Running { name: self.name, child })
    }

    /// A process of this machine.
    fn process(&self) -> Result<Command> {
        let program = program(self.name)?;
        let mut command = match (&self.shell, self.limit) {
            (Some(line), _) => shell(line),
            (None, Some(limit)) => limited(&program, limit),
            (None, None) => Command::new(&program),
        };
        command.current_dir(&self.folder).env_clear();
        let inherited = INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.envs(inherited).env("HOME", &self.folder).env("TMPDIR", &self.folder);
        if self.shell.is_some() {
            command.env("PATH", beside(&program)?);
        }
        command.envs(NO_METADATA).envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// The command that has a container run it.
    fn contained(&self, container: &Container) -> Command {
        let limits = match self.limit {
            Some(Limit::FileSize(bytes)) => Limits { file_size: Some(bytes), open_files: None },
            Some(Limit::OpenFiles(most)) => Limits { file_size: None, open_files: Some(most) },
            None => Limits::default(),
        };
        let own = self.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        let env = NO_METADATA.map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        container.command(self.name, &self.folder, limits, env.into_iter().chain(own))
    }
}

/// The folder of the binaries: `target/debug/deps/<test>` -> `target/debug`.
pub(crate) fn programs() -> Result<PathBuf> {
    let test = std::env::current_exe().context("finding the test executable")?;
    let folder = test.parent().and_then(Path::parent);
    folder.map(Path::to_owned).context("the test executable lies in no target folder")
}

/// The binary of a step.
///
/// # Errors
/// It was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let program = programs()?.join(format!("lakeward-{name}"));
    ensure!(program.is_file(), "{} is missing: build the workspace first (cargo build)", program.display());
    Ok(program)
}

/// The program under a limit, told by an error instead of a signal.
fn limited(program: &Path, limit: Limit) -> Command {
    let (flag, value) = match limit {
        Limit::FileSize(bytes) => ("-f", bytes / LIMIT_UNIT),
        Limit::OpenFiles(most) => ("-n", most),
    };
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit \"$0\" \"$1\" && shift && exec \"$@\"", flag]);
    command.arg(value.to_string()).arg(program);
    command
}

/// A line of a shell.
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

/// The search path with the program's own folder in front.
fn beside(program: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = program.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("joining the search path")
}

/// A step that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Waits until a fault has befallen one of its requests.
    ///
    /// # Errors
    /// It ends without coming to that request, or hangs.
    pub async fn reaches(&mut self, fault: &Fault) -> Result<()> {
        let name = self.name;
        let reached = async {
            tokio::select! {
                biased;
                () = fault.reached() => Ok(()),
                status = self.child.wait() => {
                    bail!("lakeward-{name} ended before it came to the request: {}", status?)
                }
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.map_err(|_| anyhow!("lakeward-{name} hangs before it comes to the request"))?
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// It has ended by itself.
    pub async fn kill(mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "lakeward-{} had ended before it was killed", self.name);
        self.child.kill().await.with_context(|| format!("killing lakeward-{}", self.name))
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// It has ended by itself.
    pub async fn terminate(&self) -> Result<()> {
        let id =
            self.child.id().with_context(|| format!("lakeward-{} had ended before SIGTERM", self.name))?;
        let sent = Command::new("kill").args(["-s", "TERM", &id.to_string()]).status().await;
        ensure!(
            sent.context("running kill")?.success(),
            "SIGTERM could not be sent to lakeward-{}",
            self.name
        );
        Ok(())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// As [`Step::run`].
    pub async fn ended(self) -> Result<Ended> {
        let name = self.name;
        Ended::new(name, &self.output().await?)
    }

    async fn output(self) -> Result<Output> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait_with_output()).await;
        let output = ended.map_err(|_| anyhow!("lakeward-{} hangs", self.name))?;
        output.with_context(|| format!("waiting for lakeward-{}", self.name))
    }
}

/// How a step has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The step.
    pub name: &'static str,
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// The line on stdout.
    pub result: Value,
    /// The logs.
    pub stderr: String,
}

impl Ended {
    fn new(name: &'static str, output: &Output) -> Result<Self> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let result = match stdout.lines().collect::<Vec<_>>()[..] {
            [line] => {
                serde_json::from_str(line).with_context(|| format!("lakeward-{name} wrote {line:?}"))?
            }
            _ => bail!("lakeward-{name} wrote other than one line to stdout:\n{stdout}\n{stderr}"),
        };
        Ok(Self { name, code: output.status.code(), result, stderr })
    }

    /// The result of a step that succeeded.
    ///
    /// # Errors
    /// It failed.
    pub fn into_result(self) -> Result<Value> {
        let Self { name, code, result, stderr } = self;
        ensure!(code == Some(0), "lakeward-{name} failed with {code:?}:\n{stderr}");
        ensure!(result["step"] == name && result["status"] == "done", "lakeward-{name} wrote {result}");
        Ok(result)
    }

    /// The command that goes on from a failure as `kind`; none when the result names none.
    ///
    /// # Errors
    /// It succeeded, or failed otherwise.
    pub fn into_next(self, kind: Kind) -> Result<Option<String>> {
        let next = self.result["next"].as_str().map(str::to_owned);
        let logged = self.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let logged: Vec<Value> = logged.filter(|line| line["level"] == "error").collect();
        let told = logged.iter().any(|line| line["next"] == self.result["next"]);
        ensure!(told, "the log names another command than {next:?}:\n{}", self.stderr);
        self.into_refusal(kind, &[])?;
        Ok(next)
    }

    /// The message of a step that failed as `kind`, in words that tell what to do.
    ///
    /// # Errors
    /// It succeeded, failed otherwise, or its message lacks one of `words`.
    pub fn into_refusal(self, kind: Kind, words: &[&str]) -> Result<String> {
        let Self { name, code, result, stderr } = self;
        let wanted = i32::from(kind.exit_code());
        ensure!(
            code == Some(wanted),
            "lakeward-{name} ended with {code:?} instead of {wanted}: {result}\n{stderr}"
        );
        let told = result["step"] == name && result["status"] == "failed" && result["kind"] == kind.name();
        ensure!(told && result["exit_code"] == wanted, "lakeward-{name} wrote {result}");
        let message = result["error"].as_str().context("a failure without a message")?.to_owned();
        let missing = words.iter().find(|word| !message.contains(**word));
        ensure!(missing.is_none(), "lakeward-{name} does not say {missing:?}: {message}");
        Ok(message)
    }
}
