"""awswrangler: takes the table from Glue and lists its Location, partition values from the folders."""

import awswrangler
import pyarrow
import rows


def read(connection, database, table):
    frame = awswrangler.s3.read_parquet_table(database=database, table=table, dtype_backend="pyarrow")
    return connection.from_arrow(pyarrow.Table.from_pandas(frame, preserve_index=False))


rows.show(read)
