//! moto as S3 and as Glue.

use lakeward_tests::conformance::{EMULATOR_GAPS, Gap, checks, run};
use lakeward_tests::servers::{Forbidden, Site, moto};

/// Promises of S3 and Glue that moto 5.2.5 alone does not keep.
const GAPS: &[Gap] = &[
    Gap {
        check: "a_wrong_checksum_is_refused_and_nothing_written",
        hides: "bytes that were damaged on their way to S3",
    },
    Gap {
        check: "parts_become_one_object_with_the_checksum_of_all_of_it",
        hides: "the checksum of a file of several parts: HEAD tells a CRC-32 as its CRC-64",
    },
    Gap {
        check: "a_wrong_checksum_of_the_whole_is_refused",
        hides: "an upload whose parts were put together wrongly",
    },
    Gap {
        check: "a_wrong_size_of_the_whole_is_refused",
        hides: "an upload completed without one of its parts",
    },
    Gap { check: "a_wrong_checksum_of_a_part_is_refused", hides: "a part that was damaged on its way to S3" },
    Gap {
        check: "parts_out_of_order_are_refused",
        hides: "only the code of the refusal, which is EntityTooSmall",
    },
    Gap {
        check: "an_aborted_upload_is_gone",
        hides: "an upload that goes on after it was aborted: that answers 500",
    },
    Gap { check: "parts_are_listed_in_pages", hides: "nothing that Lakeward uses: it does not list parts" },
    Gap {
        check: "a_bucket_is_not_versioned_until_it_is_told",
        hides: "nothing that Lakeward uses: it lists versions without asking whether there can be any",
    },
    Gap {
        check: "an_update_of_another_version_is_a_concurrent_modification",
        hides: "every lost update of a live table: VersionId is ignored",
    },
    Gap {
        check: "one_of_many_concurrent_updates_wins",
        hides: "two swaps at once that both believe they have won",
    },
    Gap {
        check: "an_update_archives_a_version_unless_told_not_to",
        hides: "a swap that archives a version of the table each time: here every update does",
    },
    Gap {
        check: "archived_versions_are_deleted_in_batches",
        hides: "gc of archived table versions, which answers 500",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn moto_keeps_every_promise_but_the_known_gaps() -> anyhow::Result<()> {
    let server = moto().await?;
    run(&server.endpoint(), checks(), &[GAPS, EMULATOR_GAPS].concat()).await.into_result()
}

/// Scenarios that its gaps forbid.
const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        scenario: "two_thousand_partitions_are_published",
        says: "in one page",
        hides: "a step that reads the first page of partitions only",
    },
    Forbidden {
        scenario: "a_replaced_version_is_retired_and_the_live_one_stays",
        says: "BatchDeleteTableVersion",
        hides: "gc of a table that was updated: each update archives a version, which cannot be deleted",
    },
    Forbidden {
        scenario: "retired_objects_can_be_left_to_a_lifecycle_rule",
        says: "BatchDeleteTableVersion",
        hides: "the same, for gc by tags",
    },
    Forbidden {
        scenario: "a_run_on_its_way_stays_and_a_rejected_one_goes",
        says: "BatchDeleteTableVersion",
        hides: "the same, beside a run in flight",
    },
    Forbidden {
        scenario: "no_version_of_a_retired_object_stays",
        says: "BatchDeleteTableVersion",
        hides: "the same, in a versioned bucket",
    },
    Forbidden {
        scenario: "archived_table_versions_go",
        says: "BatchDeleteTableVersion",
        hides: "gc of archived table versions itself",
    },
    Forbidden {
        scenario: "stale_uploads_and_fenced_attempts_go",
        says: "within the grace",
        hides: "the grace of unfinished uploads: all of them are from 2010",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_runs_on_moto() -> anyhow::Result<()> {
    let server = moto().await?;
    Site::prepare(server.endpoint(), server.endpoint()).await?.play(FORBIDDEN).await.into_result()
}
