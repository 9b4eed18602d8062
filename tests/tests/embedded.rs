//! The embedded steps publish as the binaries do, and repeat themselves.

use anyhow::Result;
use lakeward_manifest::Step;
use lakeward_tests::embedded::{Command, World};

const ROOT: &str = "s3://lake/orders/";

async fn publish(world: &World, day: &str) -> Result<String> {
    let sql = "SELECT i AS id, i % 3 AS part FROM range(9) t(i)";
    let write =
        Command::new(Step::Write).args(["--table", ROOT, "--glue-table", "shop.orders", "--sql", sql]);
    let written = world.succeeds(&write.args(["--run-ts", day, "--partition-by", "part"])).await?;
    let manifest = written["manifest"].as_str().unwrap_or_default().to_owned();
    for step in [Step::Register, Step::Verify, Step::Swap] {
        world.succeeds(&Command::new(step).args([&manifest])).await?;
    }
    Ok(manifest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_a_lake_goes_on_alone_and_in_the_same_way() -> Result<()> {
    let world = World::start().await?;
    publish(&world, "2026-05-19T06:00:00Z").await?;
    let (left, right) = (world.fork().await?, world.fork().await?);
    let mut seen = Vec::new();
    for fork in [&left, &right] {
        let manifest = publish(fork, "2026-05-20T06:00:00Z").await?;
        let key = manifest.trim_start_matches("s3://lake/");
        let got = fork.s3().get_object().bucket("lake").key(key).send().await?;
        let document: serde_json::Value = serde_json::from_slice(&got.body.collect().await?.into_bytes())?;
        seen.push((document["attempt"]["id"].clone(), document["phase"].clone()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1, "published");
    let live = world.glue().get_table().database_name("shop").name("orders").send().await?;
    let parameters = live.table.and_then(|table| table.parameters).unwrap_or_default();
    assert_eq!(parameters["lakeward.run"], "2026-05-19-060000", "a fork changed what it was forked from");
    Ok(())
}
