-- What has to hold of the flights before anyone reads them: each SELECT returns the rows that offend.

-- name: every_flight_names_its_airline
SELECT * FROM staged WHERE airline IS NULL;

-- name: no_flight_lies_ahead_of_its_run
SELECT * FROM staged WHERE flight_date >= getvariable('run_ts')::DATE;

-- name: no_flight_is_listed_twice
SELECT flight_date, carrier, flight, origin, scheduled_departure
FROM staged
GROUP BY ALL
HAVING count(*) > 1;
