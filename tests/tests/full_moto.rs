//! moto as S3 and as Glue.

use lakeward_tests::conformance::{Gap, checks, run};
use lakeward_tests::servers::{Forbidden, Site, moto};

/// Promises of S3 and Glue that moto 5.2.5 does not keep.
const GAPS: &[Gap] = &[
    Gap {
        check: "more_than_a_thousand_keys_at_once_are_refused",
        hides: "a bulk delete that is too large for S3",
    },
    Gap {
        check: "a_wrong_checksum_is_refused_and_nothing_written",
        hides: "bytes that were damaged on their way to S3",
    },
    Gap {
        check: "a_bucket_of_another_owner_is_forbidden",
        hides: "that --expected-bucket-owner keeps a step out of another account's bucket",
    },
    Gap {
        check: "a_wrong_secret_is_forbidden",
        hides: "how a step reports a wrong secret: signatures are not verified",
    },
    Gap {
        check: "an_unknown_access_key_is_forbidden",
        hides: "how a step reports a key that does not exist",
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
    Gap { check: "names_fold_to_lowercase", hides: "a table or database named in capitals" },
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
    Gap {
        check: "more_than_a_hundred_versions_at_once_are_refused",
        hides: "a batch that is too large for Glue",
    },
    Gap {
        check: "tables_are_listed_in_pages_and_by_pattern",
        hides: "a reader of tables that stops after the first page",
    },
    Gap {
        check: "a_wrong_secret_is_refused_by_glue",
        hides: "how a step reports a wrong secret: signatures are not verified",
    },
    Gap { check: "a_batch_create_takes_a_hundred_and_no_more", hides: "a batch that is too large for Glue" },
    Gap { check: "a_batch_update_takes_a_hundred_and_no_more", hides: "a batch that is too large for Glue" },
    Gap {
        check: "a_batch_delete_takes_twenty_five_and_no_more",
        hides: "a batch that is too large for Glue",
    },
    Gap {
        check: "values_must_match_the_keys",
        hides: "a partition registered with too many or too few values",
    },
    Gap {
        check: "an_empty_value_is_refused",
        hides: "an empty partition value that reached Glue; write refuses it before",
    },
    Gap {
        check: "thousands_of_partitions_are_listed_in_pages_once_each",
        hides: "a reader of partitions that stops after the first page",
    },
    Gap {
        check: "a_page_has_a_thousand_partitions_at_most",
        hides: "a request for more partitions a page than Glue gives",
    },
    Gap {
        check: "segments_divide_the_partitions",
        hides: "nothing that Lakeward uses: it lists partitions without segments",
    },
    Gap {
        check: "columns_are_left_out_when_asked",
        hides: "a step that relies on columns which it told Glue to leave out",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn moto_keeps_every_promise_but_the_known_gaps() -> anyhow::Result<()> {
    let server = moto().await?;
    run(&server.endpoint(), checks(), GAPS).await.into_result()
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
    Forbidden {
        scenario: "a_full_scratch_disk_leaves_nothing_behind",
        says: "CRC64NVME",
        hides: "verify of a file of several parts: the checksum that HEAD tells is another one's",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_runs_on_moto() -> anyhow::Result<()> {
    let server = moto().await?;
    Site::prepare(server.endpoint(), server.endpoint()).await?.play(FORBIDDEN).await.into_result()
}
