//! What both emulators of Glue and S3 lack.

use super::Gap;

/// Promises that neither moto 5.2.5 nor ministack 1.5.33 keeps.
pub const EMULATOR_GAPS: &[Gap] = &[
    Gap {
        check: "more_than_a_thousand_keys_at_once_are_refused",
        hides: "a bulk delete that is too large for S3",
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
    Gap { check: "names_fold_to_lowercase", hides: "a table or database named in capitals" },
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
        hides: "a listing of thousands of partitions, which is read in segments",
    },
    Gap {
        check: "columns_are_left_out_when_asked",
        hides: "a step that relies on columns which it told Glue to leave out",
    },
];
