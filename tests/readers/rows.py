"""What the readers have in common: which tables, S3 for DuckDB, and rows as text."""

import json
import os
import sys

import duckdb

# Glue has one kind of timestamp, without a zone.
ZONED = "TIMESTAMP WITH TIME ZONE"


def show(read):
    """Reads the tables that the command line names, by `read(connection, database, table)`.

    Prints for each a line of JSON: its columns and rows, every value as DuckDB's text, or the error.
    """
    database, *tables = sys.argv[1:]
    connection = session()
    for table in tables:
        try:
            shown = text(read(connection, database, table))
        except Exception as error:
            shown = {"error": str(error)}
        print(json.dumps({"table": table, **shown}))


def text(relation):
    """The columns and rows of a DuckDB relation."""
    kinds = zip(relation.columns, relation.types)
    naive = [f'"{name}"::TIMESTAMP' if str(kind) == ZONED else f'"{name}"' for name, kind in kinds]
    values = relation.project(", ".join(f"CAST({value} AS VARCHAR)" for value in naive))
    return {"columns": relation.columns, "rows": values.fetchall()}


def session():
    """DuckDB with the S3 that the environment names."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    folder = os.environ["LAKEWARD_EXTENSION_DIR"]
    connection.execute(f"LOAD '{folder}/httpfs.duckdb_extension'")
    settings = {
        "s3_endpoint": os.environ["AWS_ENDPOINT_URL_S3"].removeprefix("http://"),
        "s3_use_ssl": "false",
        "s3_url_style": "path",
        "s3_region": os.environ["AWS_REGION"],
        "s3_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "s3_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    for setting, value in settings.items():
        connection.execute(f"SET {setting} = '{value}'")
    return connection
