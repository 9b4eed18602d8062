//! Partitions: batches with per-item errors, pages, segments and expressions.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::Client;
use aws_sdk_glue::operation::get_partitions::builders::GetPartitionsFluentBuilder;
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, PartitionInput, PartitionValueList, Segment, StorageDescriptor,
};

use super::glue::{TABLE, column, refused_as_too_long, with_table};
use super::setup::{Endpoint, refused_with};

super::promises! { Glue:
    a_partition_comes_back_as_it_was_described,
    values_of_any_characters_come_back,
    a_batch_create_takes_a_hundred_and_no_more,
    a_batch_create_lists_what_exists_and_creates_the_rest,
    a_value_twice_in_a_batch_is_created_once,
    a_batch_update_lists_what_is_missing_and_updates_the_rest,
    a_batch_update_takes_a_hundred_and_no_more,
    a_batch_delete_lists_what_is_missing_and_deletes_the_rest,
    a_batch_delete_takes_twenty_five_and_no_more,
    a_batch_get_finds_what_is_there,
    values_must_match_the_keys,
    an_empty_value_is_refused,
    thousands_of_partitions_are_listed_in_pages_once_each,
    a_page_has_a_thousand_partitions_at_most,
    segments_divide_the_partitions,
    columns_are_left_out_when_asked,
    an_expression_compares_by_the_type_of_the_key,
    an_expression_that_cannot_be_read_is_refused,
}

fn values(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn partition(of: &[&str], location: &str) -> Result<PartitionInput> {
    let descriptor = StorageDescriptor::builder().columns(column("id", "bigint")?).location(location);
    let input = PartitionInput::builder().set_values(Some(values(of)));
    Ok(input.storage_descriptor(descriptor.build()).build())
}

fn value_list(of: &str) -> Result<PartitionValueList> {
    Ok(PartitionValueList::builder().values(of).build()?)
}

/// A table by `day` (int), with the partitions of these days.
async fn by_day(endpoint: &Endpoint, days: std::ops::Range<u32>) -> Result<(Client, String)> {
    let (glue, database) = with_table(endpoint, &[("day", "int")]).await?;
    let days: Vec<_> = days.map(|day| day.to_string()).collect();
    for batch in days.chunks(100) {
        let create = glue.batch_create_partition().database_name(&database).table_name(TABLE);
        let inputs = batch.iter().map(|day| partition(&[day], &format!("s3://lake/day={day}/")));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let created = create.set_partition_input_list(Some(inputs)).send().await?;
        ensure!(created.errors().is_empty(), "{:?}", created.errors());
    }
    Ok((glue, database))
}

fn list(glue: &Client, database: &str) -> GetPartitionsFluentBuilder {
    glue.get_partitions().database_name(database).table_name(TABLE)
}

async fn days(list: GetPartitionsFluentBuilder) -> Result<Vec<u32>> {
    let mut pages = list.into_paginator().send();
    let mut days = Vec::new();
    while let Some(page) = pages.next().await {
        for partition in page?.partitions.unwrap_or_default() {
            days.push(partition.values()[0].parse()?);
        }
    }
    days.sort_unstable();
    Ok(days)
}

async fn a_partition_comes_back_as_it_was_described(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[("day", "int")]).await?;
    let mut input = partition(&["7"], "s3://lake/day=7/")?;
    input.parameters = Some([("numRows".to_owned(), "12".to_owned())].into());
    let create = glue.create_partition().database_name(&database).table_name(TABLE);
    create.partition_input(input.clone()).send().await?;
    let get = glue.get_partition().database_name(&database).table_name(TABLE).partition_values("7");
    let got = get.send().await?.partition.context("there is no partition")?;
    ensure!(got.values == input.values && got.parameters == input.parameters, "{got:?}");
    let (kept, given) = (got.storage_descriptor(), input.storage_descriptor());
    ensure!(kept.map(|d| &d.columns) == given.map(|d| &d.columns), "{kept:?}");
    ensure!(kept.map(|d| &d.location) == given.map(|d| &d.location), "{kept:?}");
    Ok(())
}

async fn values_of_any_characters_come_back(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[("region", "string"), ("kind", "string")]).await?;
    let of = ["a b/c%2Fd=e", "straße 日本 'quoted'"];
    let input = partition(&of, "s3://lake/region=a%20b/")?;
    let create = glue.create_partition().database_name(&database).table_name(TABLE);
    create.partition_input(input).send().await?;
    let listed = list(&glue, &database).send().await?;
    ensure!(listed.partitions()[0].values() == of, "{:?}", listed.partitions()[0].values());
    let get = glue.get_partition().database_name(&database).table_name(TABLE);
    get.set_partition_values(Some(values(&of))).send().await?;
    Ok(())
}

