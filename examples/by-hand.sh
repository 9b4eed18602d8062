#!/bin/sh
# Where the output in docs/BY-HAND.md comes from: one table, one failure after another, against a local lake that is told to
# fail. The binaries are taken from PATH.
set -u

cd "$(mktemp -d)" || exit
mkfifo until
lakeward-local --bucket lake --database analytics --until-stdin-ends <until >lake.env 2>lake.log &
exec 9>until
while ! grep -q METADATA lake.env; do sleep 0.1; done
. ./lake.env
export LAKEWARD_PATIENCE=1s

cat >orders.yaml <<'END'
table: s3://lake/analytics/orders/
glue_table: analytics.orders
sql: SELECT i AS order_id, i % 7 AS customer_id FROM range(CAST(getvariable('orders') AS BIGINT)) t(i)
END
cat >checks.sql <<'END'
-- name: every_order_has_a_customer
SELECT * FROM staged WHERE customer_id IS NULL
END
ROOT=s3://lake/analytics/orders/

# Shows a command as a person types it, and what it prints.
run() {
    printf '$ %s\n' "$*"
    sh -c "$*" 2>log
    code=$?
    [ $code = 0 ] || printf '[exit code %s]\n' $code
    echo
}
# The same without a word.
quiet() { sh -c "$*" >result 2>log; }
title() { printf '\n=== %s\n\n' "$*"; }
fail() { curl -s "$AWS_ENDPOINT_URL/_local/faults" -d "$1" >/dev/null; }
mend() { curl -s -X DELETE "$AWS_ENDPOINT_URL/_local/faults" >/dev/null; }
written() { quiet "lakeward-write --spec orders.yaml --run-ts $1 --var orders=$2" && M=$ROOT"_runs/$3/manifest.json"; }
night() { quiet lakeward-register "$M" && quiet lakeward-verify "$M" && quiet lakeward-swap "$M"; }

written 2026-05-18T06:00:00Z 1000 2026-05-18-060000 && night
written 2026-05-19T06:00:00Z 1010 2026-05-19-060000 && night

title write
fail '{"service":"s3","operation":"PutObject","contains":"_writes","times":1000,"effect":"refuse","status":503,"code":"SlowDown"}'
fail '{"service":"s3","operation":"CreateMultipartUpload","times":1000,"effect":"refuse","status":503,"code":"SlowDown"}'
run lakeward-write --spec orders.yaml --run-ts 2026-05-20T06:00:00Z --var orders=1020
run lakeward-status $ROOT
mend
run "lakeward-status $ROOT --json | jq -r '.runs[0].next // empty' | sh"

title register
M=$ROOT"_runs/2026-05-20-060000/manifest.json"
fail '{"service":"glue","operation":"CreateTable","times":1000,"effect":"refuse","status":400,"code":"AccessDeniedException"}'
run lakeward-register "$M"
mend
run lakeward-register "$M"

title verify, transient
fail '{"service":"glue","operation":"GetTable","times":1000,"effect":"refuse","status":400,"code":"ThrottlingException"}'
run lakeward-verify "$M" --max-row-change 50% --check checks.sql
mend
run lakeward-status $ROOT
run "lakeward-status $ROOT --json | jq -r '.runs[0].next // empty' | sh"

title swap, outcome unknown
fail '{"service":"glue","operation":"UpdateTable","nth":1,"times":1,"when":"after","effect":"drop"}'
fail '{"service":"glue","operation":"GetTable","nth":2,"times":1000,"effect":"refuse","status":500,"code":"InternalServiceException"}'
run lakeward-swap "$M"
mend
run lakeward-status $ROOT
run lakeward-swap "$M"

title verify, rejected
written 2026-05-21T06:00:00Z 100 2026-05-21-060000
quiet lakeward-register "$M"
run lakeward-verify "$M" --max-row-change 50% --check checks.sql
run lakeward-status $ROOT
run lakeward-swap "$M"
run lakeward-write --spec orders.yaml --run-ts 2026-05-21T06:00:00Z --run-key again --var orders=1030

title abandon
fail '{"service":"s3","operation":"DeleteObjects","times":1000,"effect":"refuse","status":403,"code":"AccessDenied"}'
run lakeward-gc --abandon "$M"
mend
run lakeward-gc --abandon "$M"
run lakeward-register "$M"

M=$ROOT"_runs/2026-05-21-060000-b4c9e140/manifest.json"
night

title roll back
run lakeward-status $ROOT
run "lakeward-status $ROOT --json | jq -r '.runs[].roll_back | values'"
run lakeward-swap $ROOT --to 2026-05-20-060000
run lakeward-status $ROOT
