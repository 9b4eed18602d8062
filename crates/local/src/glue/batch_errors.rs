//! Batches of which some items fail on demand.

use serde_json::{Value, json};

/// How a batch names its items, and its answer the items that failed.
struct Shape {
    list: &'static str,
    /// The member of an item that names it; an item without members is its own name.
    name: &'static str,
    error: &'static str,
}

fn shape(operation: &str) -> Option<Shape> {
    let (list, name, error) = match operation {
        "BatchCreatePartition" => ("PartitionInputList", "Values", "PartitionValues"),
        "BatchUpdatePartition" => ("Entries", "PartitionValueList", "PartitionValueList"),
        "BatchDeletePartition" => ("PartitionsToDelete", "Values", "PartitionValues"),
        "BatchDeleteTableVersion" => ("VersionIds", "", "VersionId"),
        _ => return None,
    };
    Some(Shape { list, name, error })
}

/// Whether an item is one of every `every`, the `every`th first.
const fn is_chosen(at: usize, every: usize) -> bool {
    (at + 1).is_multiple_of(every)
}

/// The errors for every `every`th item of a batch; none for an operation that is no batch.
pub(crate) fn errors(operation: &str, members: &Value, every: usize, code: &str) -> Vec<Value> {
    let Some(shape) = shape(operation) else { return Vec::new() };
    let items = members[shape.list].as_array().into_iter().flatten().enumerate();
    items
        .filter(|(at, _)| is_chosen(*at, every))
        .map(|(_, item)| {
            let name = item.get(shape.name).unwrap_or(item);
            let detail = json!({ "ErrorCode": code, "ErrorMessage": "failed by a fault of the local lake" });
            json!({ shape.error: name, "ErrorDetail": detail })
        })
        .collect()
}

/// Takes the same items out of the batch.
pub(crate) fn leave_out(operation: &str, members: &mut Value, every: usize) {
    let Some(shape) = shape(operation) else { return };
    if let Some(items) = members[shape.list].as_array_mut() {
        let mut at = 0..items.len();
        items.retain(|_| at.next().is_some_and(|at| !is_chosen(at, every)));
    }
}

/// Adds errors to those of a batch's answer.
pub(crate) fn add(answer: &mut Value, errors: Vec<Value>) {
    match answer["Errors"].as_array_mut() {
        Some(told) => told.extend(errors),
        None => answer["Errors"] = Value::Array(errors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_item_is_left_out_and_told() {
        let mut members =
            json!({ "PartitionsToDelete": [{ "Values": ["a"] }, { "Values": ["b"] }, { "Values": ["c"] }] });
        let told = errors("BatchDeletePartition", &members, 2, "InternalServiceException");
        assert_eq!(told.len(), 1);
        assert_eq!(
            (&told[0]["PartitionValues"], &told[0]["ErrorDetail"]["ErrorCode"]),
            (&json!(["b"]), &json!("InternalServiceException"))
        );
        leave_out("BatchDeletePartition", &mut members, 2);
        assert_eq!(members["PartitionsToDelete"], json!([{ "Values": ["a"] }, { "Values": ["c"] }]));
        let mut answer = json!({});
        add(&mut answer, told.clone());
        add(&mut answer, told);
        assert_eq!(answer["Errors"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn versions_are_their_own_names_and_other_operations_have_no_items() {
        let members = json!({ "VersionIds": ["1", "2"] });
        assert_eq!(errors("BatchDeleteTableVersion", &members, 1, "x")[1]["VersionId"], "2");
        assert!(errors("GetTable", &members, 1, "x").is_empty());
    }
}
