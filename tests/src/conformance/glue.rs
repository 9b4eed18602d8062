//! Databases, tables and their versions: the compare-and-swap that publishing rests on.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::Client;
use aws_sdk_glue::types::{Column, DatabaseInput, SerDeInfo, StorageDescriptor, Table, TableInput};
use futures::future::join_all;

use super::setup::{Endpoint, refusal, refused_with};

super::promises! { Glue:
    names_fold_to_lowercase,
    what_is_missing_is_an_entity_not_found,
    what_exists_is_not_created_again,
    a_table_comes_back_as_it_was_described,
    an_update_replaces_the_whole_description,
    an_update_of_the_version_that_was_read_succeeds,
    an_update_of_another_version_is_a_concurrent_modification,
    one_of_many_concurrent_updates_wins,
    an_update_archives_a_version_unless_told_not_to,
    archived_versions_are_deleted_in_batches,
    more_than_a_hundred_versions_at_once_are_refused,
    tables_are_listed_in_pages_and_by_pattern,
    deleting_a_table_deletes_its_partitions,
    tables_are_deleted_in_batches_with_errors_for_each,
    a_wrong_secret_is_refused_by_glue,
}

/// Updates in one race.
const RIVALS: usize = 16;
pub(super) const TABLE: &str = "orders";

pub(super) fn column(name: &str, kind: &str) -> Result<Column> {
    Ok(Column::builder().name(name).r#type(kind).comment(format!("the {name}")).build()?)
}

pub(super) fn table_input(name: &str, keys: &[(&str, &str)]) -> Result<TableInput> {
    let serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
    let descriptor = StorageDescriptor::builder()
        .columns(column("id", "bigint")?)
        .columns(column("detail", "struct<a:int,b:array<string>>")?)
        .location(format!("s3://lake/{name}/"))
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .serde_info(
            SerDeInfo::builder().serialization_library(serde).parameters("serialization.format", "1").build(),
        );
    let keys = keys.iter().map(|(name, kind)| column(name, kind)).collect::<Result<Vec<_>>>()?;
    Ok(TableInput::builder()
        .name(name)
        .description("orders, by day")
        .table_type("EXTERNAL_TABLE")
        .parameters("classification", "parquet")
        .parameters("owner", "sales")
        .storage_descriptor(descriptor.build())
        .set_partition_keys(Some(keys))
        .build()?)
}

/// A database of its own, with one table.
pub(super) async fn with_table(endpoint: &Endpoint, keys: &[(&str, &str)]) -> Result<(Client, String)> {
    let (glue, database) = (endpoint.glue(), endpoint.fresh_name());
    let input = DatabaseInput::builder().name(&database).build()?;
    glue.create_database().database_input(input).send().await.context("creating the database")?;
    let create = glue.create_table().database_name(&database).table_input(table_input(TABLE, keys)?);
    create.send().await.context("creating the table")?;
    Ok((glue, database))
}

async fn get(glue: &Client, database: &str) -> Result<Table> {
    let got = glue.get_table().database_name(database).name(TABLE).send().await?;
    got.table.context("there is no table in the answer")
}

fn with_comment(comment: &str) -> Result<TableInput> {
    let mut input = table_input(TABLE, &[])?;
    input.description = Some(comment.to_owned());
    Ok(input)
}

async fn names_fold_to_lowercase(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let create = glue.create_table().database_name(database.to_uppercase());
    create.table_input(table_input("MixedCase", &[])?).send().await?;
    let got = glue.get_table().database_name(&database).name("MIXEDCASE").send().await?;
    let table = got.table.context("there is no table")?;
    ensure!(table.name() == "mixedcase", "{}", table.name());
    ensure!(table.database_name() == Some(database.as_str()), "{:?}", table.database_name());
    Ok(())
}

async fn what_is_missing_is_an_entity_not_found(endpoint: Endpoint) -> Result<()> {
    const CODE: &str = "EntityNotFoundException";
    let (glue, database) = with_table(&endpoint, &[]).await?;
    refused_with(CODE, glue.get_table().database_name(&database).name("nothing").send().await)?;
    refused_with(CODE, glue.get_database().name(endpoint.fresh_name()).send().await)?;
    let missing = endpoint.fresh_name();
    let create = glue.create_table().database_name(&missing).table_input(table_input(TABLE, &[])?);
    refused_with(CODE, create.send().await)?;
    let update = glue.update_table().database_name(&database).table_input(table_input("nothing", &[])?);
    refused_with(CODE, update.send().await)?;
    refused_with(CODE, glue.delete_table().database_name(&database).name("nothing").send().await)?;
    refused_with(CODE, glue.get_tables().database_name(&missing).send().await)
}

async fn what_exists_is_not_created_again(endpoint: Endpoint) -> Result<()> {
    const CODE: &str = "AlreadyExistsException";
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let input = DatabaseInput::builder().name(&database).build()?;
    refused_with(CODE, glue.create_database().database_input(input).send().await)?;
    let create = glue.create_table().database_name(&database).table_input(table_input(TABLE, &[])?);
    refused_with(CODE, create.send().await)
}

async fn a_table_comes_back_as_it_was_described(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[("dt", "date")]).await?;
    let (table, wanted) = (get(&glue, &database).await?, table_input(TABLE, &[("dt", "date")])?);
    ensure!(table.description == wanted.description, "{:?}", table.description);
    ensure!(table.parameters == wanted.parameters, "{:?}", table.parameters);
    ensure!(table.partition_keys == wanted.partition_keys, "{:?}", table.partition_keys);
    ensure!(table.table_type == wanted.table_type, "{:?}", table.table_type);
    let kept = table.storage_descriptor().context("there is no descriptor")?;
    let given = wanted.storage_descriptor().context("there is no descriptor")?;
    ensure!(kept.columns == given.columns, "{:?}", kept.columns);
    ensure!(kept.location == given.location && kept.input_format == given.input_format, "{kept:?}");
    ensure!(kept.serde_info == given.serde_info, "{:?}", kept.serde_info);
    ensure!(table.create_time().is_some() && table.version_id().is_some(), "{table:?}");
    Ok(())
}

