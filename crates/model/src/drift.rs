//! Whether the model's steps send the requests that the real ones send, in their order: each is run undisturbed, in the
//! model and as code, and what S3 and Glue were asked is compared.

use anyhow::{Context as _, Result, ensure};
use lakeward_local::{Call, Effect, Rule, When};
use lakeward_manifest::Step;
use lakeward_tests::embedded::{Command, Orders, World};

use crate::gc::{self, Gc};
use crate::lake::{Lake, RunNo};
use crate::model::{Actor, Answer, Rules};
use crate::scene;
use crate::swap::{self, Batch, Swap, Way};

/// A request, as far as the model knows it. Batches of one kind that follow one another are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    ReadManifest(RunNo),
    PutManifest(RunNo),
    ReadTable,
    CreateTable,
    UpdateTable,
    ListPartitions,
    Move(Batch),
    DeleteFiles,
}

/// A step, and what has happened before it.
struct Case {
    published: RunNo,
    /// A swap of this run has died when it was about to do that.
    died: Option<(RunNo, Death)>,
    step: Undisturbed,
}

#[derive(Clone, Copy)]
enum Undisturbed {
    Swap(RunNo),
    RollBack(RunNo),
    Gc,
}

/// Where a swap has died.
#[derive(Clone, Copy)]
enum Death {
    /// Announced, and the live table not yet changed.
    Announced,
    /// Live, and not yet recorded.
    Unrecorded,
}

impl Undisturbed {
    fn actor(self, partitioned: bool, execution: u32) -> Actor {
        match self {
            Self::Swap(run) => Actor::Swap(Swap::new(run, Way::Forward, partitioned, execution)),
            Self::RollBack(run) => Actor::Swap(Swap::new(run, Way::Rollback, partitioned, execution)),
            Self::Gc => Actor::Gc(Gc::new(execution)),
        }
    }

    fn command(self) -> Command {
        match self {
            Self::Swap(run) => Orders::swap(run as usize),
            Self::RollBack(run) => Orders::roll_back(run as usize),
            Self::Gc => Orders::gc_all(),
        }
    }
}

impl Death {
    fn pc(self) -> swap::Pc {
        match self {
            Self::Announced => swap::Pc::Change,
            Self::Unrecorded => swap::Pc::Record,
        }
    }

    /// Befalls the request that is not sent any more.
    fn rule(self) -> Rule {
        let rule = Rule::new(When::Before, Effect::Drop).times(u64::MAX);
        match self {
            Self::Announced => rule.operation("UpdateTable"),
            Self::Unrecorded => rule.operation("PutObject").containing("manifest.json").nth(2),
        }
    }
}

/// Steps an actor until it is about to send what `before` says, or has ended. What it has asked.
fn model(lake: &mut Lake, mut actor: Actor, partitioned: bool, before: Option<swap::Pc>) -> Vec<Asked> {
    let mut all = Vec::new();
    while !matches!(&actor, Actor::Swap(swap) if Some(swap.at) == before) {
        let was = lake.clone();
        let Some(next) = actor.step(lake, Rules::default(), 0, Answer::Received) else { break };
        all.extend(asked(&actor, &was, lake, partitioned));
        actor = next;
    }
    all
}

/// What an actor asks when it takes the lake from `was` to `now`.
fn asked(actor: &Actor, was: &Lake, now: &Lake, partitioned: bool) -> Option<Asked> {
    // A manifest that is as it should be already is not put.
    let put = || {
        let changed = now.manifests.iter().find(|(run, manifest)| was.manifests.get(run) != Some(manifest));
        changed.map(|(run, _)| Asked::PutManifest(*run))
    };
    match actor {
        Actor::Swap(swap) => match swap.at {
            swap::Pc::Load | swap::Pc::ReloadToAnnounce | swap::Pc::ReloadToRecord => {
                Some(Asked::ReadManifest(swap.run))
            }
            swap::Pc::FindPredecessor => {
                let live = was.table.as_ref().and_then(|table| table.state.run.as_ref()).map(scene::number);
                live.filter(|live| *live != swap.run).map(Asked::ReadManifest)
            }
            swap::Pc::RecordPredecessor | swap::Pc::Announce | swap::Pc::Record => put(),
            swap::Pc::Create => Some(Asked::CreateTable),
            swap::Pc::Change | swap::Pc::Release => Some(Asked::UpdateTable),
            swap::Pc::ReadLive
            | swap::Pc::CheckHeld
            | swap::Pc::ReadToRelease
            | swap::Pc::SettleChange
            | swap::Pc::SettleRelease => Some(Asked::ReadTable),
            swap::Pc::CompareLive | swap::Pc::List | swap::Pc::ListAgain => Some(Asked::ListPartitions),
            swap::Pc::Move => swap.next_batch().map(Asked::Move),
            swap::Pc::Ended(_) => None,
        },
        Actor::Gc(gc) => match gc.at {
            gc::Pc::ReadManifest(run) => Some(Asked::ReadManifest(run)),
            gc::Pc::ReadLive | gc::Pc::ReadToFence | gc::Pc::SettleFence | gc::Pc::LookAgain => {
                Some(Asked::ReadTable)
            }
            gc::Pc::ReadPartitions | gc::Pc::LookAtPartitionsAgain => {
                partitioned.then_some(Asked::ListPartitions)
            }
            gc::Pc::Fence => Some(Asked::UpdateTable),
            gc::Pc::Mark | gc::Pc::SettleMark | gc::Pc::Retire => put(),
            gc::Pc::Delete => Some(Asked::DeleteFiles),
            gc::Pc::Ended(_) => None,
        },
    }
}

