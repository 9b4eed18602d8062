//! The one table that the rivals meet at, and their commands.

use std::sync::Arc;

use anyhow::Result;
use lakeward_manifest::{ManifestUri, RunId, Step, TableRoot};
use lakeward_tests::embedded::{Command, DATABASE, World};
use lakeward_tests::table::NO_GRACE;

/// The table's root.
pub(crate) const ROOT: &str = "s3://lake/orders/";
/// The live table's name in Glue.
pub(crate) const TABLE: &str = "orders";
/// How long steps go on trying: enough for a few looks at a rival that keeps them waiting.
const PATIENCE: &str = "--patience=1s";

/// How the table is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orders {
    /// By one UpdateTable.
    Unpartitioned,
    /// Partition by partition: all runs have a partition in common, and every other run another one.
    Partitioned,
}

impl Orders {
    /// `write` of the `n`th run.
    pub(crate) fn write(self, n: u32) -> Command {
        self.write_of(n, &format!("SELECT i AS id, (i % 2) * (1 + {n} % 2) AS part FROM range(4) t(i)"))
    }

    /// `write` of the `n`th run, with another query than [`Orders::write`]'s.
    pub(crate) fn write_of(self, n: u32, sql: &str) -> Command {
        let write = Command::new(Step::Write).args(["--table", ROOT, "--glue-table", "shop.orders"]);
        let write = write.args(["--sql", sql, "--run-ts", &format!("2026-05-{:02}T06:00:00Z", 18 + n)]);
        let write = match self {
            Self::Unpartitioned => write,
            Self::Partitioned => write.args(["--partition-by", "part"]),
        };
        write.args([PATIENCE])
    }

    /// A world in which the first `published` runs were published one after another, and as many as `verified` are
    /// verified in all.
    pub(crate) async fn prepared(self, published: u32, verified: u32) -> Result<World> {
        let world = World::start().await?;
        for n in 1..=verified {
            let steps = [self.write(n), register(n), verify(n), swap(n)];
            let steps = steps.iter().take(if n <= published { 4 } else { 3 });
            for step in steps {
                world.succeeds(step).await?;
            }
        }
        Ok(world)
    }
}

/// The root, parsed.
pub(crate) fn root() -> Result<TableRoot> {
    Ok(ROOT.parse()?)
}

/// The id of the `n`th run.
pub(crate) fn run_id(n: u32) -> Result<RunId> {
    Ok(format!("2026-05-{:02}-060000", 18 + n).parse()?)
}

fn of_run(step: Step, n: u32) -> Command {
    let manifest = format!("{ROOT}_runs/2026-05-{:02}-060000/manifest.json", 18 + n);
    Command::new(step).args([manifest.as_str(), PATIENCE])
}

/// `register` of the `n`th run.
pub(crate) fn register(n: u32) -> Command {
    of_run(Step::Register, n)
}

/// `verify` of the `n`th run, which also looks at the live version.
pub(crate) fn verify(n: u32) -> Command {
    of_run(Step::Verify, n).args(["--timeout=0s", "--max-row-change=50"])
}

/// `verify` with a gate that no run of this table passes.
pub(crate) fn reject(n: u32) -> Command {
    of_run(Step::Verify, n).args(["--timeout=0s", "--min-rows=1000"])
}

/// `swap` to the `n`th run.
pub(crate) fn swap(n: u32) -> Command {
    of_run(Step::Swap, n)
}

/// `swap` back to the `n`th run.
pub(crate) fn roll_back(n: u32) -> Command {
    let run = format!("2026-05-{:02}-060000", 18 + n);
    Command::new(Step::Swap).args([ROOT, "--to", &run, PATIENCE]).called("lakeward-rollback")
}

/// `gc` that keeps nothing but the live version, whatever its age.
pub(crate) fn gc() -> Command {
    Command::new(Step::Gc).args([ROOT, "--database", DATABASE, PATIENCE]).args(NO_GRACE)
}

/// `gc --abandon` of the `n`th run.
pub(crate) fn abandon(n: u32) -> Command {
    let manifest = format!("{ROOT}_runs/2026-05-{:02}-060000/manifest.json", 18 + n);
    let gc = Command::new(Step::Gc).args(["--abandon", &manifest, "--database", DATABASE, PATIENCE]);
    gc.called("lakeward-abandon")
}

/// The URI of a run's manifest.
pub(crate) fn manifest_uri(run: &RunId) -> Result<ManifestUri> {
    Ok(ManifestUri { root: root()?, run: run.clone() })
}

/// A copy of a world that steps can be started in.
pub(crate) async fn fork(world: &World) -> Result<Arc<World>> {
    Ok(Arc::new(world.fork().await?))
}
