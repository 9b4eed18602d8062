//! Plays a history, and compares the lake with the model after each event.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use lakeward_local::{Effect, Fault, Rule, When};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Command, Contents, Ended, Orders, World};
use proptest::sample::Index;

use crate::model::{Known, Model};
use crate::operations::{Death, Keep, Operation};

/// The name that the calls of a step bear which stalls.
const STALLED: &str = "stalled";

/// A step that stalls.
struct Stalled {
    fault: Fault,
    running: Pin<Box<dyn Future<Output = Result<Ended>>>>,
}

pub(crate) struct History {
    world: Arc<World>,
    table: Orders,
    model: Model,
    /// How many runs have begun.
    runs: usize,
    stalled: Option<Stalled>,
    /// The lake after the last event.
    before: Contents,
    /// The runs as their manifests said after the last event.
    known: BTreeMap<String, Known>,
}

impl History {
    /// Begins where a first run is live.
    pub(crate) async fn begin(world: World, table: Orders) -> Result<Self> {
        let (world, model, before) = (Arc::new(world), Model::default(), Contents::default());
        let mut history =
            Self { world, table, model, runs: 1, stalled: None, before, known: BTreeMap::new() };
        history.check(None).await?;
        Ok(history)
    }

    /// Lets an event happen, and checks what it left.
    pub(crate) async fn play(&mut self, operation: &Operation) -> Result<()> {
        let mut keep = None;
        match operation {
            Operation::Run { steps } => {
                for step in self.next_run(*steps) {
                    self.step(&step, None).await?;
                }
            }
            Operation::Reject => {
                let mut steps = self.next_run(2);
                steps.push(Orders::reject(self.runs - 1).args(HASTE));
                for step in steps {
                    self.step(&step, None).await?;
                }
            }
            Operation::Die { steps, at } => {
                let steps = self.next_run(*steps);
                for (n, step) in steps.iter().enumerate() {
                    self.step(step, (n + 1 == steps.len()).then_some(*at)).await?;
                }
            }
            Operation::GoOn { run } => {
                if let Some(step) = self.next_step(self.pick(*run)) {
                    self.step(&step, None).await?;
                }
            }
            Operation::RollBack { run, at } => {
                self.step(&Orders::roll_back(self.pick(*run)).args(HASTE), *at).await?;
            }
            Operation::Abandon { run, at } => self.abandon(self.pick(*run), *at).await?,
            Operation::Collect { keep: settings, at } => {
                self.collect(settings, *at).await?;
                keep = Some(settings);
            }
            Operation::Upload { run } => self.begin_upload(self.pick(*run)).await?,
            Operation::Pass { time } => self.world.clock().advance(*time),
            Operation::SetBack { time } => self.world.clock().set_back(*time),
            Operation::Stall { steps, operation, nth } => self.stall(*steps, operation, *nth).await?,
            Operation::Wake => self.wake().await?,
        }
        self.check(keep).await
    }

