//! What others have put into the live table.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::{Column, SerDeInfo, StorageDescriptor, TableInput};
use lakeward_outcome::Kind;

use crate::backend::Backend;
use crate::table::{DAYS, Table};

const SQL: &str = "SELECT i AS id, i % 2 AS half FROM range(10) t(i)";
const NEW_SQL: &str = "SELECT i AS id, i % 2 AS half, 'new' AS added FROM range(12) t(i)";

/// Changes the live table as another tool would.
pub(crate) async fn edit(table: &Table<'_>, change: impl FnOnce(&mut TableInput)) -> Result<()> {
    let (glue, database) = (table.backend().glue(), table.backend().database());
    let got = glue.get_table().database_name(database).name(table.name()).send().await?;
    let found = got.table.context("no live table")?;
    let mut input = TableInput::builder()
        .name(found.name())
        .set_description(found.description.clone())
        .set_storage_descriptor(found.storage_descriptor.clone())
        .set_partition_keys(found.partition_keys.clone())
        .set_table_type(found.table_type.clone())
        .set_parameters(found.parameters.clone())
        .build()?;
    change(&mut input);
    glue.update_table().database_name(database).table_input(input).send().await?;
    Ok(())
}

/// Creates a table as another tool would.
pub(crate) async fn create_foreign(backend: &Backend, name: &str, location: &str) -> Result<()> {
    let storage = StorageDescriptor::builder()
        .location(location)
        .columns(Column::builder().name("id").r#type("bigint").build()?)
        .serde_info(SerDeInfo::builder().serialization_library("by.hand").build())
        .build();
    let table = TableInput::builder()
        .name(name)
        .table_type("EXTERNAL_TABLE")
        .parameters("owner", "by hand")
        .storage_descriptor(storage)
        .build()?;
    let create = backend.glue().create_table().database_name(backend.database()).table_input(table);
    create.send().await.with_context(|| format!("creating {name}"))?;
    Ok(())
}

pub(crate) async fn what_lakeward_does_not_own_survives_a_swap(backend: &Backend) -> Result<()> {
    for (name, flags) in
        [("foreign_parts", [].as_slice()), ("foreign_parts_by_half", &["--partition-by", "half"])]
    {
        let table = backend.table(name);
        table.published(&table.write(DAYS[0], SQL).args(flags)).await?;
        edit(&table, |input| {
            input.description = Some("By hand".to_owned());
            input.parameters.get_or_insert_default().insert("team".to_owned(), "bi".to_owned());
            if let Some(columns) =
                input.storage_descriptor.as_mut().and_then(|storage| storage.columns.as_mut())
            {
                columns[0].comment = Some("The number".to_owned());
            }
        })
        .await?;
        let second = table.published(&table.write(DAYS[1], NEW_SQL).args(flags)).await?;
        table.shows(&second, NEW_SQL).await?;
        let live = table.live().await?;
        ensure!(live.description.as_deref() == Some("By hand"), "{live:?}");
        ensure!(live.parameters.get("team").is_some_and(|team| team == "bi"), "{live:?}");
        ensure!(live.columns[0].comment.as_deref() == Some("The number"), "{live:?}");
    }
    Ok(())
}

pub(crate) async fn properties_taken_out_of_the_spec_disappear(backend: &Backend) -> Result<()> {
    let table = backend.table("properties");
    let both = ["--property=owner=bi", "--property=kept=1"];
    table.published(&table.write(DAYS[0], SQL).args(both)).await?;
    let second = table.published(&table.write(DAYS[1], SQL).args(["--property=kept=2"])).await?;
    table.shows(&second, SQL).await?;
    let live = table.live().await?;
    ensure!(!live.parameters.contains_key("owner"), "{live:?}");
    ensure!(live.parameters.get("kept").is_some_and(|kept| kept == "2"), "{live:?}");
    Ok(())
}

pub(crate) async fn a_foreign_table_is_replaced_only_when_adopted(backend: &Backend) -> Result<()> {
    let table = backend.table("adopted");
    let elsewhere = format!("s3://{}/by-hand/adopted/", backend.bucket());
    create_foreign(backend, table.name(), &elsewhere).await?;
    let run = table.verified(&table.write(DAYS[0], SQL)).await?;
    table.swap(&run).is_refused(Kind::Configuration, &[&table.glue_name(), "--adopt"]).await?;
    ensure!(table.live().await?.location == elsewhere, "the table was replaced");
    table.swap(&run).arg("--adopt").succeeds().await?;
    table.shows(&run, SQL).await?;
    let live = table.live().await?;
    ensure!(live.parameters.get("owner").is_some_and(|owner| owner == "by hand"), "{live:?}");
    Ok(())
}

pub(crate) async fn partition_keys_do_not_change(backend: &Backend) -> Result<()> {
    let table = backend.table("other_keys");
    let run = table.published(&table.write(DAYS[0], SQL).args(["--partition-by", "half"])).await?;
    let before = table.data().await?;
    let unpartitioned = table.write(DAYS[1], SQL);
    let by_another = table.write(DAYS[1], SQL).args(["--partition-by", "id"]);
    let another_type = "SELECT id, half::VARCHAR AS half FROM range(10) t(id), range(2) u(half)";
    let by_another_type = table.write(DAYS[1], another_type).args(["--partition-by", "half"]);
    for other in [unpartitioned, by_another, by_another_type] {
        other.is_refused(Kind::Usage, &["partitioned by (half bigint)", "under another name"]).await?;
    }
    ensure!(table.data().await? == before, "files were written");
    table.shows(&run, SQL).await
}