async fn a_batch_create_takes_a_hundred_and_no_more(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..100).await?;
    let inputs = (100..201).map(|day| partition(&[&day.to_string()], "s3://lake/x/"));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let create = glue.batch_create_partition().database_name(&database).table_name(TABLE);
    refused_as_too_long(create.set_partition_input_list(Some(inputs)).send().await)?;
    ensure!(days(list(&glue, &database)).await?.len() == 100);
    Ok(())
}

async fn a_batch_create_lists_what_exists_and_creates_the_rest(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..2).await?;
    let create = glue.batch_create_partition().database_name(&database).table_name(TABLE);
    let create = create.partition_input_list(partition(&["1"], "s3://lake/other/")?);
    let created = create.partition_input_list(partition(&["2"], "s3://lake/day=2/")?).send().await?;
    let [error] = created.errors() else { anyhow::bail!("errors: {:?}", created.errors()) };
    ensure!(error.partition_values() == ["1"], "{error:?}");
    let code = error.error_detail().and_then(|detail| detail.error_code());
    ensure!(code == Some("AlreadyExistsException"), "{error:?}");
    ensure!(days(list(&glue, &database)).await? == [0, 1, 2]);
    let get = glue.get_partition().database_name(&database).table_name(TABLE).partition_values("1");
    let kept = get.send().await?.partition.and_then(|p| p.storage_descriptor).and_then(|d| d.location);
    ensure!(kept.as_deref() == Some("s3://lake/day=1/"), "{kept:?}");
    Ok(())
}

async fn a_value_twice_in_a_batch_is_created_once(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = with_table(&endpoint, &[("day", "int")]).await?;
    let create = glue.batch_create_partition().database_name(&database).table_name(TABLE);
    let input = partition(&["1"], "s3://lake/day=1/")?;
    let created = create.partition_input_list(input.clone()).partition_input_list(input).send().await;
    // Refusing the whole batch keeps the promise as well.
    if let Ok(created) = created {
        ensure!(created.errors().len() == 1, "{:?}", created.errors());
    }
    ensure!(days(list(&glue, &database)).await?.len() <= 1);
    Ok(())
}

fn update_entry(day: &str, location: &str) -> Result<BatchUpdatePartitionRequestEntry> {
    let entry = BatchUpdatePartitionRequestEntry::builder().partition_value_list(day);
    Ok(entry.partition_input(partition(&[day], location)?).build()?)
}

async fn a_batch_update_lists_what_is_missing_and_updates_the_rest(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..2).await?;
    let update = glue.batch_update_partition().database_name(&database).table_name(TABLE);
    let update = update.entries(update_entry("1", "s3://lake/new/")?);
    let updated = update.entries(update_entry("9", "s3://lake/new/")?).send().await?;
    let [error] = updated.errors() else { anyhow::bail!("errors: {:?}", updated.errors()) };
    ensure!(error.partition_value_list() == ["9"], "{error:?}");
    let code = error.error_detail().and_then(|detail| detail.error_code());
    ensure!(code == Some("EntityNotFoundException"), "{error:?}");
    let get = glue.get_partition().database_name(&database).table_name(TABLE).partition_values("1");
    let kept = get.send().await?.partition.and_then(|p| p.storage_descriptor).and_then(|d| d.location);
    ensure!(kept.as_deref() == Some("s3://lake/new/"), "{kept:?}");
    Ok(())
}

async fn a_batch_update_takes_a_hundred_and_no_more(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..101).await?;
    let entries = (0..101).map(|day| update_entry(&day.to_string(), "s3://lake/new/"));
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let update = |entries: &[BatchUpdatePartitionRequestEntry]| {
        let update = glue.batch_update_partition().database_name(&database).table_name(TABLE);
        update.set_entries(Some(entries.to_vec())).send()
    };
    refused_as_too_long(update(&entries).await)?;
    ensure!(update(&entries[..100]).await?.errors().is_empty());
    Ok(())
}

async fn a_batch_delete_lists_what_is_missing_and_deletes_the_rest(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..3).await?;
    let delete = glue.batch_delete_partition().database_name(&database).table_name(TABLE);
    let delete = delete.partitions_to_delete(value_list("1")?);
    let deleted = delete.partitions_to_delete(value_list("9")?).send().await?;
    let [error] = deleted.errors() else { anyhow::bail!("errors: {:?}", deleted.errors()) };
    ensure!(error.partition_values() == ["9"], "{error:?}");
    let code = error.error_detail().and_then(|detail| detail.error_code());
    ensure!(code == Some("EntityNotFoundException"), "{error:?}");
    ensure!(days(list(&glue, &database)).await? == [0, 2]);
    Ok(())
}

