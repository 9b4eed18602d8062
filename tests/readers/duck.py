"""DuckDB's own package and its httpfs: all files below the Location, partition values from the folders."""

import boto3
import rows

glue = boto3.client("glue")


def read(connection, database, table):
    found = glue.get_table(DatabaseName=database, Name=table)["Table"]
    location = found["StorageDescriptor"]["Location"]
    return connection.read_parquet(f"{location}**/*.parquet", hive_partitioning=True)


rows.show(read)
