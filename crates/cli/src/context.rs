//! What a step's code is given besides its arguments.

use std::sync::Arc;

use jiff::Timestamp;
use lakeward_aws::{Caller, Cancel, RetryPolicy, SdkConfig};
use lakeward_manifest::{CommandLine, ExecutionId, RunId, ShellCommand, Stamp, Step, TableRoot};
use lakeward_observe::{CallCount, Ending, Execution, Measure, Place, Record};
use lakeward_outcome::Failure;

use crate::args::{CommonArgs, Sse};
use crate::clock::{Clock, Ids};
use crate::given::Given;
use crate::logs::Identity;
use crate::observers::Observers;
use crate::program::Program;
use crate::progress::{Bar, Unit};

/// Clock, ids, AWS, and the identity that logs carry. Made once for each execution.
#[derive(Clone)]
pub struct Context<P = Step> {
    program: P,
    execution: ExecutionId,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    caller: Caller,
    identity: Identity,
    observers: Observers,
    started: Timestamp,
    aws: AwsSource,
    expected_bucket_owner: Option<String>,
    catalog_id: Option<String>,
    encryption: Option<EncryptionArgs>,
    given: Given,
}

/// Server-side encryption as the user asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionArgs {
    /// How; nothing when only a key was named.
    pub sse: Option<Sse>,
    /// The KMS key.
    pub kms_key_id: Option<String>,
    /// Whether S3 may use one data key for many objects.
    pub bucket_key: bool,
}

impl EncryptionArgs {
    fn of(common: &CommonArgs) -> Option<Self> {
        let (kms_key_id, bucket_key) = (common.sse_kms_key_id.clone(), common.bucket_key_enabled);
        let asked = common.sse.is_some() || kms_key_id.is_some() || bucket_key;
        asked.then_some(Self { sse: common.sse, kms_key_id, bucket_key })
    }
}

/// Where the AWS configuration comes from.
#[derive(Clone)]
enum AwsSource {
    /// The SDK's usual places, with this Region over the configured one.
    Environment { region: Option<String> },
    /// Whoever runs the step inside a program of their own.
    Given(Box<SdkConfig>),
}

impl<P: Program> Context<P> {
    pub(crate) fn new(
        program: P,
        common: &CommonArgs,
        execution: ExecutionId,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let policy = RetryPolicy { patience: common.patience, ..RetryPolicy::default() };
        Self {
            program,
            execution,
            started: clock.now(),
            clock,
            ids,
            caller: Caller::new(policy, Cancel::new()),
            identity: Identity::default(),
            observers: Observers::default(),
            aws: AwsSource::Environment { region: common.region.clone() },
            expected_bucket_owner: common.expected_bucket_owner.clone(),
            catalog_id: common.catalog_id.clone(),
            encryption: EncryptionArgs::of(common),
            given: Given::default(),
        }
    }

    /// The same, with the flags that the execution was given.
    pub(crate) fn given(self, given: Given) -> Self {
        Self { given, ..self }
    }

    /// The same, told of in these logs and to these observers.
    pub(crate) fn observed(self, identity: Identity, observers: Observers) -> Self {
        Self { identity, observers, ..self }
    }