async fn a_batch_delete_takes_twenty_five_and_no_more(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..26).await?;
    let all = (0..26).map(|day| value_list(&day.to_string())).collect::<Result<Vec<_>>>()?;
    let delete = |some: &[PartitionValueList]| {
        let delete = glue.batch_delete_partition().database_name(&database).table_name(TABLE);
        delete.set_partitions_to_delete(Some(some.to_vec())).send()
    };
    refused_as_too_long(delete(&all).await)?;
    ensure!(delete(&all[..25]).await?.errors().is_empty());
    ensure!(days(list(&glue, &database)).await? == [25]);
    Ok(())
}

async fn a_batch_get_finds_what_is_there(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..3).await?;
    let get = glue.batch_get_partition().database_name(&database).table_name(TABLE);
    let got = get.partitions_to_get(value_list("1")?).partitions_to_get(value_list("9")?).send().await?;
    let found: Vec<_> = got.partitions().iter().map(|partition| partition.values().to_vec()).collect();
    ensure!(found == [["1"]], "{found:?}");
    Ok(())
}

async fn values_must_match_the_keys(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..1).await?;
    let create = glue.create_partition().database_name(&database).table_name(TABLE);
    let create = create.partition_input(partition(&["1", "2"], "s3://lake/x/")?);
    refused_with("InvalidInputException", create.send().await)
}

async fn an_empty_value_is_refused(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..1).await?;
    let create = glue.create_partition().database_name(&database).table_name(TABLE);
    refused_as_too_long(create.partition_input(partition(&[""], "s3://lake/x/")?).send().await)
}

async fn thousands_of_partitions_are_listed_in_pages_once_each(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..2100).await?;
    let first = list(&glue, &database).max_results(100).send().await?;
    ensure!(first.partitions().len() <= 100, "a page of {}", first.partitions().len());
    ensure!(first.next_token().is_some(), "there is no next page");
    ensure!(days(list(&glue, &database)).await? == (0..2100).collect::<Vec<_>>());
    Ok(())
}

async fn a_page_has_a_thousand_partitions_at_most(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..1).await?;
    refused_as_too_long(list(&glue, &database).max_results(1001).send().await)
}

async fn segments_divide_the_partitions(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..300).await?;
    let (mut all, mut sizes) = (BTreeSet::new(), Vec::new());
    for number in 0..3 {
        let segment = Segment::builder().segment_number(number).total_segments(3).build()?;
        let of_segment = days(list(&glue, &database).segment(segment)).await?;
        sizes.push(of_segment.len());
        all.extend(of_segment);
    }
    ensure!(all.len() == 300 && sizes.iter().sum::<usize>() == 300, "{} in {sizes:?}", all.len());
    ensure!(sizes.iter().all(|size| *size < 300), "one segment has them all: {sizes:?}");
    Ok(())
}

async fn columns_are_left_out_when_asked(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..1).await?;
    let listed = list(&glue, &database).exclude_column_schema(true).send().await?;
    let descriptor = listed.partitions()[0].storage_descriptor().context("there is no descriptor")?;
    ensure!(descriptor.columns().is_empty(), "{:?}", descriptor.columns());
    ensure!(descriptor.location() == Some("s3://lake/day=0/"), "{:?}", descriptor.location());
    Ok(())
}

async fn an_expression_compares_by_the_type_of_the_key(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..30).await?;
    for (expression, wanted) in [
        ("day < 3", vec![0, 1, 2]),
        ("day >= 9 AND day <= 11", vec![9, 10, 11]),
        ("day = 4 OR day = 21", vec![4, 21]),
        ("day BETWEEN 27 AND 28", vec![27, 28]),
        ("day IN (5, 6)", vec![5, 6]),
        ("day > 27 AND day <> 28", vec![29]),
    ] {
        let found = days(list(&glue, &database).expression(expression)).await?;
        ensure!(found == wanted, "{expression}: {found:?}");
    }
    Ok(())
}

async fn an_expression_that_cannot_be_read_is_refused(endpoint: Endpoint) -> Result<()> {
    let (glue, database) = by_day(&endpoint, 0..1).await?;
    for expression in ["no_such_key = 1", "day = "] {
        let outcome = list(&glue, &database).expression(expression).send().await;
        refused_with("InvalidInputException", outcome).context(expression)?;
    }
    Ok(())
}
