//! How each type is written and what Glue calls it: without loss, or not at all.
//!
//! Athena, Spark, Trino and Redshift must all read what is written. Values that only some of them
//! could read (an infinite date, nanoseconds) are refused by a check inside the query.

use crate::check::{self, Raise};
use lakeward_sql::{DuckType, Field, identifier, literal};

/// `DuckDB` type, the type that is written, Glue type. Types with parts are mapped part by part.
///
/// `DuckDB` would write HUGEINT as DOUBLE and round it; Spark refuses UUID, unsigned and nanosecond
/// columns; the readers know no TIME and no INTERVAL.
const SCALARS: [(&str, &str, &str); 28] = [
    ("BOOLEAN", "BOOLEAN", "boolean"),
    ("TINYINT", "TINYINT", "tinyint"),
    ("SMALLINT", "SMALLINT", "smallint"),
    ("INTEGER", "INTEGER", "int"),
    ("BIGINT", "BIGINT", "bigint"),
    ("UTINYINT", "SMALLINT", "smallint"),
    ("USMALLINT", "INTEGER", "int"),
    ("UINTEGER", "BIGINT", "bigint"),
    ("UBIGINT", "DECIMAL(20,0)", "decimal(20,0)"),
    ("HUGEINT", "DECIMAL(38,0)", "decimal(38,0)"),
    ("UHUGEINT", "DECIMAL(38,0)", "decimal(38,0)"),
    ("FLOAT", "FLOAT", "float"),
    ("DOUBLE", "DOUBLE", "double"),
    ("VARCHAR", "VARCHAR", "string"),
    ("JSON", "VARCHAR", "string"),
    ("BIT", "VARCHAR", "string"),
    ("UUID", "VARCHAR", "string"),
    ("BLOB", "BLOB", "binary"),
    ("DATE", "DATE", "date"),
    ("TIMESTAMP", "TIMESTAMP", "timestamp"),
    ("TIMESTAMP_S", "TIMESTAMP", "timestamp"),
    ("TIMESTAMP_MS", "TIMESTAMP", "timestamp"),
    ("TIMESTAMP_NS", "TIMESTAMP", "timestamp"),
    ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE", "timestamp"),
    ("TIME", "VARCHAR", "string"),
    ("TIME_NS", "VARCHAR", "string"),
    ("TIME WITH TIME ZONE", "VARCHAR", "string"),
    ("INTERVAL", "VARCHAR", "string"),
];

/// What stands for a type that cannot be published in the advice on it.
const SUBSTITUTE: &str = "VARCHAR";

/// How a column is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// SQL that makes the written value of the column's own value.
    pub(crate) expression: String,
    /// The type of that expression, in `DuckDB`'s words.
    pub(crate) written: DuckType,
    /// The same in Glue's words.
    pub(crate) glue: String,
}

/// Why a type cannot be published, and what to write in the query instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) advice: String,
}

/// Maps the column `column` of type `of`, whose value is the SQL expression `value`.
///
/// Every part that cannot be published is refused, not only the first.
pub(crate) fn map(column: &str, of: &DuckType, value: &str) -> Result<Mapping, Vec<Refusal>> {
    let mut refused = Vec::new();
    refuse_parts(of, column, &mut refused);
    if !refused.is_empty() {
        let cast = format!("CAST({} AS {})", identifier(column), written(of));
        let advised = |(reason, advice): (String, Option<String>)| Refusal {
            reason,
            advice: advice.unwrap_or_else(|| cast.clone()),
        };
        return Err(refused.into_iter().map(advised).collect());
    }
    let expression = converted(of, value, &Raise::for_column(column), 0);
    Ok(Mapping { expression, written: written(of), glue: glue(of) })
}

fn scalar(name: &str) -> Option<(&'static str, &'static str)> {
    SCALARS.iter().find(|(from, ..)| *from == name).map(|(_, to, glue)| (*to, *glue))
}

/// Collects what is wrong in `of`; a problem without advice is mended by a cast of the column.
fn refuse_parts(of: &DuckType, path: &str, refused: &mut Vec<(String, Option<String>)>) {
    match of {
        DuckType::Decimal(..) | DuckType::Enum => {}
        DuckType::Scalar(name) if scalar(name).is_some() => {}
        DuckType::Scalar(name) | DuckType::Other(name) => {
            refused.push((format!("{path} has the type {name}, which no reader shares"), None));
        }
        DuckType::List(item) | DuckType::Array(item, _) => refuse_parts(item, &format!("{path}[]"), refused),
        DuckType::Map(key, value) => {
            if key.has_parts() {
                refused.push((format!("{path} is a MAP whose keys have parts"), None));
            } else {
                refuse_parts(key, &format!("{path}.key"), refused);
            }
            refuse_parts(value, &format!("{path}.value"), refused);
        }
        DuckType::Struct(fields) => {
            for field in fields {
                refuse_field(field, path, refused);
            }
        }
    }
}

fn refuse_field(field: &Field, path: &str, refused: &mut Vec<(String, Option<String>)>) {
    let Some(name) = &field.name else {
        let advice = "struct_pack(name := value, ...) instead of row(...)".to_owned();
        refused.push((format!("{path} has a field without a name"), Some(advice)));
        return;
    };
    let folded = check::fold(name);
    if !check::is_plain(&folded) {
        let advice = format!("struct_pack({} := ...)", check::plain(&folded));
        let reason = format!("{path} has the field {name:?}, and field names are letters, digits and _");
        refused.push((reason, Some(advice)));
    }
    refuse_parts(&field.of, &format!("{path}.{name}"), refused);
}

