//! A query becomes a table.

use anyhow::{Context as _, Result, ensure};

use crate::backend::Backend;
use crate::reader::{ensure_reads_as, query, query_after};
use crate::table::DAYS;

const ROWS: &str = "SELECT i AS id, i * 0.5 AS amount, 'row ' || i AS label, \
                    DATE '2026-05-01' + (i % 3)::INTEGER AS day FROM range(5000) t(i)";

pub(crate) async fn an_unpartitioned_table_reads_as_its_query(backend: &Backend) -> Result<()> {
    let table = backend.table("unpartitioned");
    let result_file = backend.folder().join("unpartitioned.json");
    let write = table.write(DAYS[0], ROWS).arg("--result-path").arg(&result_file);
    let run = table.published(&write).await?;
    table.shows(&run, ROWS).await?;

    let written = &run.written;
    ensure!(written["rows"] == 5000 && written["phase"] == "written", "write said {written}");
    ensure!(run.id == "2026-05-19-060000", "the run is {}", run.id);
    let filed: serde_json::Value = serde_json::from_slice(&std::fs::read(result_file)?)?;
    ensure!(filed == *written, "--result-path has {filed}");
    let live = table.live().await?;
    ensure!(live.schema() == ["id bigint", "amount decimal(21,1)", "label string", "day date"], "{live:?}");
    ensure!(live.location.ends_with('/') && live.location.starts_with(&table.root()), "{live:?}");
    ensure!(live.parameters.get("numRows").is_some_and(|rows| rows == "5000"), "{live:?}");
    Ok(())
}

pub(crate) async fn files_are_cut_sorted_and_compressed_as_asked(backend: &Backend) -> Result<()> {
    let table = backend.table("cut_sorted_compressed");
    let sql = "SELECT i, hash(i)::VARCHAR AS text FROM range(400000) t(i)";
    let flags = [
        "--sort-by=text",
        "--compression=snappy",
        "--row-group-size=20000",
        "--target-file-size=2MiB",
        "--threads=1",
    ];
    let run = table.published(&table.write(DAYS[0], sql).args(flags)).await?;
    table.shows(&run, sql).await?;
    let files = table.data().await?;
    ensure!(files.len() > 1, "one file: {files:?}");
    let glob = format!("'{}*.parquet'", run.location);
    let codecs =
        query(backend, &format!("SELECT DISTINCT compression FROM parquet_metadata({glob})")).await?;
    ensure!(codecs == [[Some("SNAPPY".to_owned())]], "compressed by {codecs:?}");
    let unsorted = format!(
        "SELECT count(*) FROM (SELECT text < lag(text) OVER (PARTITION BY filename ORDER BY file_row_number) AS back \
         FROM read_parquet({glob}, filename = true, file_row_number = true)) WHERE back"
    );
    let unsorted = query(backend, &unsorted).await?;
    ensure!(unsorted == [[Some("0".to_owned())]], "{unsorted:?} rows are out of order");
    Ok(())
}

pub(crate) async fn the_view_sql_reads_as_the_live_table(backend: &Backend) -> Result<()> {
    let (plain, by_day) = (backend.table("view_of_plain"), backend.table("view_of_partitioned"));
    for (table, flags) in [(plain, [].as_slice()), (by_day, &["--partition-by=day"])] {
        let run = table.verified(&table.write(DAYS[0], ROWS).args(flags)).await?;
        let file = backend.folder().join(format!("{}.sql", table.name()));
        let swapped = table.swap(&run).arg("--view-sql").arg(&file).succeeds().await?;
        let sql = std::fs::read_to_string(&file).context("reading the view")?;
        let said = swapped["view_sql"].as_str().context("no view_sql")?;
        ensure!(sql.trim_end() == format!("{said};"), "the file has {sql} and the result {said}");
        let names = "SELECT id, amount, label, day FROM";
        let viewed = query_after(backend, &sql, &format!("{names} {}", table.name())).await?;
        ensure!(
            viewed == query(backend, &format!("{names} ({ROWS})")).await?,
            "the view of {} differs",
            table.name()
        );
        ensure_reads_as(backend, &table.live().await?, ROWS).await?;
    }
    Ok(())
}
