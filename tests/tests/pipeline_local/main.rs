//! The pipeline from outside, its steps as processes, on the local lake.

mod abandoned;
mod failures;
mod interrupted;
mod replica;
mod rivals;
mod stalled;
mod stores;

use anyhow::Context as _;
use lakeward_tests::lake::Lake;
use lakeward_tests::permissions::Observed;
use lakeward_tests::scenarios;

/// A test for each scenario, each on a lake of its own. Whatever the programs ask of it has to be in their policies.
macro_rules! tests {
    ($($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                super::play(stringify!($name)).await
            })+
        })+
    };
}
lakeward_tests::for_each_scenario!(tests);

async fn play(name: &str) -> anyhow::Result<()> {
    let lake = Lake::start().await?;
    let scenario = scenarios::named(name).with_context(|| format!("no scenario {name}"))?;
    scenario.run(lake.backend()).await?;
    let mut observed = Observed::default();
    observed.hold_all(&lake)?;
    observed.allowed()
}