/// The type that is written. For a type that is refused, the one that the advice casts to.
fn written(of: &DuckType) -> DuckType {
    match of {
        DuckType::Scalar(name) => DuckType::parse(scalar(name).map_or(SUBSTITUTE, |(to, _)| to)),
        DuckType::Decimal(..) => of.clone(),
        DuckType::Enum | DuckType::Other(_) => DuckType::Scalar(SUBSTITUTE.to_owned()),
        DuckType::List(item) | DuckType::Array(item, _) => DuckType::List(Box::new(written(item))),
        DuckType::Map(key, value) => {
            let key = if key.has_parts() { DuckType::Scalar(SUBSTITUTE.to_owned()) } else { written(key) };
            DuckType::Map(Box::new(key), Box::new(written(value)))
        }
        DuckType::Struct(fields) => DuckType::Struct(
            fields
                .iter()
                .map(|field| Field { name: field.name.as_deref().map(check::fold), of: written(&field.of) })
                .collect(),
        ),
    }
}

/// The Glue type of a type that is not refused.
fn glue(of: &DuckType) -> String {
    match of {
        DuckType::Scalar(name) => scalar(name).map_or("string", |(_, glue)| glue).to_owned(),
        DuckType::Decimal(width, scale) => format!("decimal({width},{scale})"),
        DuckType::Enum | DuckType::Other(_) => "string".to_owned(),
        DuckType::List(item) | DuckType::Array(item, _) => format!("array<{}>", glue(item)),
        DuckType::Map(key, value) => format!("map<{},{}>", glue(key), glue(value)),
        DuckType::Struct(fields) => {
            let field = |field: &Field| {
                format!("{}:{}", check::fold(field.name.as_deref().unwrap_or_default()), glue(&field.of))
            };
            format!("struct<{}>", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
    }
}

/// `value` as it is written; the very same text where nothing has to be done.
fn converted(of: &DuckType, value: &str, raise: &Raise, depth: usize) -> String {
    match of {
        DuckType::Scalar(name) => converted_scalar(name, value, raise),
        DuckType::Decimal(..) => value.to_owned(),
        DuckType::Enum | DuckType::Other(_) => format!("CAST({value} AS {SUBSTITUTE})"),
        DuckType::List(item) => converted_items(item, value, raise, depth),
        // DuckDB has no CASE over arrays; Parquet knows lists only.
        DuckType::Array(item, _) => {
            let list = format!("CAST({value} AS {}[])", **item);
            converted_items(item, &list, raise, depth)
        }
        DuckType::Map(key, item) => {
            let keys = format!("map_keys({value})");
            let items = format!("map_values({value})");
            let new_keys = converted_items(key, &keys, raise, depth);
            let new_items = converted_items(item, &items, raise, depth);
            if new_keys == keys && new_items == items {
                return value.to_owned();
            }
            format!("CASE WHEN {value} IS NOT NULL THEN map({new_keys}, {new_items}) END")
        }
        DuckType::Struct(fields) => converted_struct(fields, value, raise, depth),
    }
}

fn converted_items(item: &DuckType, list: &str, raise: &Raise, depth: usize) -> String {
    let variable = format!("item{depth}");
    let new = converted(item, &variable, raise, depth + 1);
    if new == variable {
        list.to_owned()
    } else {
        format!("list_transform({list}, lambda {variable}: {new})")
    }
}

fn converted_struct(fields: &[Field], value: &str, raise: &Raise, depth: usize) -> String {
    let mut changed = false;
    let mut new_fields = Vec::new();
    for field in fields {
        let name = field.name.as_deref().unwrap_or_default();
        let folded = check::fold(name);
        let old = format!("struct_extract({value}, {})", literal(name));
        let new = converted(&field.of, &old, raise, depth);
        changed |= new != old || folded != name;
        new_fields.push(format!("{} := {new}", identifier(&folded)));
    }
    if !changed {
        return value.to_owned();
    }
    format!("CASE WHEN {value} IS NOT NULL THEN struct_pack({}) END", new_fields.join(", "))
}

fn converted_scalar(name: &str, value: &str, raise: &Raise) -> String {
    let to = scalar(name).map_or(SUBSTITUTE, |(to, _)| to);
    if name == "DATE" || to.starts_with("TIMESTAMP") {
        return converted_time(name, value, to, raise);
    }
    match name {
        "HUGEINT" | "UHUGEINT" => raise.unless_cast(value, to),
        _ if to == name => value.to_owned(),
        _ => format!("CAST({value} AS {to})"),
    }
}

fn converted_time(name: &str, value: &str, to: &str, raise: &Raise) -> String {
    let cast = if to == name { value.to_owned() } else { raise.unless_cast(value, to) };
    let finite = raise.when(&format!("isinf({value})"), "an infinite value; write NULL for it", &cast);
    if name != "TIMESTAMP_NS" {
        return finite;
    }
    raise.when(
        &format!("isfinite({value}) AND epoch_ns({value}) % 1000 <> 0"),
        "a time with nanoseconds, which readers do not share; cast it to TIMESTAMP to round it",
        &finite,
    )
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
