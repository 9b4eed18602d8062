//! Tables for a terminal.

use std::collections::BTreeMap;

use lakeward_tests::reader::{Column, GlueTable};

/// Between two columns.
const GAP: &str = "  ";
/// The width of what a fact is called.
const LABEL: usize = 24;
/// Names and types of columns to a line.
const COLUMNS: usize = 4;

/// A Glue table: what tells its readers where to look and what to expect.
pub(crate) fn table(name: &str, table: &GlueTable) -> String {
    let facts = [
        ("location", table.location.clone()),
        ("columns", columns(&table.columns)),
        ("partitioned by", columns(&table.keys)),
        ("partitions", table.partitions.len().to_string()),
    ];
    let facts = facts.into_iter().chain(own(&table.parameters));
    let facts = facts.map(|(label, fact)| format!("{GAP}{label:LABEL$}{fact}"));
    let lines: Vec<String> = std::iter::once(name.to_owned()).chain(facts).collect();
    lines.join("\n") + "\n"
}

/// The parameters that Lakeward sets.
fn own(parameters: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, String)> {
    let own = parameters.iter().filter(|(name, _)| name.starts_with("lakeward."));
    own.map(|(name, value)| (name.as_str(), value.clone()))
}

fn columns(columns: &[Column]) -> String {
    let line = |columns: &[Column]| {
        let columns = columns.iter().map(|column| format!("{} {}", column.name, column.glue_type));
        columns.collect::<Vec<_>>().join(", ")
    };
    let indented = format!(",\n{GAP}{:LABEL$}", "");
    columns.chunks(COLUMNS).map(line).collect::<Vec<_>>().join(&indented)
}

/// Rows under their names. Cells that are numbers stand at the right.
pub(crate) fn rows(names: &[String], rows: &[Vec<String>]) -> String {
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index)).chain(names.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let number =
        |index: usize| rows.iter().all(|row| row.get(index).is_none_or(|cell| cell.parse::<f64>().is_ok()));
    let columns: Vec<(usize, bool)> = (0..names.len()).map(|index| (width(index), number(index))).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&columns).map(|(cell, (width, number))| {
            if *number { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
    };
    std::iter::once(names).chain(rows.iter().map(Vec::as_slice)).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn columns_are_aligned_and_numbers_stand_at_the_right() {
        let (names, first, second) = (["airline", "flights"], ["Endeavor Air", "9"], ["Envoy Air", "18.5"]);
        let shown = rows(&texts(&names), &[texts(&first), texts(&second)]);
        assert_eq!(shown, "airline       flights\nEndeavor Air        9\nEnvoy Air        18.5\n");
    }
}
