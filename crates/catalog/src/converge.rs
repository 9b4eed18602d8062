//! Making a table's partitions what a run says.

use std::collections::BTreeMap;

use crate::{Catalog, CatalogError, Partition, RegisteredPartition, Report, TableName};

/// What has to happen to the partitions of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Partitions that are missing.
    pub create: Vec<Partition>,
    /// Partitions that are there and differ.
    pub update: Vec<Partition>,
    /// The values of partitions that must go.
    pub delete: Vec<Vec<String>>,
    /// How many are as they should be.
    pub unchanged: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.create.is_empty() && self.update.is_empty() && self.delete.is_empty()
    }
}

/// Compares the partitions that there are with those that there should be.
pub fn diff(have: &[RegisteredPartition], want: &[Partition]) -> Plan {
    let mut have: BTreeMap<_, _> =
        have.iter().map(|registered| (registered.partition.values.as_slice(), registered)).collect();
    let mut plan = Plan::default();
    for wanted in want {
        match have.remove(wanted.values.as_slice()) {
            None => plan.create.push(wanted.clone()),
            Some(registered) if registered.is(wanted) => plan.unchanged += 1,
            Some(_) => plan.update.push(wanted.clone()),
        }
    }
    plan.delete = have.into_keys().map(<[String]>::to_vec).collect();
    plan
}

/// Carries out a plan's updates and creations, not its deletions: what readers may still need stays.
///
/// `check` runs before every few batches, for example to make sure that the step may still go on; its
/// error stops the work.
pub async fn apply_puts<E: From<CatalogError>>(
    catalog: &Catalog,
    table: &TableName,
    plan: &Plan,
    check: impl AsyncFn() -> Result<(), E>,
) -> Result<Report, E> {
    let mut report = catalog.update_partitions(table, plan.update.clone(), &check).await?;
    report.add(catalog.create_partitions(table, plan.create.clone(), &check).await?);
    Ok(report)
}

/// Carries out a plan's deletions. `check` as in [`apply_puts`].
pub async fn apply_deletes<E: From<CatalogError>>(
    catalog: &Catalog,
    table: &TableName,
    plan: &Plan,
    check: impl AsyncFn() -> Result<(), E>,
) -> Result<Report, E> {
    catalog.delete_partitions(table, plan.delete.clone(), check).await
}

/// Carries out a whole plan on a table that nobody reads yet.
pub async fn apply(catalog: &Catalog, table: &TableName, plan: &Plan) -> Result<Report, CatalogError> {
    let unchecked = async || Ok::<(), CatalogError>(());
    let mut report = apply_puts(catalog, table, plan, unchecked).await?;
    report.add(apply_deletes(catalog, table, plan, unchecked).await?);
    Ok(report)
}

#[cfg(test)]
mod tests;