/// What a call asks; none when the model has nothing of it: staged tables, uploads, table versions, other tables, and
/// listings of files.
fn known(call: &Call) -> Option<Asked> {
    const OUTSIDE: [&str; 7] = [
        "ListObjectsV2",
        "ListObjectVersions",
        "ListMultipartUploads",
        "GetDatabases",
        "GetTables",
        "GetTableVersions",
        "BatchDeleteTableVersion",
    ];
    let run = (1..=3).find(|run| call.resource.contains(&Orders::run(*run as usize)));
    match (call.operation.as_str(), run) {
        (operation, _) if OUTSIDE.contains(&operation) || call.resource.contains("__lakeward_") => None,
        ("GetObject", Some(run)) => Some(Asked::ReadManifest(run)),
        ("PutObject", Some(run)) => Some(Asked::PutManifest(run)),
        ("GetTable", _) => Some(Asked::ReadTable),
        ("CreateTable", _) => Some(Asked::CreateTable),
        ("UpdateTable", _) => Some(Asked::UpdateTable),
        ("GetPartitions", _) => Some(Asked::ListPartitions),
        ("BatchUpdatePartition", _) => Some(Asked::Move(Batch::Update)),
        ("BatchCreatePartition", _) => Some(Asked::Move(Batch::Create)),
        ("BatchDeletePartition", _) => Some(Asked::Move(Batch::Delete)),
        ("DeleteObjects", _) => Some(Asked::DeleteFiles),
        _ => panic!("the model has never heard of {} {}", call.operation, call.resource),
    }
}

/// What the journal has of a step.
fn sent(world: &World, step: Step) -> Vec<Asked> {
    let entries = world.lake().requests().entries();
    let mut all: Vec<Asked> = entries.iter().filter_map(|entry| known(&entry.call)).collect();
    if step == Step::Gc {
        // It reads many manifests at once; and once more before it drops a staged table, which the model has not.
        let begins =
            all.iter().position(|asked| !matches!(asked, Asked::ReadManifest(_))).unwrap_or(all.len());
        all[..begins].sort_unstable();
        let mut later = all.split_off(begins);
        later.retain(|asked| !matches!(asked, Asked::ReadManifest(_)));
        all.append(&mut later);
    }
    all.dedup_by(|two, one| two == one && matches!(one, Asked::Move(_)));
    all
}

fn write(run: RunNo, partitioned: bool) -> Command {
    // As `scene::partitions_of` has it.
    let sql = format!("SELECT i AS id, (i % 2) * (1 + {run} % 2) AS part FROM range(4) t(i)");
    let at = format!("2026-01-01T{run:02}:00:00Z");
    let write = Command::new(Step::Write).args(["--table", Orders::ROOT, "--glue-table", "shop.orders"]);
    let write = write.args(["--run-ts", &at, "--sql", &sql]);
    if partitioned { write.args(["--partition-by", "part"]) } else { write }
}

/// A lake as [`scene::lake`] has it, with three verified runs.
async fn world(published: RunNo, partitioned: bool) -> Result<World> {
    let world = World::start().await?;
    for run in 1..=3 {
        let n = run as usize;
        let steps = [write(run, partitioned), Orders::register(n), Orders::verify(n), Orders::swap(n)];
        for step in steps.iter().take(if run <= published { 4 } else { 3 }) {
            world.succeeds(step).await?;
        }
    }
    Ok(world)
}

async fn is_the_same(case: &Case, partitioned: bool) -> Result<()> {
    let (mut lake, world) =
        (scene::lake(case.published, 3, partitioned), world(case.published, partitioned).await?);
    if let Some((run, death)) = case.died {
        let died = world.run_until(&Undisturbed::Swap(run).command(), death.rule()).await?;
        ensure!(died.is_none(), "the swap of run {run} did not die: {died:?}");
        model(&mut lake, Undisturbed::Swap(run).actor(partitioned, 10), partitioned, Some(death.pc()));
    }
    world.lake().requests().clear();
    let command = case.step.command();
    world.succeeds(&command).await?;
    let sent = sent(&world, command.step());
    let mut modelled = model(&mut lake, case.step.actor(partitioned, 20), partitioned, None);
    modelled.dedup_by(|two, one| two == one && matches!(one, Asked::Move(_)));
    ensure!(modelled == sent, "the model asks\n{modelled:?}\nand the step\n{sent:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_asks_what_the_steps_ask_in_their_order() -> Result<()> {
    use Undisturbed::{Gc, RollBack, Swap};
    let cases = [
        ("a first swap", Case { published: 0, died: None, step: Swap(1) }),
        ("a later swap", Case { published: 1, died: None, step: Swap(2) }),
        ("a swap once more", Case { published: 2, died: None, step: Swap(2) }),
        ("a rollback", Case { published: 2, died: None, step: RollBack(1) }),
        ("a swap taken over", Case { published: 1, died: Some((2, Death::Announced)), step: Swap(2) }),
        ("a swap after one", Case { published: 1, died: Some((2, Death::Unrecorded)), step: Swap(3) }),
        ("gc", Case { published: 2, died: None, step: Gc }),
        ("gc after an announcement", Case { published: 2, died: Some((3, Death::Announced)), step: Gc }),
    ];
    for (name, case) in cases {
        for partitioned in [false, true] {
            let same = is_the_same(&case, partitioned).await;
            same.with_context(|| format!("{name}, partitioned {partitioned}"))?;
        }
    }
    Ok(())
}
