//! A write between its seal and what it learns of it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use lakeward_local::{Effect, Hook, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Orders, World};

const RUN: usize = 1;
const TABLE: Orders = Orders { partitioned: false };

async fn files(world: &World) -> Result<usize> {
    let listed = world.s3().list_objects_v2().bucket(BUCKET).prefix(Orders::writes(RUN)).send().await?;
    Ok(listed.contents().len())
}

/// Its seal is put and the answer lost; another step goes on with the run; and from then on the write cannot read the
/// manifest, so that it cannot tell what became of its seal.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_seal_was_put_keeps_its_files_whatever_it_can_still_learn() -> Result<()> {
    let world = Arc::new(World::start().await?);
    let write = TABLE.write(RUN).args(["--patience=1s"]);
    let seal = || Rule::new(When::After, Effect::Drop).operation("PutObject").containing("manifest.json");
    let meanwhile = {
        let world = Arc::clone(&world);
        Hook::new(move |_| {
            let world = Arc::clone(&world);
            async move {
                let gone_on = world.run(&Orders::register(RUN)).await;
                assert!(gone_on.is_ok_and(|ended| ended.is_ok()), "the run was not gone on with");
                let blind = Effect::Refuse { status: 503, code: "SlowDown".to_owned() };
                let blind = Rule::new(When::Before, blind).operation("GetObject").caller("lakeward-write");
                world.faults().set(blind.times(u64::MAX));
            }
        })
    };
    let hook = Rule { effect: Effect::Hook(meanwhile), ..seal() };
    // The first manifest is the claim.
    world.faults().set(hook.caller("lakeward-write").nth(2));
    let lost = world.faults().set(seal().caller("lakeward-write").nth(2));

    let failure = world.run(&write).await?.err().context("a write that knows nothing has succeeded")?;
    assert_eq!((failure.kind(), lost.fired()), (Kind::Transient, 1), "{failure}");
    world.faults().clear();
    assert_eq!(files(&world).await?, 1, "the files of a sealed run were removed");
    assert_eq!(world.succeeds(&write).await?["already_done"], true);
    for step in [Orders::verify(RUN), Orders::swap(RUN)] {
        world.succeeds(&step).await?;
    }
    Ok(())
}
