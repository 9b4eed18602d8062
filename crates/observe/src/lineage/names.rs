//! How OpenLineage names what was read and written.

use url::Url;

/// The namespace of files of the machine.
const LOCAL: &str = "file";
/// The scheme, and for want of a place the namespace, of tables that DuckDB reads.
const DUCKDB: &str = "duckdb";

/// A dataset: a table or files, whoever else may call it that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dataset {
    /// Where it is (`s3://lake`).
    pub namespace: String,
    /// What it is there (`analytics/orders`).
    pub name: String,
}

impl Dataset {
    /// The files at a path or URL, with or without a pattern; nothing of a URL that may be secret (user, password, query).
    /// A pattern stands for the folder that is searched.
    pub fn of_files(location: &str) -> Self {
        Self::at(folder_of_pattern(location))
    }

    /// A table of the DuckDB database at a path or URL, by its name there (`main.orders`); nothing of a URL that may be
    /// secret.
    pub fn of_duckdb(file: &str, table: &str) -> Self {
        let Self { namespace, name } = Self::at(file);
        let file = if namespace == LOCAL { name } else { format!("{namespace}/{name}") };
        Self { namespace: format!("{DUCKDB}://{file}"), name: table.to_owned() }
    }

    /// A table of another database that is attached to DuckDB, by its name in the session (`shop.public.orders`).
    pub fn attached_to_duckdb(table: &str) -> Self {
        Self { namespace: DUCKDB.to_owned(), name: table.to_owned() }
    }

    fn at(location: &str) -> Self {
        let Some(url) = Url::parse(location).ok().filter(Url::has_host) else {
            return Self { namespace: LOCAL.to_owned(), name: named_local(location) };
        };
        let (scheme, host) = (scheme(url.scheme()), url.host_str().unwrap_or_default());
        let container = container(&url).map(|container| format!("{container}@")).unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        // As it is written: S3 keys are not escaped.
        let path = location.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let path = path.map(|(_, path)| path.split(['?', '#']).next().unwrap_or_default());
        Self {
            namespace: format!("{scheme}://{container}{host}{port}"),
            name: named(path.unwrap_or_default()),
        }
    }

    /// A table of Lakeward's, by its root.
    pub(crate) fn of_root(bucket: &str, prefix: &str) -> Self {
        Self { namespace: format!("s3://{bucket}"), name: named(prefix) }
    }
}

/// In the URLs of Azure's stores the container stands where others have a user.
fn container(url: &Url) -> Option<&str> {
    let is_azure = matches!(url.scheme(), "abfs" | "abfss" | "wasb" | "wasbs");
    Some(url.username()).filter(|container| is_azure && !container.is_empty())
}

/// S3 has one scheme here, whatever Hadoop calls it.
fn scheme(scheme: &str) -> &str {
    match scheme {
        "s3a" | "s3n" => "s3",
        other => other,
    }
}

/// The folder above the first part of a path that is a pattern.
fn folder_of_pattern(location: &str) -> &str {
    // In a URL over HTTP a question mark begins the query.
    let signs: &[char] = if location.starts_with("http") { &['*', '['] } else { &['*', '?', '['] };
    match location.find(signs) {
        Some(pattern) => location[..pattern].rfind('/').map_or("", |slash| &location[..slash]),
        None => location,
    }
}

fn named(path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

fn named_local(path: &str) -> String {
    let path = path.strip_prefix("file://").unwrap_or(path).trim_end_matches('/');
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_where_they_are_and_patterns_by_their_folder() {
        for (location, namespace, name) in [
            ("s3://lake/raw/orders.parquet", "s3://lake", "raw/orders.parquet"),
            ("s3://lake/raw/*/day=[0-9]/*.parquet", "s3://lake", "raw"),
            ("s3a://lake/a b/x%20y.csv", "s3://lake", "a b/x%20y.csv"),
            ("s3://lake/*.parquet", "s3://lake", "/"),
            ("gs://lake/x.csv", "gs://lake", "x.csv"),
            (
                "abfss://raw:planted@shop.dfs.core.windows.net/in/*.parquet?sig=planted",
                "abfss://raw@shop.dfs.core.windows.net",
                "in",
            ),
            ("abfss://raw/in/x.csv", "abfss://raw", "in/x.csv"),
            ("/data/in/x.csv", "file", "/data/in/x.csv"),
            ("data/*.csv", "file", "data"),
            ("*.csv", "file", "."),
            ("file:///data/x.csv", "file", "/data/x.csv"),
        ] {
            let expected = Dataset { namespace: namespace.to_owned(), name: name.to_owned() };
            assert_eq!(Dataset::of_files(location), expected, "{location}");
        }
    }

    #[test]
    fn nothing_secret_of_a_url_is_in_a_name() {
        let dataset = Dataset::of_files("https://user:planted@host:8443/a/b.csv?signature=planted#planted");
        let expected = Dataset { namespace: "https://host:8443".to_owned(), name: "a/b.csv".to_owned() };
        assert_eq!(dataset, expected);
        let dataset = Dataset::of_duckdb("https://user:planted@host/a.duckdb?signature=planted", "main.t");
        let expected =
            Dataset { namespace: "duckdb://https://host/a.duckdb".to_owned(), name: "main.t".to_owned() };
        assert_eq!(dataset, expected);
    }

    #[test]
    fn tables_are_named_by_the_file_of_their_database() {
        for (file, namespace) in [
            ("/data/shop.duckdb", "duckdb:///data/shop.duckdb"),
            ("shop[1].duckdb", "duckdb://shop[1].duckdb"),
            ("s3://lake/in/shop.duckdb", "duckdb://s3://lake/in/shop.duckdb"),
        ] {
            assert_eq!(Dataset::of_duckdb(file, "main.t").namespace, namespace);
        }
    }
}
