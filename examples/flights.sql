-- Every flight of the time before the run, with its airline's name.
SELECT flights.*, airlines.name AS airline, month(flight_date)::INTEGER AS flight_month
FROM read_parquet('examples/data/flights.parquet') AS flights
JOIN read_parquet('examples/data/airlines.parquet') AS airlines USING (carrier)
WHERE flight_date < getvariable('run_ts')::DATE
