//! What users are promised of the pipeline, seen from outside. Each scenario has tables of its own and can run
//! beside the others, against any [`Backend`].

mod bad_input;
mod empty;
mod gates;
mod gc;
mod inputs;
pub(crate) mod live_table;
mod manifests;
mod occupied;
mod partitions;
mod publishing;
mod runs;
mod status;
mod types;

use anyhow::Result;
use futures::future::BoxFuture;

use crate::backend::Backend;

/// One promise.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Names it.
    pub name: &'static str,
    run: fn(&Backend) -> BoxFuture<'_, Result<()>>,
}

impl Scenario {
    /// Plays it through.
    ///
    /// # Errors
    /// The promise is broken, or the backend fails.
    pub async fn run(&self, backend: &Backend) -> Result<()> {
        (self.run)(backend).await
    }
}

/// The scenario of this name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// Hands the names of all scenarios to the macro `$callback`, as `module: name, name; module: name;`.
#[macro_export]
macro_rules! for_each_scenario {
    ($callback:ident) => {
        $callback! {
            publishing:
                an_unpartitioned_table_reads_as_its_query,
                files_are_cut_sorted_and_compressed_as_asked,
                the_view_sql_reads_as_the_live_table;
            types:
                every_type_is_read_back_without_loss;
            partitions:
                a_date_partitions_a_table,
                an_integer_and_a_string_partition_a_table,
                partition_values_of_any_characters_are_read_back,
                two_thousand_partitions_are_published;
            empty:
                an_empty_result_is_published_only_when_allowed,
                an_empty_partitioned_result_is_published_only_when_allowed;
            inputs:
                the_query_sees_run_and_variables,
                a_database_file_is_queried_where_it_lies,
                inputs_on_s3_are_read,
                init_sql_runs_first_and_stays_out_of_the_manifest,
                a_spec_file_says_everything;
            runs:
                every_step_run_twice_changes_nothing,
                a_sealed_run_takes_no_other_request,
                steps_out_of_order_are_refused,
                a_newer_run_replaces_the_live_one,
                an_older_run_is_refused,
                a_run_that_is_live_from_another_root_is_refused_before_its_query_runs,
                a_rollback_holds_until_a_newer_run,
                a_dry_swap_changes_nothing;
            status:
                status_names_the_command_that_continues_each_run,
                a_failing_step_prints_the_command_that_continues,
                a_wrong_command_line_has_a_result_too,
                status_tells_the_live_run_and_what_failed,
                status_tells_what_it_cannot_read,
                status_leaves_out_old_runs_that_are_finished;
            live_table:
                what_lakeward_does_not_own_survives_a_swap,
                properties_taken_out_of_the_spec_disappear,
                a_foreign_table_is_replaced_only_when_adopted,
                partition_keys_do_not_change;
            gates:
                too_few_rows_are_rejected,
                too_great_a_change_of_rows_is_rejected,
                checks_count_the_rows_that_offend,
                a_first_version_is_checked_against_an_empty_live_one,
                a_check_that_was_not_asked_for_before_is_run_on_a_verified_run,
                a_corrupted_file_is_rejected,
                a_missing_file_is_rejected,
                a_stray_file_is_rejected,
                a_staged_table_that_was_changed_is_rejected;
            gc:
                a_replaced_version_is_retired_and_the_live_one_stays,
                a_run_on_its_way_stays_and_a_rejected_one_goes,
                no_version_of_a_retired_object_stays,
                archived_table_versions_go,
                a_dry_gc_changes_nothing,
                nothing_is_deleted_without_a_live_table,
                a_root_without_a_table_is_refused,
                before_a_first_version_is_live_gc_has_nothing_to_say,
                stale_uploads_and_fenced_attempts_go,
                retired_objects_can_be_left_to_a_lifecycle_rule;
            manifests:
                a_malformed_manifest_is_refused,
                a_newer_manifest_is_refused,
                the_manifest_of_another_table_is_refused,
                a_missing_manifest_is_refused;
            bad_input:
                an_unknown_bucket_is_refused,
                sql_that_does_not_bind_is_refused,
                data_that_fails_the_query_is_refused,
                unpublishable_columns_are_all_named,
                a_missing_partition_column_is_refused,
                an_unreachable_endpoint_is_transient,
                a_full_scratch_disk_leaves_nothing_behind;
            occupied:
                a_missing_database_is_refused,
                the_root_of_another_table_is_refused,
                a_root_that_overlaps_a_table_is_refused;
        }
    };
}

macro_rules! list {
    ($($module:ident: $($name:ident),+;)+) => {
        /// Every scenario.
        pub const SCENARIOS: &[Scenario] =
            &[$($(Scenario { name: stringify!($name), run: |backend| Box::pin($module::$name(backend)) },)+)+];
    };
}

for_each_scenario!(list);
