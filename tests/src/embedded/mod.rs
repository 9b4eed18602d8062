//! The steps as functions of this process, on a local lake that can be forked: what trying out thousands of crash
//! points can afford. The same code as the binaries run, below `main`: the arguments are parsed as theirs are, and every
//! call goes through the real AWS SDK. Time and ids are given, so that a run can be repeated.

mod contents;
mod meanwhile;
mod orders;
mod time;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use aws_config::retry::RetryConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use clap::Parser;
use lakeward_cli::{Context, StepArgs};
use lakeward_local::{Clock as LakeClock, Effect, Faults, LocalLake, Options, Rule, When};
use lakeward_manifest::Step;
use lakeward_outcome::Failure;
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::backend::Backend;
use crate::conformance::{Endpoint, REGION};
pub use contents::{Contents, Shown};
pub use orders::Orders;
pub use time::{SeededIds, TestClock};

/// The bucket of every embedded lake.
pub const BUCKET: &str = "lake";
/// The Glue database of every embedded lake.
pub const DATABASE: &str = "shop";

/// How a step ended: the result that it would have printed, or why it failed.
pub type Ended = Result<Value, Failure>;

/// A local lake in memory and the time that it and its steps go by. A fork goes on alone.
pub struct World {
    lake: LocalLake,
    endpoint: Endpoint,
    clock: Arc<TestClock>,
    ids: Arc<SeededIds>,
    /// Other worlds' attempts have the same ids, and so scratch folders of the same names.
    scratch: TempDir,
    /// How many steps were to die.
    deaths: AtomicU64,
}

impl World {
    /// An empty lake with [`BUCKET`] and [`DATABASE`].
    ///
    /// # Errors
    /// No port or no temporary folder can be had.
    pub async fn start() -> Result<Self> {
        let clock = Arc::new(TestClock::default());
        let lake = LocalLake::start(Options {
            buckets: vec![BUCKET.to_owned()],
            databases: vec![DATABASE.to_owned()],
            clock: lake_clock(&clock),
            ..Options::default()
        });
        Self::of(lake.await?, clock, Arc::new(SeededIds::default()))
    }

    /// A world like this one as it is now.
    ///
    /// # Errors
    /// No port or no temporary folder can be had.
    pub async fn fork(&self) -> Result<Self> {
        let clock = Arc::new(self.clock.fork());
        let lake = self.lake.fork(lake_clock(&clock)).await?;
        Self::of(lake, clock, Arc::new(self.ids.fork()))
    }

    fn of(lake: LocalLake, clock: Arc<TestClock>, ids: Arc<SeededIds>) -> Result<Self> {
        let endpoint = crate::lake::endpoint(&lake);
        let scratch = TempDir::new().context("making a scratch folder")?;
        Ok(Self { lake, endpoint, clock, ids, scratch, deaths: AtomicU64::new(0) })
    }

    /// The lake itself.
    pub const fn lake(&self) -> &LocalLake {
        &self.lake
    }

    /// The faults to come.
    pub fn faults(&self) -> &Faults {
        self.lake.faults()
    }

