"""Sail, an engine for Spark SQL, with Glue as its catalog."""

import os

import rows
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

catalog = {
    "type": "glue",
    "name": "sail",
    "region": os.environ["AWS_REGION"],
    "endpoint_url": os.environ["AWS_ENDPOINT_URL_GLUE"],
}
fields = ", ".join(f'{field} = "{value}"' for field, value in catalog.items())
os.environ["SAIL_CATALOG__LIST"] = f"[{{{fields}}}]"
# Its reader of S3 knows neither the variable for S3 alone nor plain HTTP, unless it is told.
os.environ["AWS_ENDPOINT"] = os.environ["AWS_ENDPOINT_URL_S3"]
os.environ["AWS_ALLOW_HTTP"] = "true"

server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
_, port = server.listening_address
spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()


def read(connection, database, table):
    return connection.from_arrow(spark.table(f"{database}.{table}").toArrow())


rows.show(read)
