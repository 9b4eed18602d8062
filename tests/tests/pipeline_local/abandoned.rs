//! Abandoning a run by the binary, as the failure handler of an orchestrator does.

use anyhow::Result;
use aws_sdk_glue::types::{StorageDescriptor, TableInput};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::DAYS;

const SQL: [&str; 2] = ["SELECT 1 AS version", "SELECT 2 AS version"];

#[tokio::test(flavor = "multi_thread")]
async fn an_abandonment_ends_with_the_exit_code_that_tells_a_handler_what_to_do() -> Result<()> {
    let lake = Lake::start().await?;
    let backend = lake.backend();
    let table = backend.table("orders");
    let live = table.published(&table.write(DAYS[0], SQL[0])).await?;
    let failed = table.verified(&table.write(DAYS[1], SQL[1])).await?;
    let abandon = |manifest: &str| backend.step("gc").args(["--abandon", manifest]);
    abandon(&live.manifest).is_refused(Kind::Usage, &[&live.id, "is published"]).await?;

    let storage = StorageDescriptor::builder().location(&failed.location).build();
    let audit = TableInput::builder().name("audit").storage_descriptor(storage).build()?;
    let (glue, database) = (backend.glue(), backend.database());
    glue.create_table().database_name(database).table_input(audit).send().await?;
    abandon(&failed.manifest).is_refused(Kind::Configuration, &["audit points at files"]).await?;
    glue.delete_table().database_name(database).name("audit").send().await?;

    for already_done in [false, true] {
        let result = abandon(&failed.manifest).succeeds().await?;
        assert_eq!((&result["phase"], &result["already_done"]), (&"retired".into(), &already_done.into()));
    }
    table.swap(&failed).is_refused(Kind::Fenced, &["is retired", "--abandon"]).await?;
    table.shows(&live, SQL[0]).await
}