    /// Much later: with no grace, gc leaves the live version and nothing else.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.wake().await?;
        self.check(None).await?;
        self.world.clock().advance(Duration::from_hours(24 * 100));
        let live = self.before.tables.get(Orders::NAME);
        if live.is_none_or(|live| live.run.is_none() || live.swapping.is_some()) {
            for step in self.table.publish(self.runs) {
                self.world.succeeds(&step).await?;
            }
            self.world.clock().advance(Duration::from_hours(1));
        }
        self.world.succeeds(&Orders::gc_all()).await?;
        let left = Contents::of(&self.world).await?;
        let live = left.tables.get(Orders::NAME).context("the live table is gone")?;
        let run = live.run.as_ref().context("no run is live")?;
        ensure!(left.tables.len() == 1, "tables are left: {:?}", left.tables);
        ensure!(left.uploads.is_empty(), "uploads are left: {:?}", left.uploads);
        let orphan = left.files.keys().find(|key| !live.locations.iter().any(|at| is_under(key, at)));
        ensure!(orphan.is_none(), "{orphan:?} is left, and {live:?} is live");
        let alive = left.phases.iter().find(|(id, phase)| *id != run && *phase != "retired");
        ensure!(alive.is_none(), "a run is left: {alive:?}");
        // A failure on the way to where the live version is now may be noted beside its manifest.
        let expected = ["orders/_runs/capabilities.json", &format!("orders/_runs/{run}/last-failure.json")];
        let other = left.others.iter().find(|key| !expected.contains(&key.as_str()));
        ensure!(other.is_none(), "{other:?} is left");
        self.shows_whole_versions(&left)
    }

    /// The first steps of a new run.
    fn next_run(&mut self, steps: usize) -> Vec<Command> {
        self.runs += 1;
        let all = self.table.publish(self.runs - 1).into_iter().take(steps);
        all.map(|step| step.args(HASTE)).collect()
    }

    fn pick(&self, run: Index) -> usize {
        run.index(self.runs)
    }

    /// The step that an orchestrator would run next.
    fn next_step(&self, run: usize) -> Option<Command> {
        let step = match self.before.phases.get(&Orders::run(run)).map(String::as_str) {
            None | Some("writing") => self.table.write(run),
            Some("written") => Orders::register(run),
            Some("registered") => Orders::verify(run),
            Some("verified") => Orders::swap(run),
            Some(_) => return None,
        };
        Some(step.args(HASTE))
    }

    /// Runs a step, which may fail, and may die.
    async fn step(&self, step: &Command, at: Option<Death>) -> Result<Option<Ended>> {
        let ended = match at {
            None => Some(self.world.run(step).await?),
            Some(Death { nth, when }) => {
                let rule = Rule::new(when, Effect::Drop).nth(nth).times(u64::MAX);
                self.world.run_until(step, rule).await?
            }
        };
        ended.map(as_documented).transpose()
    }

    /// Runs gc, which lives or has died: nothing that happens here keeps it from its work for longer than a moment.
    async fn collect(&self, keep: &Keep, at: Option<Death>) -> Result<()> {
        if let Some(Err(failure)) = self.step(&collect(keep), at).await? {
            ensure!(failure.kind() == Kind::Transient, "gc has failed as {}: {failure}", failure.kind());
        }
        Ok(())
    }

    /// An upload that was never finished, as of a write that died or still goes on.
    async fn begin_upload(&self, run: usize) -> Result<()> {
        let key = format!("{}00000000f00d/part-{}.parquet", Orders::writes(run), self.before.uploads.len());
        let upload = self.world.s3().create_multipart_upload().bucket(BUCKET).key(key);
        upload.send().await.context("beginning an upload").map(drop)
    }

    async fn abandon(&self, run: usize, at: Option<Death>) -> Result<()> {
        let Some(Ok(result)) = self.step(&Orders::abandon(run).args(HASTE), at).await? else { return Ok(()) };
        let gone = result["claimed"] == false || result["phase"] == "retired";
        ensure!(gone, "it was not abandoned: {result}");
        Ok(())
    }

    async fn stall(&mut self, steps: usize, operation: &str, nth: u64) -> Result<()> {
        self.wake().await?;
        let mut steps = self.next_run(steps);
        let last = steps.pop().context("a run without steps")?;
        for step in steps {
            self.step(&step, None).await?;
        }
        let rule = Rule::new(When::Before, Effect::Pause).operation(operation).caller(STALLED).nth(nth);
        let fault = self.world.faults().set(rule);
        let world = Arc::clone(&self.world);
        let last = last.called(STALLED);
        let mut running: Pin<Box<dyn Future<Output = Result<Ended>>>> =
            Box::pin(async move { world.run(&last).await });
        tokio::select! {
            biased;
            () = fault.reached() => {}
            ended = &mut running => {
                // It must not befall a later step.
                fault.release();
                return as_documented(ended?).map(drop);
            }
        }
        self.stalled = Some(Stalled { fault, running });
        Ok(())
    }

    async fn wake(&mut self) -> Result<()> {
        let Some(Stalled { fault, running }) = self.stalled.take() else { return Ok(()) };
        fault.release();
        as_documented(running.await?).map(drop)
    }

    /// Compares the lake with the model, after a gc that was to keep this.
    async fn check(&mut self, keep: Option<&Keep>) -> Result<()> {
        let after = Contents::of(&self.world).await?;
        let now = self.world.clock().read();
        if let Some(keep) = keep {
            let lost = |key: &&&String| after.files.get(**key) != self.before.files.get(**key);
            let reachable = self.model.reachable(&self.before, &self.known, keep, now);
            let lost = reachable.iter().find(lost);
            ensure!(lost.is_none(), "gc has deleted {lost:?}: before {:?}, {:?}", self.before, self.model);
            let live = self.before.tables.get(Orders::NAME).and_then(|live| live.run.as_ref());
            ensure!(live.is_some() || after.files == self.before.files, "files went, and nothing is live");
            self.runs_on_their_way_are_whole(&after, keep, now)?;
        }
        let forgotten = self.before.phases.keys().find(|run| !after.phases.contains_key(*run));
        ensure!(forgotten.is_none(), "the manifest of {forgotten:?} is gone");
        self.shows_whole_versions(&after)?;
        self.model.observe(now, &after);
        self.known.clear();
        for id in after.phases.keys() {
            let manifest = self.world.json(&format!("orders/_runs/{id}/manifest.json")).await?;
            self.known.insert(id.clone(), Known::of(&manifest));
        }
        self.before = after;
        Ok(())
    }

    /// Fails unless gc has left the staged tables and uploads of the runs that are on their way.
    fn runs_on_their_way_are_whole(&self, after: &Contents, keep: &Keep, now: Timestamp) -> Result<()> {
        for (id, run) in self.model.on_their_way(&self.before, &self.known, keep, now) {
            let staged = format!("{}__lakeward_{}", Orders::NAME, id.replace('-', "_"));
            let (found, expected) = (after.tables.get(&staged), self.before.tables.get(&staged));
            ensure!(found == expected, "gc has left {found:?} of {expected:?}, the staged table of {id}");
            let prefix = format!("orders/_writes/{id}/");
            let uploads = |of: &Contents| -> BTreeSet<String> {
                of.uploads.iter().filter(|key| key.starts_with(&prefix)).cloned().collect()
            };
            let (found, expected) = (uploads(after), uploads(&self.before));
            ensure!(
                run.phase == "rejected" || found == expected,
                "gc has left {found:?} of {expected:?}, the uploads of {id}"
            );
        }
        Ok(())
    }

    /// Fails unless the live table and its partitions have their files, and the live run has not ended.
    fn shows_whole_versions(&self, contents: &Contents) -> Result<()> {
        let Some(live) = contents.tables.get(Orders::NAME) else { return Ok(()) };
        let empty = live.locations.iter().find(|at| contents.files_at(at).next().is_none());
        ensure!(empty.is_none(), "{empty:?} has no files: {live:?}");
        let phase = live.run.as_ref().and_then(|run| contents.phases.get(run)).map(String::as_str);
        let ended = phase.is_some_and(|phase| !["verified", "published"].contains(&phase));
        ensure!(!ended, "the live run is {phase:?}: {live:?}");
        let partitions = live.locations.len() > 1;
        ensure!(live.run.is_none() || partitions == self.table.partitioned, "{live:?}");
        Ok(())
    }
}

/// A step that meets a rival does not wait for it.
const HASTE: [&str; 1] = ["--patience=0s"];

fn collect(keep: &Keep) -> Command {
    let hours = |time: &Duration| format!("{}h", time.as_secs() / 3600);
    let days = keep.retention.as_secs() / (24 * 3600);
    Command::new(Step::Gc).args([
        Orders::ROOT.to_owned(),
        format!("--retention-days={days}"),
        format!("--keep-versions={}", keep.versions),
        format!("--orphan-grace={}", hours(&keep.orphan_grace)),
        format!("--reader-grace={}", hours(&keep.reader_grace)),
        HASTE[0].to_owned(),
    ])
}

/// Whatever a step meets, it is none of its own mistakes.
fn as_documented(ended: Ended) -> Result<Ended> {
    let unexpected = ended.as_ref().err().filter(|failure| failure.kind() == Kind::Unexpected);
    ensure!(unexpected.is_none(), "{unexpected:?}");
    Ok(ended)
}

fn is_under(key: &str, location: &str) -> bool {
    location.strip_prefix("s3://lake/").is_some_and(|prefix| key.starts_with(prefix))
}
