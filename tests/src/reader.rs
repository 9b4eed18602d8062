//! Published tables as an engine reads them: Glue says where, and DuckDB reads what lies there. Nothing of
//! Lakeward's own code or manifests is used.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use aws_sdk_glue::types::{Column as GlueColumn, Partition as GluePartition, StorageDescriptor};
use duckdb::Connection;
use futures::stream::{StreamExt as _, TryStreamExt as _};

use crate::backend::Backend;
use crate::conformance::REGION;
use crate::step::EXTENSIONS;

/// Locations listed at once.
const AT_ONCE: usize = 16;
/// How Hive, and with it Glue, names a partition value that is NULL.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Rows as text, sorted; none is NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// A column as Glue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub glue_type: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// A partition as Glue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its values, in the order of the keys.
    pub values: Vec<String>,
    /// Where its files lie.
    pub location: String,
}

/// A table as Glue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlueTable {
    /// Its Location.
    pub location: String,
    /// The columns in the files.
    pub columns: Vec<Column>,
    /// The partition keys.
    pub keys: Vec<Column>,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its description.
    pub description: Option<String>,
    /// Its partitions, by their values.
    pub partitions: Vec<Partition>,
    /// In how many pages Glue gave them.
    pub pages: usize,
}

impl GlueTable {
    /// The table of this name in the backend's database, if there is one.
    ///
    /// # Errors
    /// Glue fails, or gives a table without a Location.
    pub async fn find(backend: &Backend, name: &str) -> Result<Option<Self>> {
        Self::read(&backend.glue(), backend.database(), name).await
    }

    /// The table of this name in a database, if there is one.
    ///
    /// # Errors
    /// As [`GlueTable::find`].
    pub async fn read(glue: &aws_sdk_glue::Client, database: &str, name: &str) -> Result<Option<Self>> {
        let got = glue.get_table().database_name(database).name(name).send().await;
        let table = match got {
            Ok(got) => got.table.with_context(|| format!("no table in the answer for {name}"))?,
            Err(error) => {
                let error = error.into_service_error();
                if error.is_entity_not_found_exception() {
                    return Ok(None);
                }
                return Err(error).with_context(|| format!("reading glue table {name}"));
            }
        };
        // A reader asks for the partitions of a partitioned table alone.
        let (partitions, pages) = match table.partition_keys() {
            [] => (Vec::new(), 0),
            _ => partitions(glue, database, name).await?,
        };
        let storage = table.storage_descriptor().context("a table without a storage descriptor")?;
        Ok(Some(Self {
            location: location(storage)?,
            columns: columns(storage.columns()),
            keys: columns(table.partition_keys()),
            parameters: table.parameters().map(|map| map.clone().into_iter().collect()).unwrap_or_default(),
            description: table.description().map(str::to_owned),
            partitions,
            pages,
        }))
    }

    /// The values of all partitions.
    pub fn partition_values(&self) -> Vec<Vec<String>> {
        self.partitions.iter().map(|partition| partition.values.clone()).collect()
    }

    /// `name type` of columns and keys.
    pub fn schema(&self) -> Vec<String> {
        let all = self.columns.iter().chain(&self.keys);
        all.map(|column| format!("{} {}", column.name, column.glue_type)).collect()
    }

    /// SQL that reads the table's columns and keys from where its files lie now; none when it has no files.
    ///
    /// # Errors
    /// S3 refuses to list them, or a key has a type that no reader takes.
    pub async fn sql(&self, backend: &Backend) -> Result<Option<String>> {
        select(self, &self.files(backend).await?)
    }

    /// The table's files with the values of their partitions: those of its Location when it has no keys, else
    /// those of each partition's.
    async fn files(&self, backend: &Backend) -> Result<Vec<(String, Vec<String>)>> {
        let whole = [Partition { values: Vec::new(), location: self.location.clone() }];
        let places = if self.keys.is_empty() { whole.to_vec() } else { self.partitions.clone() };
        let listed = futures::stream::iter(places).map(|place| async move {
            let bucket = format!("s3://{}/", backend.bucket());
            let prefix = place.location.strip_prefix(&bucket).context("a location in another bucket")?;
            let keys = backend.keys(prefix).await?;
            anyhow::Ok(keys.into_iter().map(move |key| (format!("{bucket}{key}"), place.values.clone())))
        });
        let listed: Vec<_> = listed.buffered(AT_ONCE).try_collect().await?;
        Ok(listed.into_iter().flatten().collect())
    }
}

async fn partitions(
    glue: &aws_sdk_glue::Client,
    database: &str,
    name: &str,
) -> Result<(Vec<Partition>, usize)> {
    let (mut partitions, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let page = glue.get_partitions().database_name(database).table_name(name);
        let page = page.set_next_token(token).send().await;
        let page = page.with_context(|| format!("reading partitions of {name}"))?;
        pages += 1;
        for found in page.partitions() {
            partitions.push(partition(found)?);
        }
        token = page.next_token;
        if token.as_ref().is_none_or(String::is_empty) {
            partitions.sort_by(|a: &Partition, b| a.values.cmp(&b.values));
            return Ok((partitions, pages));
        }
    }
}

fn partition(found: &GluePartition) -> Result<Partition> {
    let storage = found.storage_descriptor().context("a partition without a storage descriptor")?;
    Ok(Partition { values: found.values().to_vec(), location: location(storage)? })
}

fn location(storage: &StorageDescriptor) -> Result<String> {
    storage.location().map(str::to_owned).context("a storage descriptor without a location")
}