    /// The time.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Holds the steps' scratch folders.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A client of S3 that never retries and is none of the steps.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.endpoint.s3()
    }

    /// A client of Glue that never retries and is none of the steps.
    pub fn glue(&self) -> aws_sdk_glue::Client {
        self.endpoint.glue()
    }

    /// The lake as tests from outside see it.
    ///
    /// # Errors
    /// No temporary folder can be had.
    pub fn backend(&self) -> Result<Backend> {
        Backend::new(self.endpoint.clone(), self.endpoint.clone(), BUCKET, DATABASE)
    }

    /// Runs a step to its end: `command` is the binary's name and its arguments.
    ///
    /// # Errors
    /// The command line is not one of the step's.
    pub async fn run(&self, command: &Command) -> Result<Ended> {
        let aws = self.aws(&command.caller)?;
        let line = command.line(self.scratch.path());
        let context = |common: &_| {
            let step = command.step;
            Context::embedded(step, common, Arc::clone(&self.clock) as _, Arc::clone(&self.ids) as _, aws)
        };
        match command.step {
            Step::Write => ended(line, context, lakeward_write::run).await,
            Step::Register => ended(line, context, lakeward_register::run).await,
            Step::Verify => ended(line, context, lakeward_verify::run).await,
            Step::Swap => ended(line, context, lakeward_swap::run).await,
            Step::Gc => ended(line, context, lakeward_gc::run).await,
        }
    }

    /// Runs a step that dies, as of SIGKILL, when the rule befalls a request of its own. How it ended, if it was not
    /// befallen. Its calls bear a name that no others have: what the dead step has sent comes to nothing, and the faults of
    /// other steps stay as they are.
    ///
    /// # Errors
    /// The command line is not one of the step's.
    pub async fn run_until(&self, command: &Command, rule: Rule) -> Result<Option<Ended>> {
        let caller = format!("{}-dying-{}", command.caller, self.deaths.fetch_add(1, Ordering::Relaxed));
        let dying = command.clone().called(&caller);
        let fault = self.faults().set(rule.caller(&caller));
        let death = async {
            fault.reached().await;
            self.faults().set(Rule::new(When::Before, Effect::Drop).caller(&caller).times(u64::MAX));
        };
        tokio::select! {
            biased;
            () = death => Ok(None),
            ended = self.run(&dying) => ended.map(Some),
        }
    }

    /// Runs a step that must succeed; gives its result.
    ///
    /// # Errors
    /// It failed.
    pub async fn succeeds(&self, command: &Command) -> Result<Value> {
        match self.run(command).await? {
            Ok(result) => Ok(result),
            Err(failure) => bail!("{command:?} failed as {}: {failure}", failure.kind()),
        }
    }

    /// Reads an object of [`BUCKET`] as JSON.
    ///
    /// # Errors
    /// There is none, or it is none.
    pub async fn json(&self, key: &str) -> Result<Value> {
        let got = self.s3().get_object().bucket(BUCKET).key(key).send().await;
        let body = got.with_context(|| format!("getting {key}"))?.body.collect().await?.into_bytes();
        serde_json::from_slice(&body).with_context(|| format!("{key} is not JSON"))
    }

    fn aws(&self, caller: &str) -> Result<SdkConfig> {
        let key = self.lake.credentials();
        let credentials =
            Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "embedded");
        Ok(SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(self.lake.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .app_name(AppName::new(caller.to_owned()).context("a caller's name")?)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build())
    }
}

fn lake_clock(clock: &Arc<TestClock>) -> LakeClock {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.read())
}

async fn ended<A, R, Running>(
    line: Vec<OsString>,
    context: impl FnOnce(&lakeward_cli::CommonArgs) -> Context,
    run: impl FnOnce(A, Context) -> Running,
) -> Result<Ended>
where
    A: StepArgs + Parser,
    R: Serialize,
    Running: Future<Output = Result<R, Failure>>,
{
    let args = A::try_parse_from(&line).with_context(|| format!("{line:?}"))?;
    let context = context(args.common());
    // Boxed: a step's future is large, and tests hold many at once.
    match Box::pin(run(args, context)).await {
        Ok(result) => Ok(Ok(serde_json::to_value(result).context("a step's result")?)),
        Err(failure) => Ok(Err(failure)),
    }
}

/// A step and its arguments.
#[derive(Clone, Debug)]
pub struct Command {
    step: Step,
    args: Vec<OsString>,
    caller: String,
}

impl Command {
    /// A step without arguments. Its calls bear the name of its binary, by which faults know them.
    pub fn new(step: Step) -> Self {
        Self { step, args: Vec::new(), caller: step.binary().to_owned() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Gives its calls another name, to tell two executions of one step apart.
    #[must_use]
    pub fn called(self, caller: &str) -> Self {
        Self { caller: caller.to_owned(), ..self }
    }

    /// The name that its calls bear.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[OsString] {
        &self.args
    }

    /// Which step it is.
    pub const fn step(&self) -> Step {
        self.step
    }

    /// As it would be typed, with the folder in which a step may make one of its own.
    fn line(&self, scratch: &Path) -> Vec<OsString> {
        let mut line = vec![self.step.binary().into()];
        line.extend(self.args.iter().cloned());
        if self.step == Step::Write {
            line.extend(["--scratch".into(), scratch.into()]);
        }
        line
    }
}
