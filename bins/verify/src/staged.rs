//! The staged table: what Glue shows of the run, against what the manifest says.

use std::collections::BTreeMap;
use std::time::Duration;

use lakeward_aws::{Backoff, End, RetryPolicy};
use lakeward_catalog::{
    Catalog, Column, RegisteredPartition, Table, TableDefinition, TableName, converge, run_table,
};
use lakeward_manifest::Registered;
use lakeward_outcome::Failure;

use crate::error::VerifyError;

/// How long Glue may take to show what `register` was told is done. Glue shows its own changes within seconds; what
/// differs for longer was changed by somebody, and waiting would only delay saying so.
const SETTLING: Duration = Duration::from_secs(30);
/// The first and the longest wait between two looks.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// How to wait for Glue, when there is `timeout` to wait at all.
pub(crate) fn waits(timeout: Duration) -> RetryPolicy {
    RetryPolicy { patience: timeout.min(SETTLING), base: WAITS.0, cap: WAITS.1 }
}

/// Compares the staged table with the manifest, looking again after each wait of `backoff` while they differ. One
/// line for each difference.
pub(crate) async fn compare(
    catalog: &Catalog,
    run: &Registered<'_>,
    mut backoff: Backoff,
) -> Result<Vec<String>, Failure> {
    loop {
        let differences = look(catalog, run).await?;
        if differences.is_empty() {
            return Ok(differences);
        }
        match backoff.wait().await {
            Ok(wait) => tracing::debug!(?differences, ?wait, "glue may still be settling: looking again"),
            Err(End::OutOfPatience) => return Ok(differences),
            Err(End::Cancelled) => return Err(VerifyError::Stopped.into()),
        }
    }
}

async fn look(catalog: &Catalog, run: &Registered<'_>) -> Result<Vec<String>, Failure> {
    let staged = TableName::from(&run.registration.staged);
    let Some(table) = catalog.get_table(&staged).await? else {
        return Ok(vec![format!("staged table {staged} does not exist")]);
    };
    let mut differences = table_differences(&table, &run_table::staged_definition(&run.sealed));
    let partitions = catalog.partitions(&staged).await?;
    differences.extend(partition_differences(&partitions, &run_table::partitions(&run.sealed)));
    Ok(differences.into_iter().map(|line| format!("staged table {staged}: {line}")).collect())
}

fn table_differences(table: &Table, wanted: &TableDefinition) -> Vec<String> {
    let found = &table.definition;
    let mut lines = Vec::new();
    if found.location != wanted.location {
        let text = |location: &Option<String>| location.clone().unwrap_or_else(|| "none".to_owned());
        lines.push(format!("location is {} instead of {}", text(&found.location), text(&wanted.location)));
    }
    lines.extend(column_difference("columns", &found.columns, &wanted.columns));
    lines.extend(column_difference("partition keys", &found.partition_keys, &wanted.partition_keys));
    // What is compared above would be named once more.
    let mut rest = wanted.clone();
    rest.location.clone_from(&found.location);
    rest.columns.clone_from(&found.columns);
    rest.partition_keys.clone_from(&found.partition_keys);
    lines.extend(
        found.differences(&rest).into_iter().map(|part| format!("{part} is not what was registered")),
    );
    lines
}

fn column_difference(what: &str, found: &[Column], wanted: &[Column]) -> Option<String> {
    let text = |columns: &[Column]| {
        let parts: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name, column.glue_type)).collect();
        parts.join(", ")
    };
    let (found, wanted) = (text(found), text(wanted));
    (found != wanted).then(|| format!("{what} are ({found}) instead of ({wanted})"))
}

