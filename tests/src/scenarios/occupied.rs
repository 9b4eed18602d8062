//! Places that are missing, or somebody else's.

use anyhow::Result;
use lakeward_outcome::Kind;

use super::live_table::create_foreign;
use crate::backend::Backend;
use crate::table::DAYS;

const SQL: &str = "SELECT 1 AS a";

pub(crate) async fn a_missing_database_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("missing_database");
    let write =
        backend.step("write").args(["--table", &table.root(), "--glue-table", "no_such_database.orders"]);
    let words = ["database no_such_database does not exist", "create"];
    write.args(["--sql", SQL]).is_refused(Kind::Configuration, &words).await?;
    table.has_no_leftovers().await
}

/// docs.getdbt.com#7606: a model with the name of another table wiped that one's data.
pub(crate) async fn the_root_of_another_table_is_refused(backend: &Backend) -> Result<()> {
    let (owner, other) = (backend.table("owner_of_root"), backend.table("taker_of_root"));
    owner.write(DAYS[0], SQL).succeeds().await?;
    let take = backend.step("write").args(["--table", &owner.root(), "--glue-table", &other.glue_name()]);
    let take = take.args(["--run-ts", DAYS[1], "--sql", SQL]);
    take.is_refused(Kind::Configuration, &[&owner.root(), "belongs to", &owner.glue_name()]).await?;
    other.has_no_leftovers().await?;
    let run = owner.published(&owner.write(DAYS[0], SQL)).await?;
    take.is_refused(Kind::Configuration, &[&owner.root(), &owner.glue_name()]).await?;
    owner.shows(&run, SQL).await
}

/// dbt-adapters#405: a full refresh deleted an unrelated part of the bucket.
pub(crate) async fn a_root_that_overlaps_a_table_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("overlapping");
    create_foreign(backend, "lies_inside", &format!("{}inside", table.root())).await?;
    let words = ["overlaps", "lies_inside"];
    table.write(DAYS[0], SQL).is_refused(Kind::Configuration, &words).await?;
    let below = format!("{}inside/deeper/", table.root());
    let below =
        backend.step("write").args(["--table", &below, "--glue-table", &table.glue_name(), "--sql", SQL]);
    below.is_refused(Kind::Configuration, &words).await?;
    table.has_no_leftovers().await?;

    let outer = backend.table("outer_root");
    let run = outer.published(&outer.write(DAYS[0], SQL)).await?;
    let inner = format!("{}inner/", outer.root());
    let inner =
        backend.step("write").args(["--table", &inner, "--glue-table", &table.glue_name(), "--sql", SQL]);
    inner.is_refused(Kind::Configuration, &["overlaps", "outer_root"]).await?;
    outer.shows(&run, SQL).await
}
