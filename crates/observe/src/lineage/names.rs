//! How OpenLineage names what was read and written.

use url::Url;

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
        let folder = folder_of_pattern(location);
        match Url::parse(folder).ok().filter(Url::has_host) {
            Some(url) => {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let namespace =
                    format!("{}://{}{port}", scheme(url.scheme()), url.host_str().unwrap_or_default());
                // As it is written: S3 keys are not escaped.
                let path = folder.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
                let path = path.map(|(_, path)| path.split(['?', '#']).next().unwrap_or_default());
                Self { namespace, name: named(path.unwrap_or_default()) }
            }
            None => Self { namespace: "file".to_owned(), name: named_local(folder) },
        }
    }

    /// A table of a DuckDB database; of no file when it is none of the attached one.
    pub fn of_duckdb(database: Option<&str>, table: &str) -> Self {
        let namespace = database.map_or_else(|| "duckdb".to_owned(), |file| format!("duckdb://{file}"));
        Self { namespace, name: table.to_owned() }
    }

    /// A table of Lakeward's, by its root.
    pub(crate) fn of_root(bucket: &str, prefix: &str) -> Self {
        Self { namespace: format!("s3://{bucket}"), name: named(prefix) }
    }
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
    }
}