fn partition_differences(
    found: &[RegisteredPartition],
    wanted: &[lakeward_catalog::Partition],
) -> Vec<String> {
    let plan = converge::diff(found, wanted);
    let missing = plan.create.iter().map(|lost| format!("partition {:?} is missing", lost.values));
    let places: BTreeMap<&[String], &str> = found
        .iter()
        .map(|found| (found.partition.values.as_slice(), found.partition.location.as_str()))
        .collect();
    let different = plan.update.iter().map(|other| {
        let place = places.get(other.values.as_slice()).copied().unwrap_or_default();
        if place == other.location {
            format!(
                "partition {:?} has other columns, format or statistics than were registered",
                other.values
            )
        } else {
            format!("partition {:?} is at {place} instead of {}", other.values, other.location)
        }
    });
    let stray = plan.delete.iter().map(|values| format!("partition {values:?} is not in the manifest"));
    missing.chain(different).chain(stray).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lakeward_catalog::CatalogError;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Glue, GlueState, Lake, backoff, lake};

    const NAME: &str = "staged table shop.orders__lakeward_2026_05_19_060000";

    /// A run of three partitions, registered as `register` does it.
    async fn registered() -> (Lake, Glue) {
        let lake = lake("SELECT range AS id, 'a b/' || (range % 3) AS region FROM range(30)", &["region"]);
        let glue = Glue::default();
        let catalog = glue.open_with(|_| {});
        let run = lake.manifest.registered().unwrap();
        let name = TableName::from(&run.registration.staged);
        let definition = run_table::staged_definition(&run.sealed);
        catalog.create_table(&name, &definition, |_| true).await.unwrap();
        let partitions = run_table::partitions(&run.sealed);
        let report =
            catalog.create_partitions(&name, partitions, async || Ok::<_, CatalogError>(())).await.unwrap();
        report.into_result(&name).unwrap();
        (lake, glue)
    }

    async fn differences(lake: &Lake, glue: &Glue) -> Vec<String> {
        let catalog = glue.open_with(|_| {});
        let run = lake.manifest.registered().unwrap();
        compare(&catalog, &run, backoff(waits(Duration::ZERO))).await.unwrap()
    }

    async fn after(edit: impl FnOnce(&mut GlueState)) -> Vec<String> {
        let (lake, glue) = registered().await;
        glue.edit(edit);
        differences(&lake, &glue).await
    }

    async fn after_table(edit: impl FnOnce(&mut Value)) -> Vec<String> {
        after(|state| edit(state.table.as_mut().unwrap())).await
    }

    #[tokio::test]
    async fn a_table_as_it_was_registered_shows_no_difference() {
        assert_eq!(after(|_| {}).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_table_that_is_gone_is_a_difference() {
        assert_eq!(after(|state| state.table = None).await, [format!("{NAME} does not exist")]);
    }

    #[tokio::test]
    async fn other_columns_types_order_or_keys_are_differences() {
        let columns = "/StorageDescriptor/Columns";
        let retyped =
            after_table(|table| table.pointer_mut(columns).unwrap()[0]["Type"] = json!("int")).await;
        assert_eq!(retyped, [format!("{NAME}: columns are (id int) instead of (id bigint)")]);
        let keyless = after_table(|table| table["PartitionKeys"] = json!([])).await;
        assert_eq!(keyless, [format!("{NAME}: partition keys are () instead of (region string)")]);
    }

    #[tokio::test]
    async fn another_location_run_attempt_or_format_is_a_difference() {
        let moved =
            after_table(|table| table["StorageDescriptor"]["Location"] = json!("s3://lake/orders/")).await;
        assert!(
            moved[0].starts_with(&format!("{NAME}: location is s3://lake/orders/ instead of s3://")),
            "{moved:?}"
        );
        assert_eq!(moved.len(), 1);
        for name in ["lakeward.run", "lakeward.attempt"] {
            let marked = after_table(|table| table["Parameters"][name] = json!("another")).await;
            assert_eq!(marked, [format!("{NAME}: parameter {name} is not what was registered")]);
        }
        let text = json!("org.apache.hadoop.mapred.TextInputFormat");
        let format = after_table(|table| table["StorageDescriptor"]["InputFormat"] = text).await;
        assert_eq!(format, [format!("{NAME}: format is not what was registered")]);
    }

    #[tokio::test]
    async fn a_partition_missing_added_or_elsewhere_is_a_difference() {
        let missing = after(|state| drop(state.partitions.remove(0))).await;
        assert_eq!(missing, [format!("{NAME}: partition [\"a b/0\"] is missing")]);
        let added = after(|state| {
            let mut stray = state.partitions[0].clone();
            stray["Values"] = json!(["z"]);
            state.partitions.push(stray);
        });
        assert_eq!(added.await, [format!("{NAME}: partition [\"z\"] is not in the manifest")]);
        let moved =
            after(|state| state.partitions[1]["StorageDescriptor"]["Location"] = json!("s3://lake/else/"));
        let moved = moved.await;
        assert!(
            moved[0].contains("partition [\"a b/1\"] is at s3://lake/else/ instead of s3://"),
            "{moved:?}"
        );
        let retyped = after(|state| {
            state.partitions[1]["StorageDescriptor"]["Columns"][0]["Type"] = json!("int");
        });
        assert!(retyped.await[0].contains("has other columns"));
    }

    #[tokio::test(start_paused = true)]
    async fn glue_is_given_time_to_show_what_was_registered() {
        let (lake, glue) = registered().await;
        let mut table = None;
        glue.edit(|state| table = state.table.take());
        let (looks, shown) = (AtomicUsize::new(0), glue.clone());
        let catalog = glue.open_with(move |seen| {
            if seen.target() == "GetTable" && looks.fetch_add(1, Ordering::SeqCst) == 3 {
                shown.edit(|state| state.table.clone_from(&table));
            }
        });
        let run = lake.manifest.registered().unwrap();
        let waiting = compare(&catalog, &run, backoff(waits(Duration::from_mins(15))));
        assert_eq!(waiting.await.unwrap(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn glue_is_not_waited_for_longer_than_it_takes_to_settle() {
        let (lake, glue) = registered().await;
        glue.edit(|state| state.table = None);
        let started = tokio::time::Instant::now();
        let catalog = glue.open_with(|_| {});
        let run = lake.manifest.registered().unwrap();
        let found = compare(&catalog, &run, backoff(waits(Duration::from_mins(15)))).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(started.elapsed() > SETTLING / 2 && started.elapsed() <= SETTLING, "{:?}", started.elapsed());
    }
}
