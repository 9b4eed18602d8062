//! The quoting of `lakeward-sql`, which links no database, held against DuckDB.

use lakeward_sql::{identifier, literal};

const HOSTILE: [&str; 7] =
    ["plain", "it's", "a\"b", "x'; DROP TABLE t; --", "two\nlines", "back\\slash'", "ümläut $$ /* */"];

#[test]
fn a_quoted_literal_is_read_back_as_the_very_same_text() {
    let db = duckdb::Connection::open_in_memory().unwrap();
    for text in HOSTILE {
        let back: String = db.query_row(&format!("SELECT {}", literal(text)), [], |row| row.get(0)).unwrap();
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