async fn an_update_replaces_the_whole_description(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let mut input = table_input(TABLE, &[])?;
    input.parameters = Some([("classification".to_owned(), "parquet".to_owned())].into());
    input.description = None;
    glue.update_table().database_name(&database).table_input(input).send().await?;
    let table = get(&glue, &database).await?;
    ensure!(table.description().is_none(), "the description stayed: {:?}", table.description());
    ensure!(table.parameters().is_some_and(|p| !p.contains_key("owner")), "{:?}", table.parameters());
    Ok(())
}

async fn an_update_of_the_version_that_was_read_succeeds(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let read = get(&glue, &database).await?.version_id;
    let update = glue.update_table().database_name(&database).table_input(with_comment("newer")?);
    update.set_version_id(read.clone()).skip_archive(true).send().await?;
    let table = get(&glue, &database).await?;
    ensure!(table.version_id != read, "the version stayed {read:?}");
    ensure!(table.description() == Some("newer"), "{:?}", table.description());
    Ok(())
}

async fn an_update_of_another_version_is_a_concurrent_modification(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let stale = get(&glue, &database).await?.version_id;
    let update = |comment: &str| -> Result<_> {
        let update = glue.update_table().database_name(&database).table_input(with_comment(comment)?);
        Ok(update.set_version_id(stale.clone()))
    };
    update("first")?.send().await?;
    refused_with("ConcurrentModificationException", update("second")?.send().await)?;
    ensure!(get(&glue, &database).await?.description() == Some("first"));
    Ok(())
}

async fn one_of_many_concurrent_updates_wins(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let read = get(&glue, &database).await?.version_id;
    let comments: Vec<_> = (0..RIVALS).map(|number| format!("rival {number}")).collect();
    let rivals = comments.iter().map(|comment| {
        let update = glue.update_table().database_name(&database).set_version_id(read.clone());
        async move { Ok::<_, anyhow::Error>(update.table_input(with_comment(comment)?).send().await) }
    });
    let mut winners = Vec::new();
    for (comment, outcome) in comments.iter().zip(join_all(rivals).await) {
        match outcome? {
            Ok(_) => winners.push(comment.as_str()),
            lost => {
                let code = refusal(lost)?.code;
                ensure!(code == "ConcurrentModificationException", "lost with {code}");
            }
        }
    }
    ensure!(winners.len() == 1, "winners: {winners:?}");
    let kept = get(&glue, &database).await?;
    ensure!(kept.description() == Some(winners[0]), "{:?} is not {}", kept.description(), winners[0]);
    Ok(())
}

/// A table updated twice: once with its version archived, once without.
async fn updated_twice(endpoint: &Endpoint) -> Result<(Client, String)> {
    let (glue, database) = with_table(endpoint, &[]).await?;
    for (comment, skip) in [("second", false), ("third", true)] {
        let update = glue.update_table().database_name(&database).table_input(with_comment(comment)?);
        update.skip_archive(skip).send().await?;
    }
    Ok((glue, database))
}