    /// A step inside another program: its clock, ids and AWS configuration are given, and it logs to nowhere of its own.
    ///
    /// The configuration must not retry by itself (as [`lakeward_aws::load`] sees to), or an answer that was lost would
    /// go unnoticed.
    pub fn embedded(
        program: P,
        common: &CommonArgs,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        aws: SdkConfig,
    ) -> Self {
        let execution = ExecutionId::from_random(ids.random());
        let context = Self::new(program, common, execution, clock, ids);
        Self { aws: AwsSource::Given(Box::new(aws)), ..context }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// 128 random bits.
    pub fn random(&self) -> u128 {
        self.ids.random()
    }

    /// This execution's own id.
    pub const fn execution(&self) -> &ExecutionId {
        &self.execution
    }

    /// Makes calls to AWS: retries, counts, stops at SIGTERM.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The flag that SIGTERM raises.
    pub const fn cancel(&self) -> &Cancel {
        self.caller.cancel()
    }

    /// The account that must own the buckets, if the user named one.
    pub fn expected_bucket_owner(&self) -> Option<&str> {
        self.expected_bucket_owner.as_deref()
    }

    /// The account whose Glue Data Catalog is used, when not the caller's own.
    pub fn catalog_id(&self) -> Option<&str> {
        self.catalog_id.as_deref()
    }

    /// How objects are to be encrypted, if the user said so.
    pub const fn encryption(&self) -> Option<&EncryptionArgs> {
        self.encryption.as_ref()
    }

    /// The AWS configuration as the SDK finds it.
    ///
    /// # Errors
    /// No Region or no credentials: [`Kind::Configuration`](lakeward_outcome::Kind::Configuration).
    pub async fn aws(&self) -> Result<SdkConfig, Failure> {
        match &self.aws {
            AwsSource::Given(config) => Ok(SdkConfig::clone(config)),
            AwsSource::Environment { region } => self.load_aws(region.clone()).await,
        }
    }

    /// The AWS configuration for another Region.
    ///
    /// # Errors
    /// As [`Context::aws`].
    pub async fn aws_in(&self, region: String) -> Result<SdkConfig, Failure> {
        match &self.aws {
            AwsSource::Given(config) => Ok(lakeward_aws::in_region(config, region)),
            AwsSource::Environment { .. } => self.load_aws(Some(region)).await,
        }
    }

    async fn load_aws(&self, region: Option<String>) -> Result<SdkConfig, Failure> {
        Ok(lakeward_aws::load(lakeward_aws::Options { region, app_name: self.program.binary() }).await?)
    }

    /// A command that continues this execution's work, with the flags that it was given as far as they are that step's
    /// too. None when no shell can carry it.
    pub fn command(&self, line: CommandLine) -> Option<ShellCommand> {
        self.given.complete(line, self.program).to_shell()
    }

    /// Begins to work on a run: names it in every log line from here on, and tells the observers. To be called before
    /// anything is asked of AWS, so that all of it is in the run's trace.
    pub fn begin_run(&self, root: &TableRoot, run: &RunId) {
        self.identify("run", run);
        self.begin(root, Some(run));
    }

    /// Begins to work on a table as a whole: tells the observers.
    pub fn begin_table(&self, root: &TableRoot) {
        self.begin(root, None);
    }

    fn begin(&self, root: &TableRoot, run: Option<&RunId>) {
        let place = Place {
            bucket: root.bucket().to_owned(),
            prefix: root.prefix().to_owned(),
            run: run.map(ToString::to_string),
        };
        self.observers.begin(place, self.started);
    }

    /// Names the table, run or attempt in every log line from here on.
    pub fn identify(&self, field: &'static str, value: &impl ToString) {
        self.identity.set(field, value.to_string());
    }

    /// What log lines and failures say of this execution.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Writes down a measure of this execution, over what was written before.
    pub fn measure(&self, measure: Measure, value: u64) {
        self.record().set(measure, value);
    }

    /// What this execution writes down of itself, for those that run beside the step.
    pub const fn record(&self) -> &Record {
        self.observers.record()
    }

    /// The same, if somebody wants to know what a query reads.
    pub fn keep_lineage(&self) -> Option<Record> {
        self.observers.keep_lineage().then(|| self.record().clone())
    }

    /// The execution as others are told of it, which ends now.
    pub(crate) fn ended(&self, ending: Ending) -> Execution {
        let mut known = self.identity.snapshot();
        let calls = self.caller.calls().by_operation().into_iter();
        Execution {
            step: self.program.name(),
            id: self.execution.to_string(),
            table: known.remove("table").unwrap_or_default(),
            run: known.remove("run").unwrap_or_default(),
            attempt: known.remove("attempt").unwrap_or_default(),
            started: self.started,
            ended: self.now(),
            ending,
            measures: self.record().measures(),
            calls: calls
                .map(|(operation, count)| CallCount {
                    service: operation.service,
                    operation: operation.name,
                    sent: count.sent,
                    retries: count.retries,
                })
                .collect(),
        }
    }

    /// A progress bar, shown on a terminal only.
    pub fn progress(&self, what: &'static str, total: u64, unit: Unit) -> Bar {
        Bar::new(what, total, unit)
    }
}

impl Context<Step> {
    /// Which step this is.
    pub const fn step(&self) -> Step {
        self.program
    }

    /// The stamp of a change that is made now.
    pub fn stamp(&self) -> Stamp {
        Stamp { at: self.now(), step: self.program, execution: self.execution.clone() }
    }
}
