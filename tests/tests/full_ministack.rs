//! ministack as S3 and as Glue.

use lakeward_tests::conformance::{EMULATOR_GAPS, Gap, checks, run};
use lakeward_tests::servers::{Forbidden, Site, ministack};

/// Promises of S3 and Glue that ministack 1.5.33 alone does not keep.
const GAPS: &[Gap] = &[
    Gap {
        check: "parts_become_one_object_with_the_checksum_of_all_of_it",
        hides: "every file of more than one part: a checksum of the whole is compared with one of the parts' checksums",
    },
    Gap { check: "a_part_that_is_too_small_is_refused", hides: "parts below 5 MiB" },
    Gap { check: "parts_out_of_order_are_refused", hides: "parts that are put together in the wrong order" },
    Gap {
        check: "what_is_missing_is_an_entity_not_found",
        hides: "tables of a database that does not exist: it has none",
    },
    Gap {
        check: "an_update_replaces_the_whole_description",
        hides: "a parameter or comment that an update forgets: what is left out stays",
    },
    Gap {
        check: "an_update_archives_a_version_unless_told_not_to",
        hides: "all of gc: it looks for archived table versions, which are not served",
    },
    Gap { check: "archived_versions_are_deleted_in_batches", hides: "gc of archived table versions" },
    Gap {
        check: "a_batch_delete_lists_what_is_missing_and_deletes_the_rest",
        hides: "a swap that removes partitions: BatchDeletePartition is not served",
    },
    Gap {
        check: "an_expression_compares_by_the_type_of_the_key",
        hides: "nothing that Lakeward uses: it lists partitions without an expression",
    },
    Gap {
        check: "an_expression_that_cannot_be_read_is_refused",
        hides: "nothing that Lakeward uses: it lists partitions without an expression",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn ministack_keeps_every_promise_but_the_known_gaps() -> anyhow::Result<()> {
    let server = ministack().await?;
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
        scenario: "an_empty_partitioned_result_is_published_only_when_allowed",
        says: "BatchDeletePartition",
        hides: "a swap that removes partitions",
    },
    Forbidden {
        scenario: "a_newer_run_replaces_the_live_one",
        says: "BatchDeletePartition",
        hides: "a swap that removes partitions",
    },
    Forbidden {
        scenario: "a_rollback_holds_until_a_newer_run",
        says: "BatchDeletePartition",
        hides: "a rollback that removes partitions",
    },
    Forbidden {
        scenario: "a_replaced_version_is_retired_and_the_live_one_stays",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "a_dry_gc_changes_nothing",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "stale_uploads_and_fenced_attempts_go",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "retired_objects_can_be_left_to_a_lifecycle_rule",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "a_run_on_its_way_stays_and_a_rejected_one_goes",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "no_version_of_a_retired_object_stays",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "archived_table_versions_go",
        says: "GetTableVersions",
        hides: "gc of a table that is live",
    },
    Forbidden {
        scenario: "a_full_scratch_disk_leaves_nothing_behind",
        says: "CRC64NVME",
        hides: "a file of more than one part",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_runs_on_ministack() -> anyhow::Result<()> {
    let server = ministack().await?;
    Site::prepare(server.endpoint(), server.endpoint()).await?.play(FORBIDDEN).await.into_result()
}