fn columns(columns: &[GlueColumn]) -> Vec<Column> {
    let column = |column: &GlueColumn| Column {
        name: column.name().to_owned(),
        glue_type: column.r#type().unwrap_or_default().to_owned(),
        comment: column.comment().map(str::to_owned),
    };
    columns.iter().map(column).collect()
}

/// Fails unless the table reads as the query `sql` does, whose columns have the table's names.
///
/// # Errors
/// The rows differ, or cannot be read.
pub async fn ensure_reads_as(backend: &Backend, table: &GlueTable, sql: &str) -> Result<()> {
    let (read, names) = (table.sql(backend).await?, names(table));
    let expected = query(backend, &format!("SELECT {names} FROM ({sql})")).await?;
    let found = match read {
        Some(read) => query(backend, &read).await?,
        None => Rows::new(),
    };
    ensure_same(&found, &expected)
}

fn ensure_same(found: &Rows, expected: &Rows) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let only = |rows: &Rows, others: &Rows| rows.iter().find(|row| !others.contains(row)).cloned();
    bail!(
        "{} rows were read instead of {}; only read: {:?}; not read: {:?}",
        found.len(),
        expected.len(),
        only(found, expected),
        only(expected, found)
    )
}

fn names(table: &GlueTable) -> String {
    let all = table.columns.iter().chain(&table.keys);
    all.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}

/// SQL that reads the files, with the partition values that Glue has for each; none without files.
fn select(table: &GlueTable, files: &[(String, Vec<String>)]) -> Result<Option<String>> {
    if files.is_empty() {
        return Ok(None);
    }
    let uris: Vec<String> = files.iter().map(|(uri, _)| literal(uri)).collect();
    let data = table.columns.iter().map(|column| format!("f.\"{}\"", column.name));
    let keys = table.keys.iter().enumerate().map(|(n, key)| {
        let duckdb = duckdb_type(&key.glue_type)?;
        let null = literal(NULL_PARTITION);
        Ok(format!("CAST(NULLIF(p.k{n}, {null}) AS {duckdb}) AS \"{}\"", key.name))
    });
    let list = data.map(Ok).chain(keys).collect::<Result<Vec<_>>>()?.join(", ");
    let read = format!("read_parquet([{}], hive_partitioning = false, filename = true) f", uris.join(", "));
    if table.keys.is_empty() {
        return Ok(Some(format!("SELECT {list} FROM {read}")));
    }
    let rows = files.iter().zip(&uris).map(|((_, values), uri)| {
        let values = values.iter().map(|value| literal(value)).collect::<Vec<_>>().join(", ");
        format!("({uri}, {values})")
    });
    let names = (0..table.keys.len()).map(|n| format!("k{n}")).collect::<Vec<_>>().join(", ");
    let places = format!("(VALUES {}) p(file, {names})", rows.collect::<Vec<_>>().join(", "));
    Ok(Some(format!("SELECT {list} FROM {read} JOIN {places} ON f.filename = p.file")))
}

fn duckdb_type(glue_type: &str) -> Result<&'static str> {
    Ok(match glue_type {
        "boolean" => "BOOLEAN",
        "tinyint" => "TINYINT",
        "smallint" => "SMALLINT",
        "int" => "INTEGER",
        "bigint" => "BIGINT",
        "date" => "DATE",
        "string" => "VARCHAR",
        other => bail!("no reader takes a partition key of type {other}"),
    })
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The rows of a query that may read from the backend's S3, after the statements before it.
///
/// # Errors
/// The query fails.
pub async fn query(backend: &Backend, sql: &str) -> Result<Rows> {
    query_after(backend, "", sql).await
}

/// The rows of a query that needs other statements first.
///
/// # Errors
/// A statement or the query fails.
pub async fn query_after(backend: &Backend, before: &str, sql: &str) -> Result<Rows> {
    let before = format!("{}; {before}", access(backend)?);
    let sql = format!("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})");
    let rows = tokio::task::spawn_blocking(move || {
        let duckdb = Connection::open_in_memory()?;
        duckdb.execute_batch(&before)?;
        let mut statement = duckdb.prepare(&sql)?;
        let read = statement
            .query_map([], |row| (0..row.as_ref().column_count()).map(|index| row.get(index)).collect());
        let mut rows = read?.collect::<Result<Rows, _>>().with_context(|| format!("running {sql}"))?;
        rows.sort();
        anyhow::Ok(rows)
    });
    rows.await.context("a query crashed")?
}

/// The statements after which DuckDB reads from the backend's S3, and shows times in UTC.
///
/// # Errors
/// The environment does not say where httpfs lies.
pub fn access(backend: &Backend) -> Result<String> {
    let extensions = std::env::var(EXTENSIONS)
        .map_err(|_| anyhow!("{EXTENSIONS} does not name the folder of httpfs: use `cargo xtask test`"))?;
    let secret = secret(backend)?;
    Ok(format!("SET TimeZone = 'UTC'; LOAD '{extensions}/httpfs.duckdb_extension'; {secret}"))
}

fn secret(backend: &Backend) -> Result<String> {
    let s3 = backend.s3_endpoint();
    let host = s3.url().strip_prefix("http://").context("an endpoint that is not on loopback")?;
    ensure!(!host.contains('/'), "an endpoint with a path: {host}");
    Ok(format!(
        "CREATE SECRET (TYPE s3, KEY_ID {}, SECRET {}, REGION {}, ENDPOINT {}, URL_STYLE 'path', USE_SSL false)",
        literal(s3.access_key_id()),
        literal(s3.secret_access_key()),
        literal(REGION),
        literal(host)
    ))
}