async fn comments(glue: &Client, database: &str) -> Result<Vec<(String, String)>> {
    let versions = glue.get_table_versions().database_name(database).table_name(TABLE).max_results(1);
    let mut pages = versions.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for version in page?.table_versions.unwrap_or_default() {
            let comment = version.table.and_then(|table| table.description).unwrap_or_default();
            found.push((version.version_id.unwrap_or_default(), comment));
        }
    }
    Ok(found)
}

async fn an_update_archives_a_version_unless_told_not_to(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = updated_twice(&endpoint).await?;
    let found = comments(&glue, &database).await?;
    let found: Vec<_> = found.iter().map(|(_, comment)| comment.as_str()).collect();
    ensure!(found == ["third", "orders, by day"], "{found:?}");
    Ok(())
}

async fn archived_versions_are_deleted_in_batches(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = updated_twice(&endpoint).await?;
    let archived = comments(&glue, &database).await?.pop().context("there is no version")?.0;
    let delete = glue.batch_delete_table_version().database_name(&database).table_name(TABLE);
    let deleted = delete.version_ids(&archived).version_ids("4711").send().await?;
    let failed: Vec<_> = deleted.errors().iter().filter_map(|error| error.version_id()).collect();
    ensure!(failed == ["4711"], "{failed:?}");
    ensure!(comments(&glue, &database).await?.len() == 1);
    Ok(())
}

async fn more_than_a_hundred_versions_at_once_are_refused(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let delete = glue.batch_delete_table_version().database_name(&database).table_name(TABLE);
    let ids = (0..101).map(|number| number.to_string()).collect();
    refused_as_too_long(delete.set_version_ids(Some(ids)).send().await)
}

/// AWS says one or the other of a list that is too long.
pub(super) fn refused_as_too_long<T, E>(outcome: Result<T, aws_sdk_glue::error::SdkError<E>>) -> Result<()>
where
    T: std::fmt::Debug,
    E: aws_sdk_glue::error::ProvideErrorMetadata,
{
    let code = refusal(outcome)?.code;
    ensure!(matches!(code.as_str(), "ValidationException" | "InvalidInputException"), "refused with {code}");
    Ok(())
}

async fn tables_are_listed_in_pages_and_by_pattern(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    for name in ["orders_eu", "orders_us", "customers"] {
        let create = glue.create_table().database_name(&database).table_input(table_input(name, &[])?);
        create.send().await?;
    }
    let list = || glue.get_tables().database_name(&database).max_results(2);
    let mut pages = list().into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        ensure!(page.table_list().len() <= 2, "a page of {}", page.table_list().len());
        names.extend(page.table_list.unwrap_or_default().into_iter().map(|table| table.name));
    }
    names.sort();
    ensure!(names == ["customers", "orders", "orders_eu", "orders_us"], "{names:?}");
    let matching = glue.get_tables().database_name(&database).expression("orders_.*").send().await?;
    ensure!(matching.table_list().len() == 2, "{:?}", matching.table_list());
    Ok(())
}

async fn deleting_a_table_deletes_its_partitions(endpoint: Endpoint) -> Result<()> {
    let keys = [("dt", "date")];
    let (glue, database) = with_table(&endpoint, &keys).await?;
    let partition = aws_sdk_glue::types::PartitionInput::builder().values("2026-05-19").build();
    let create = glue.create_partition().database_name(&database).table_name(TABLE);
    create.partition_input(partition).send().await?;
    glue.delete_table().database_name(&database).name(TABLE).send().await?;
    let again = glue.create_table().database_name(&database).table_input(table_input(TABLE, &keys)?);
    again.send().await?;
    let partitions = glue.get_partitions().database_name(&database).table_name(TABLE).send().await?;
    ensure!(partitions.partitions().is_empty(), "{:?}", partitions.partitions());
    Ok(())
}

async fn tables_are_deleted_in_batches_with_errors_for_each(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[]).await?;
    let delete = glue.batch_delete_table().database_name(&database);
    let deleted = delete.tables_to_delete(TABLE).tables_to_delete("nothing").send().await?;
    let failed: Vec<_> = deleted.errors().iter().filter_map(|error| error.table_name()).collect();
    ensure!(failed == ["nothing"], "{failed:?}");
    let get = glue.get_table().database_name(&database).name(TABLE);
    refused_with("EntityNotFoundException", get.send().await)
}

async fn a_wrong_secret_is_refused_by_glue(endpoint: Endpoint) -> Result<()> {
    let forger = endpoint.signed_with(endpoint.access_key_id(), "not the secret").glue();
    refused_with("InvalidSignatureException", forger.get_databases().send().await)
}
