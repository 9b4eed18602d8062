//! The plan for a person, on stderr through the log.

use crate::plan::Plan;

/// Prints the plan, one line for each thing that will go.
pub(crate) fn print(plan: &Plan) {
    for run in &plan.retire {
        tracing::info!(run = %run.run, objects = run.objects, bytes = run.bytes, "plan: retire run: {}", run.reason);
    }
    for attempt in &plan.attempts {
        tracing::info!(
            run = %attempt.run, attempt = %attempt.attempt, objects = attempt.objects, bytes = attempt.bytes,
            "plan: delete attempt: {}", attempt.reason
        );
    }
    for table in &plan.staged_tables {
        tracing::info!(table, "plan: drop staged table");
    }
    for upload in &plan.uploads {
        tracing::info!(key = upload.key, "plan: abort stale upload");
    }
    for key in &plan.leftovers {
        tracing::info!(key, "plan: delete left-over");
    }
    if !plan.table_versions.is_empty() {
        tracing::info!(count = plan.table_versions.len(), "plan: delete archived table versions");
    }
    tracing::info!(bytes = plan.bytes(), kept = plan.kept.len(), retire = plan.retire.len(), "plan");
}
