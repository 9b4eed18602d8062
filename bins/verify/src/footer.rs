//! A Parquet file's footer: what the file says of itself, read without its data.
//!
//! The file ends in the metadata, the metadata's length in four bytes, and the magic `PAR1`.

use parquet::file::metadata::{FooterTail, ParquetMetaDataReader};

use crate::schema::{self, FileColumn};

/// Bytes after the metadata: its length and the magic.
pub(crate) const TAIL: u64 = 8;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) rows: u64,
    pub(crate) columns: Vec<FileColumn>,
}

/// A footer that no reader would take, or not the one that was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FooterError {
    #[error("does not end as a Parquet file")]
    NotParquet,
    #[error("has an encrypted footer")]
    Encrypted,
    #[error("has a footer of {found} bytes instead of {expected}")]
    Length { found: u64, expected: u64 },
    #[error("has a footer that cannot be read: {0}")]
    Malformed(String),
    #[error("says {total} rows and has {in_groups} in its row groups")]
    Rows { total: i64, in_groups: i64 },
}

/// Reads a footer from the last bytes of a file: the metadata and what follows it.
pub(crate) fn read(end: &[u8]) -> Result<Footer, FooterError> {
    let (metadata, tail) = end.split_last_chunk().ok_or(FooterError::NotParquet)?;
    let tail = FooterTail::try_new(tail).map_err(|_| FooterError::NotParquet)?;
    if tail.is_encrypted_footer() {
        return Err(FooterError::Encrypted);
    }
    if tail.metadata_length() != metadata.len() {
        let (found, expected) = (tail.metadata_length() as u64, metadata.len() as u64);
        return Err(FooterError::Length { found, expected });
    }
    let metadata = ParquetMetaDataReader::decode_metadata(metadata)
        .map_err(|error| FooterError::Malformed(error.to_string()))?;
    let file = metadata.file_metadata();
    let total = file.num_rows();
    let in_groups =
        metadata.row_groups().iter().fold(0_i64, |sum, group| sum.saturating_add(group.num_rows()));
    match u64::try_from(total) {
        Ok(rows) if total == in_groups => Ok(Footer { rows, columns: schema::columns(file.schema()) }),
        _ => Err(FooterError::Rows { total, in_groups }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::lake;

    /// One column of each type that can be published, and some within lists, structs and maps.
    const EVERY_TYPE: &str = "SELECT true AS c_boolean, 1::TINYINT AS c_tinyint, 1::SMALLINT AS c_smallint,
        1::INTEGER AS c_integer, 1::BIGINT AS c_bigint, 1::UTINYINT AS c_utinyint, 1::USMALLINT AS c_usmallint,
        1::UINTEGER AS c_uinteger, 1::UBIGINT AS c_ubigint, 1::HUGEINT AS c_hugeint, 1::UHUGEINT AS c_uhugeint,
        1::FLOAT AS c_float, 1::DOUBLE AS c_double, 1::DECIMAL(4,2) AS c_decimal4, 1::DECIMAL(9,2) AS c_decimal9,
        1::DECIMAL(18,3) AS c_decimal18, 1::DECIMAL(38,10) AS c_decimal38, 'x' AS c_varchar,
        'a'::ENUM('a', 'b') AS c_enum, '{}'::JSON AS c_json, '101'::BIT AS c_bit,
        '00000000-0000-0000-0000-000000000001'::UUID AS c_uuid, 'x'::BLOB AS c_blob, DATE '2026-05-19' AS c_date,
        TIMESTAMP '2026-05-19 06:00:00' AS c_timestamp, TIMESTAMP_S '2026-05-19 06:00:00' AS c_timestamp_s,
        TIMESTAMP_MS '2026-05-19 06:00:00' AS c_timestamp_ms, TIMESTAMP_NS '2026-05-19 06:00:00' AS c_timestamp_ns,
        TIMESTAMPTZ '2026-05-19 06:00:00+00' AS c_timestamptz, TIME '06:00:00' AS c_time,
        TIMETZ '06:00:00+00' AS c_timetz, INTERVAL 1 DAY AS c_interval,
        [1, NULL] AS c_list, [[1::UTINYINT]] AS c_lists, [1, 2]::INTEGER[2] AS c_array,
        {'A': 1, 'b': {'c': [DATE '2026-05-19']}} AS c_struct, [{'a': 1::UBIGINT}] AS c_structs,
        MAP {'k': 1} AS c_map, MAP {1::BIGINT: {'v': [TIMESTAMP '2026-05-19 06:00:00']}} AS c_maps,
        MAP {DATE '2026-05-19': MAP {'k': 1::DECIMAL(5,1)}} AS c_map_of_maps";

    fn ends(sql: &str) -> Vec<(Vec<u8>, u64, Vec<FileColumn>)> {
        let lake = lake(sql, &[]);
        let sealed = lake.manifest.sealed().unwrap();
        let expected = |column: &lakeward_manifest::Column| FileColumn {
            name: column.name.clone(),
            glue_type: column.glue_type.clone(),
        };
        let columns: Vec<FileColumn> = sealed.written.columns.iter().map(expected).collect();
        let end = |file: &lakeward_manifest::DataFile| {
            let mut end = Vec::new();
            lake.bucket.edit(&sealed.key(file), |object| {
                let start = object.bytes.len() - usize::try_from(file.footer_bytes + TAIL).unwrap();
                end = object.bytes.split_off(start);
            });
            (end, file.rows, columns.clone())
        };
        sealed.written.files.iter().map(end).collect()
    }

    #[test]
    fn every_type_that_is_published_is_read_from_the_file_as_the_manifest_has_it() {
        let [(end, 1, columns)] = &ends(EVERY_TYPE)[..] else { panic!("one file with one row") };
        assert_eq!(columns.len(), 40);
        assert_eq!(read(end).unwrap(), Footer { rows: 1, columns: columns.clone() });
    }

    #[test]
    fn an_empty_file_and_one_of_many_row_groups_tell_their_rows() {
        for (sql, total) in
            [("SELECT 1 AS a WHERE false", 0), ("SELECT range AS a FROM range(10000)", 10_000)]
        {
            let read: u64 = ends(sql)
                .iter()
                .map(|(end, rows, _)| {
                    let footer = read(end).unwrap();
                    assert_eq!(footer.rows, *rows);
                    footer.rows
                })
                .sum();
            assert_eq!(read, total, "{sql}");
        }
    }

    #[test]
    fn an_end_that_is_not_parquets_is_refused() {
        let (end, ..) = ends("SELECT 1 AS a").remove(0);
        for short in [&end[..0], &end[..7], &end[..end.len() - 1]] {
            assert_eq!(read(short), Err(FooterError::NotParquet));
        }
        let with_magic = |magic: &[u8]| [&end[..end.len() - 4], magic].concat();
        assert_eq!(read(&with_magic(b"PARE")), Err(FooterError::Encrypted));
        assert_eq!(read(&with_magic(b"PAR2")), Err(FooterError::NotParquet));
    }

    #[test]
    fn a_footer_of_another_length_than_the_manifest_says_is_refused() {
        let (end, ..) = ends("SELECT 1 AS a").remove(0);
        let length = end.len() as u64 - TAIL;
        assert_eq!(read(&end[1..]), Err(FooterError::Length { found: length, expected: length - 1 }));
        let longer = [&[0], end.as_slice()].concat();
        assert_eq!(read(&longer), Err(FooterError::Length { found: length, expected: length + 1 }));
    }

    #[test]
    fn a_footer_with_any_byte_broken_never_ends_the_process() {
        let (end, ..) = ends("SELECT range AS a, {'b': [range]} AS c FROM range(10)").remove(0);
        let whole = read(&end).unwrap();
        let metadata = end.len() - usize::try_from(TAIL).unwrap();
        for at in 0..metadata {
            let mut broken = end.clone();
            broken[at] = !broken[at];
            if let Ok(footer) = read(&broken) {
                assert!(footer.rows <= i64::MAX.unsigned_abs(), "byte {at}");
            }
        }
        let mut blank = end.clone();
        blank[..metadata].fill(0xff);
        assert!(matches!(read(&blank), Err(FooterError::Malformed(_))));
        assert_eq!(read(&end), Ok(whole));
    }
}
