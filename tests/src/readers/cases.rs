//! Tables to be read, each with a run that was superseded and whose files are still there.

use anyhow::Result;

use crate::backend::Backend;
use crate::table::DAYS;

/// A table that was published twice.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The table's name.
    pub name: &'static str,
    /// The partition columns, if any, with commas between.
    partition_by: &'static str,
    /// The query of the run that was superseded.
    superseded: &'static str,
    /// The query of the live run.
    pub(super) sql: &'static str,
}

impl Case {
    /// Publishes both runs.
    ///
    /// # Errors
    /// A step fails.
    pub async fn publish(&self, backend: &Backend) -> Result<()> {
        let table = backend.table(self.name);
        for (day, sql) in DAYS.into_iter().zip([self.superseded, self.sql]) {
            let write = table.write(day, sql);
            let flags = ["--partition-by", self.partition_by];
            let write = if self.partition_by.is_empty() { write } else { write.args(flags) };
            table.published(&write).await?;
        }
        Ok(())
    }
}

/// Every table; those after the first four are the smallest that show what some readers cannot do.
pub const CASES: &[Case] = &[
    Case {
        name: "unpartitioned",
        partition_by: "",
        superseded: "SELECT 1::BIGINT AS id, 0::DECIMAL(12,2) AS amount, 'old' AS label FROM range(7)",
        sql: "SELECT i AS id, (i * 0.5)::DECIMAL(12,2) AS amount, 'zeile ü ' || i AS label, i % 2 = 0 AS even, \
              DATE '2026-05-01' + (i % 3)::INTEGER AS day, i / 3::DOUBLE AS ratio, (i / 4)::FLOAT AS quarter, \
              TIMESTAMP '2026-05-01 00:00:01.123456' + to_seconds(i) AS at, \
              TIMESTAMPTZ '2026-05-01 10:00:00+02' + to_hours(i) AS instant, \
              CASE WHEN i % 5 > 0 THEN i::SMALLINT END AS maybe, (99999999999999999999 + i)::DECIMAL(38,0) AS large, \
              'a'::BLOB AS bytes, [i, NULL] AS list, {'a': i, 'b': 'x'} AS pair, MAP {'k': i} AS map \
              FROM range(100) t(i)",
    },
    Case {
        name: "by_day_and_region",
        partition_by: "day,region",
        superseded: "SELECT 1::BIGINT AS id, DATE '2026-05-01' AS day, unnest(['north', 'west']) AS region",
        sql: "SELECT i AS id, DATE '2026-05-01' + (i % 3)::INTEGER AS day, ['north', 'south'][i % 2 + 1] AS region \
              FROM range(60) t(i)",
    },
    Case {
        name: "by_shard",
        partition_by: "shard",
        superseded: "SELECT 1::BIGINT AS id, 7::INTEGER AS shard",
        sql: "SELECT i AS id, (i % 3 - 1)::INTEGER AS shard FROM range(9) t(i)",
    },
    Case {
        name: "by_day_and_any_place",
        partition_by: "day,place",
        superseded: "SELECT 1 AS n, DATE '2026-05-01' AS day, unnest(['gone', 'a/b']) AS place",
        sql: "SELECT length(place)::INTEGER AS n, DATE '2026-05-01' + (length(place) % 3)::INTEGER AS day, place FROM (SELECT unnest(['two words', ' edges ', 'a/b', '100%', '%2F', 'a=b', 'it''s', '\"quoted\"', \
              'zürich', '東京 🦆', 'a+b&c', 'q?#[x]{y}*', 'back\\slash', 'colon:semi;', '_under.dot~']) AS place)",
    },
    Case {
        name: "by_escaped_place",
        partition_by: "place",
        superseded: "SELECT 1 AS n, 'gone' AS place",
        sql: "SELECT 2 AS n, 'two words' AS place",
    },
    Case {
        name: "by_missing_place",
        partition_by: "place",
        superseded: "SELECT 1 AS n, unnest(['gone', NULL]) AS place",
        sql: "SELECT 2 AS n, unnest(['here', NULL]) AS place",
    },
    Case {
        name: "by_missing_day",
        partition_by: "day",
        superseded: "SELECT 1 AS n, unnest([DATE '2026-05-02', NULL]) AS day",
        sql: "SELECT 2 AS n, unnest([DATE '2026-05-01', NULL]) AS day",
    },
];
