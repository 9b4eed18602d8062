//! Names and values are data, whatever their characters are.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, Run, Table};

use crate::story::SQL;

/// What SQL, JSON, shells, XML and format strings give a meaning to.
const ODD: &str = "it's \"odd\"; DROP TABLE x; -- \\ /* */ % %s $HOME $(exit 3) `id` {0} ${x} &lt; <a> ü";
/// Characters that a name may try to break out with.
const BREAKING: [&str; 14] = ["'", "\"", ";", "\n", "\\", "--", "/*", "%", "$", "`", "*", "?", " ", "#"];

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A folder of an odd name, in which everything lies that a step is given by a path.
struct Files {
    folder: std::path::PathBuf,
}

impl Files {
    fn new(table: &Table<'_>) -> Result<Self> {
        let folder = table.backend().folder().join("it's \"odd\"; $(exit 3) -- % `id`");
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn write(&self, name: &str, text: &str) -> Result<std::path::PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// The extensions, by a link.
    fn extensions(&self) -> Result<std::path::PathBuf> {
        let real = std::env::var_os("LAKEWARD_EXTENSION_DIR").context("LAKEWARD_EXTENSION_DIR is not set")?;
        let link = self.folder.join("extensions ';");
        std::os::unix::fs::symlink(Path::new(&real), &link)?;
        Ok(link)
    }

    /// A DuckDB file, whose name becomes that of a database.
    fn database(&self) -> Result<std::path::PathBuf> {
        let path = self.folder.join("a'b\"c;d.duckdb");
        let file = duckdb::Connection::open(&path)?;
        file.execute_batch("CREATE TABLE source AS SELECT i AS id FROM range(3) t(i)")?;
        Ok(path)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_values_are_carried_as_data_from_the_flags_to_the_readers() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let files = Files::new(&table)?;
    let lines = format!("{ODD}\n\ttwo lines");
    // s3:// lets the step load its extensions.
    let query =
        "SELECT id, getvariable('odd') AS odd, getvariable('part') AS part, 's3://' AS scheme FROM source";
    let query = files.write("query '; .sql", query)?;
    let write = table.write_stdin(DAYS[0]).arg("--sql-file").arg(query).args(["--partition-by", "part"]);
    let write = write.args(["--var", &format!("odd={lines}"), "--var", &format!("part={ODD}")]);
    let write = write.args(["--comment", ODD, "--column-comment", &format!("id={ODD}")]);
    let write = write.args(["--property", &format!("odd={ODD}"), "--run-key", ODD]);
    let write = write.arg("--database").arg(files.database()?).arg("--scratch").arg(&files.folder);
    let write = write.arg("--extension-dir").arg(files.extensions()?);
    let run = Run::of(write.succeeds().await?)?;
    table.register(&run).succeeds().await?;
    let check = format!("-- name: {}\nSELECT * FROM staged WHERE odd <> {}\n", "odd", literal(&lines));
    let check = files.write("checks '; .sql", &check)?;
    table.verify(&run).arg("--check").arg(check).arg("--scratch").arg(&files.folder).succeeds().await?;
    table.swap(&run).succeeds().await?;
    let (odd, part) = (literal(&lines), literal(ODD));
    let expected =
        format!("SELECT i AS id, {odd} AS odd, 's3://' AS scheme, {part} AS part FROM range(3) t(i)");
    table.shows(&run, &expected).await?;
    let live = table.live().await?;
    ensure!(live.description.as_deref() == Some(ODD), "{:?}", live.description);
    ensure!(live.columns[0].comment.as_deref() == Some(ODD), "{:?}", live.columns);
    ensure!(live.parameters.get("odd").is_some_and(|value| value == ODD), "{:?}", live.parameters);
    ensure!(live.partition_values() == [[ODD]], "{:?}", live.partition_values());
    let manifest = table.manifest(&run).await?;
    ensure!(manifest["request"]["variables"]["odd"] == lines, "{manifest}");
    ensure!(manifest["run"]["key"] == ODD, "{manifest}");
    table.status().succeeds().await.map(drop)
}

/// The names of result columns: refused, or read back as they are.
#[tokio::test(flavor = "multi_thread")]
async fn column_names_are_refused_or_read_back_as_they_are() -> Result<()> {
    let lake = Lake::start().await?;
    let mut ends = BTreeSet::new();
    for (nth, breaking) in BREAKING.into_iter().enumerate() {
        let table = lake.backend().table(&format!("columns_{nth}"));
        let name = format!("a{breaking}b");
        let sql = format!("SELECT 1 AS \"{}\", 2 AS plain", name.replace('"', "\"\""));
        let ended = table.write(DAYS[0], &sql).run().await?;
        ends.insert(ended.code);
        if ended.code == Some(0) {
            let run = Run::of(ended.into_result()?)?;
            table.register(&run).succeeds().await?;
            table.verify(&run).succeeds().await?;
            table.swap(&run).succeeds().await?;
            table.shows(&run, &sql).await.with_context(|| name.clone())?;
        } else {
            let told = ended.into_refusal(Kind::Rejected, &[])?;
            ensure!(told.contains("rename") || told.contains("AS "), "{name:?}: {told}");
            table.has_no_leftovers().await?;
        }
    }
    ensure!(ends.iter().all(|code| matches!(code, Some(0 | 12))), "{ends:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_no_names_are_refused_before_anything_is_put() -> Result<()> {
    let lake = Lake::start().await?;
    let backend = lake.backend();
    let write = |root: &str, glue: &str| {
        let write = backend.step("write").args(["--table", root, "--glue-table", glue]);
        write.args(["--run-ts", DAYS[0], "--sql", SQL])
    };
    let (root, glue) = ("s3://lake/e2e/orders/", "shop.orders");
    for breaking in BREAKING {
        let odd = format!("a{breaking}b");
        let mut wrong = vec![
            write(root, &format!("shop.{odd}")),
            write(root, &format!("{odd}.orders")),
            write(root, glue).args(["--partition-by", &odd]),
            write(root, glue).args(["--sort-by", &odd]),
        ];
        // Dashes are part of many a bucket and folder.
        if breaking != "--" {
            wrong.push(write(&format!("s3://lake/{odd}/"), glue));
            wrong.push(write(&format!("s3://la{odd}/orders/"), glue));
        }
        for step in wrong {
            let ended = step.run().await?;
            ensure!(
                matches!(ended.code, Some(2 | 12 | 14)),
                "{odd:?} ended with {:?}: {}",
                ended.code,
                ended.result
            );
        }
        let variable = write(root, glue).args(["--var", &format!("{odd}=1")]);
        variable.is_refused(Kind::Usage, &["variable"]).await.with_context(|| format!("{odd:?}"))?;
    }
    let left: Vec<_> =
        backend.keys("").await?.into_iter().filter(|key| !key.ends_with("capabilities.json")).collect();
    ensure!(left.is_empty(), "something was put: {left:?}");
    Ok(())
}

/// A command line cannot hold a NUL; a spec file can.
#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_spec_is_refused_or_carried() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let head = format!("table: {}\nglue_table: {}\n", table.root(), table.glue_name());
    let sql = "sql: SELECT 1 AS a\n";
    let specs = [
        "sql: \"SELECT 1 AS a, 'x\\0y' AS b\"\n".to_owned(),
        format!("{sql}comment: \"a\\0b\"\n"),
        format!("{sql}columns: {{a: \"a\\0b\"}}\n"),
        format!("{sql}properties: {{p: \"a\\0b\"}}\n"),
        format!("{sql}variables: {{v: \"a\\0b\"}}\n"),
        format!("{sql}database: \"a\\0b.duckdb\"\n"),
        format!("{sql}init_sql: \"SELECT 1; \\0 SELECT 2\"\n"),
        format!("{sql}partition_by: [\"a\\0b\"]\n"),
    ];
    for spec in specs {
        let path = lake.backend().file("spec.yaml", &format!("{head}{spec}"))?;
        let ended =
            lake.backend().step("write").arg("--spec").arg(path).args(["--run-ts", DAYS[0]]).run().await?;
        ensure!(
            matches!(ended.code, Some(2 | 12 | 14)),
            "{spec:?} ended with {:?}: {}",
            ended.code,
            ended.result
        );
        table.has_no_leftovers().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_was_tampered_with_adds_nothing_to_the_sql_of_a_check() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = table.registered(&table.write(DAYS[0], SQL).args(["--partition-by", "part"])).await?;
    let written = lake.backend().folder().join("written-by-sql.csv");
    let copy = format!("COPY (SELECT 1) TO {}; --", literal(&written.to_string_lossy()));
    let check = lake.backend().file("checks.sql", "-- name: any\nSELECT * FROM staged WHERE id IS NULL\n")?;
    let untouched = table.manifest(&run).await?;
    // Once what is plain to see, and once as what a reader of quotes may take for the name of a field.
    for sql in
        [format!("BIGINT}}); {copy}"), format!("STRUCT(/**/\" INTEGER, \" INTEGER)}}); {copy}\" INTEGER)")]
    {
        let mut manifest = untouched.clone();
        let columns =
            manifest["write"]["partition_columns"].as_array_mut().context("no partition columns")?;
        columns[0]["duckdb_type"] = sql.into();
        lake.backend().put(table.key(&run.manifest)?, manifest.to_string()).await?;
        let ended = table.verify(&run).arg("--check").arg(&check).run().await?;
        ensure!(!written.exists(), "the manifest's text was run as SQL");
        ended.into_refusal(Kind::Usage, &["none that is written", "manifest"])?;
    }
    Ok(())
}
