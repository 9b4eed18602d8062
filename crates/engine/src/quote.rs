//! The one way in which names and values of ours get into SQL text.

/// `name` as a quoted SQL identifier, whatever characters it holds.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a SQL string literal. `DuckDB` gives a backslash no meaning inside plain quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The items as quoted identifiers, separated by commas.
pub(crate) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 7] =
        ["plain", "it's", "a\"b", "x'; DROP TABLE t; --", "two\nlines", "back\\slash'", "ümläut $$ /* */"];

    #[test]
    fn a_quoted_literal_is_read_back_as_the_very_same_text() {
        let db = duckdb::Connection::open_in_memory().unwrap();
        for text in HOSTILE {
            let back: String =
                db.query_row(&format!("SELECT {}", literal(text)), [], |row| row.get(0)).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn a_quoted_identifier_names_a_column_exactly() {
        let db = duckdb::Connection::open_in_memory().unwrap();
        for name in HOSTILE {
            let sql = format!("SELECT column_name FROM (DESCRIBE SELECT 1 AS {})", identifier(name));
            let back: String = db.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(back, name);
        }
    }
}
