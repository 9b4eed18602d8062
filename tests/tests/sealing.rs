//! A write between its seal and what it learns of it.

use anyhow::{Context as _, Result};
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Orders, World};

const RUN: usize = 1;
const TABLE: Orders = Orders { partitioned: false };

async fn files(world: &World) -> Result<usize> {
    let listed = world.s3().list_objects_v2().bucket(BUCKET).prefix(Orders::writes(RUN)).send().await?;
    Ok(listed.contents().len())
}

/// The second manifest that the write puts, after its claim.
fn seal(effect: Effect) -> Rule {
    Rule::new(When::After, effect)
        .operation("PutObject")
        .containing("manifest.json")
        .caller("lakeward-write")
        .nth(2)
}

/// Its seal is put and the answer lost; another step goes on with the run; and from then on the write cannot read the
/// manifest, so that it cannot tell what became of its seal.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_seal_was_put_keeps_its_files_whatever_it_can_still_learn() -> Result<()> {
    let world = World::start().await?;
    let write = TABLE.write(RUN).args(["--patience=1s"]);
    let sealed = world.faults().set(seal(Effect::Pause));
    let lost = world.faults().set(seal(Effect::Drop));
    let (ended, ()) = world
        .run_meanwhile(&write, &sealed, async {
            world.succeeds(&Orders::register(RUN)).await?;
            let blind = Effect::Refuse { status: 503, code: "SlowDown".to_owned() };
            let blind = Rule::new(When::Before, blind).operation("GetObject").caller("lakeward-write");
            // The first is to settle what became of the seal, and finds another's change.
            world.faults().set(blind.nth(2).times(u64::MAX));
            Ok(())
        })
        .await?;
    let failure = ended.err().context("a write that knows nothing has succeeded")?;
    assert_eq!((failure.kind(), lost.fired()), (Kind::Transient, 1), "{failure}");
    world.faults().clear();
    assert_eq!(files(&world).await?, 1, "the files of a sealed run were removed");
    assert_eq!(world.succeeds(&write).await?["already_done"], true);
    for step in [Orders::verify(RUN), Orders::swap(RUN)] {
        world.succeeds(&step).await?;
    }
    Ok(())
}
