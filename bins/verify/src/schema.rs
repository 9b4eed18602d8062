//! What a Parquet schema means to the readers of a table: column names and Glue types.
//!
//! This reads the footers' own schema by the Parquet format's rules and shares no code with the mapping by which
//! `write` chose the types, so that a mistake on either side shows as a difference.

use std::fmt::Write;

use lakeward_manifest::Column;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::{BasicTypeInfo, Type};

/// A column as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileColumn {
    pub(crate) name: String,
    /// In Glue's words, or a description of a type that Glue has no word for.
    pub(crate) glue_type: String,
}

/// The columns of a file, in order.
pub(crate) fn columns(schema: &Type) -> Vec<FileColumn> {
    let column = |field: &Type| FileColumn { name: field.name().to_owned(), glue_type: glue_type(field) };
    fields(schema).map(column).collect()
}

/// How the columns of a file differ from those of the manifest, one line each.
pub(crate) fn differences(found: &[FileColumn], columns: &[Column], keys: &[Column]) -> Vec<String> {
    let mut lines = Vec::new();
    for column in columns {
        match found.iter().find(|other| other.name == column.name) {
            None => lines.push(format!("column {} is missing", column.name)),
            Some(other) if other.glue_type != column.glue_type => {
                lines.push(format!(
                    "column {} is {} instead of {}",
                    column.name, other.glue_type, column.glue_type
                ));
            }
            Some(_) => {}
        }
    }
    for other in found.iter().filter(|other| columns.iter().all(|column| column.name != other.name)) {
        let key = keys.iter().any(|key| key.name == other.name);
        let what = if key { "partition column" } else { "unexpected column" };
        lines.push(format!("{what} {} is in the file", other.name));
    }
    let in_order = found.iter().map(|other| &other.name).eq(columns.iter().map(|column| &column.name));
    if lines.is_empty() && !in_order {
        lines.push("the columns are in another order".to_owned());
    }
    lines
}

fn fields(of: &Type) -> impl Iterator<Item = &Type> {
    let fields = match of {
        Type::GroupType { fields, .. } => fields.as_slice(),
        Type::PrimitiveType { .. } => &[],
    };
    fields.iter().map(AsRef::as_ref)
}

/// The Glue type of a column or field that is not itself the repeated part of a list or map.
fn glue_type(of: &Type) -> String {
    if is_repeated(of) {
        return unknown(of, "repeated without a list");
    }
    match of {
        Type::PrimitiveType { basic_info, physical_type, scale, precision, .. } => {
            let annotation = annotation(basic_info, *precision, *scale);
            primitive(*physical_type, annotation.as_ref()).unwrap_or_else(|| unknown(of, "annotated so"))
        }
        Type::GroupType { basic_info, .. } => match annotation(basic_info, 0, 0) {
            None => structure(of),
            Some(LogicalType::List) => list(of).unwrap_or_else(|| unknown(of, "a list not of three levels")),
            Some(LogicalType::Map) => map(of).unwrap_or_else(|| unknown(of, "a map not of three levels")),
            Some(_) => unknown(of, "annotated so"),
        },
    }
}

fn primitive(physical: Physical, annotation: Option<&LogicalType>) -> Option<String> {
    let plain = match (physical, annotation) {
        (Physical::BOOLEAN, None) => "boolean",
        (Physical::INT32, None) => "int",
        (Physical::INT64, None) => "bigint",
        (Physical::FLOAT, None) => "float",
        (Physical::DOUBLE, None) => "double",
        (Physical::BYTE_ARRAY, None) => "binary",
        (Physical::BYTE_ARRAY, Some(LogicalType::String)) => "string",
        (Physical::INT32, Some(LogicalType::Date)) => "date",
        (Physical::INT64, Some(LogicalType::Timestamp(time))) if time.unit != TimeUnit::NANOS => "timestamp",
        (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(integer))) => {
            match (physical, integer.bit_width, integer.is_signed) {
                (Physical::INT32, 8, true) => "tinyint",
                (Physical::INT32, 16, true) => "smallint",
                (Physical::INT32, 32, true) => "int",
                (Physical::INT64, 64, true) => "bigint",
                _ => return None,
            }
        }
        (
            Physical::INT32 | Physical::INT64 | Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY,
            Some(LogicalType::Decimal(decimal)),
        ) => return Some(format!("decimal({},{})", decimal.precision, decimal.scale)),
        _ => return None,
    };
    Some(plain.to_owned())
}

fn structure(of: &Type) -> String {
    let parts: Vec<String> =
        fields(of).map(|field| format!("{}:{}", field.name(), glue_type(field))).collect();
    format!("struct<{}>", parts.join(","))
}

/// `optional group name (LIST) { repeated group list { optional <type> element; } }`
fn list(of: &Type) -> Option<String> {
    let [element] = inner_fields(of)?[..] else { return None };
    Some(format!("array<{}>", glue_type(element)))
}

/// `optional group name (MAP) { repeated group key_value { required <type> key; optional <type> value; } }`
fn map(of: &Type) -> Option<String> {
    let [key, value] = inner_fields(of)?[..] else { return None };
    key.is_primitive().then(|| format!("map<{},{}>", glue_type(key), glue_type(value)))
}

/// The fields of the one repeated group that a list or map is made of.
fn inner_fields(of: &Type) -> Option<Vec<&Type>> {
    let mut outer = fields(of);
    let inner = outer.next().filter(|inner| inner.is_group() && is_repeated(inner))?;
    outer.next().is_none().then(|| fields(inner).collect())
}

fn is_repeated(of: &Type) -> bool {
    let info = of.get_basic_info();
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}

/// The logical type, also when a writer gave only the older converted type.
fn annotation(info: &BasicTypeInfo, precision: i32, scale: i32) -> Option<LogicalType> {
    if let Some(logical) = info.logical_type_ref() {
        return Some(logical.clone());
    }
    Some(match info.converted_type() {
        ConvertedType::NONE => return None,
        ConvertedType::UTF8 => LogicalType::String,
        ConvertedType::LIST => LogicalType::List,
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => LogicalType::Map,
        ConvertedType::DECIMAL => LogicalType::decimal(scale, precision),
        ConvertedType::DATE => LogicalType::Date,
        ConvertedType::TIMESTAMP_MILLIS => LogicalType::timestamp(true, TimeUnit::MILLIS),
        ConvertedType::TIMESTAMP_MICROS => LogicalType::timestamp(true, TimeUnit::MICROS),
        ConvertedType::INT_8 => LogicalType::integer(8, true),
        ConvertedType::INT_16 => LogicalType::integer(16, true),
        ConvertedType::INT_32 => LogicalType::integer(32, true),
        ConvertedType::INT_64 => LogicalType::integer(64, true),
        // The others are read by no engine as a type that Glue has.
        _ => LogicalType::Unknown,
    })
}

/// Describes a type that no Glue type stands for; equal to none of them.
fn unknown(of: &Type, why: &str) -> String {
    let mut text = match of {
        Type::PrimitiveType { physical_type, .. } => physical_type.to_string(),
        Type::GroupType { .. } => "group".to_owned(),
    };
    let info = of.get_basic_info();
    // Writing to a string cannot fail.
    let _ = match info.logical_type_ref() {
        Some(logical) => write!(text, " {logical:?}"),
        None => write!(text, " {}", info.converted_type()),
    };
    format!("{text} ({why})")
}

#[cfg(test)]
mod tests {
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn type_of(field: &str) -> String {
        let schema = parse_message_type(&format!("message root {{ {field} }}")).unwrap();
        columns(&schema).remove(0).glue_type
    }

    fn column(name: &str, glue_type: &str) -> Column {
        Column {
            name: name.to_owned(),
            duckdb_type: String::new(),
            glue_type: glue_type.to_owned(),
            extra: serde_json::Map::new(),
        }
    }

    fn found(pairs: &[(&str, &str)]) -> Vec<FileColumn> {
        let column = |(name, glue_type): &(&str, &str)| FileColumn {
            name: (*name).into(),
            glue_type: (*glue_type).into(),
        };
        pairs.iter().map(column).collect()
    }

    #[test]
    fn every_scalar_is_read_by_the_rules_of_the_parquet_format() {
        for (field, expected) in [
            ("optional boolean c;", "boolean"),
            ("optional int32 c;", "int"),
            ("optional int32 c (INT_8);", "tinyint"),
            ("optional int32 c (INTEGER(16,true));", "smallint"),
            ("required int32 c (INT_32);", "int"),
            ("optional int64 c;", "bigint"),
            ("optional int64 c (INT_64);", "bigint"),
            ("optional float c;", "float"),
            ("optional double c;", "double"),
            ("optional binary c;", "binary"),
            ("optional binary c (UTF8);", "string"),
            ("optional binary c (STRING);", "string"),
            ("optional int32 c (DATE);", "date"),
            ("optional int64 c (TIMESTAMP_MICROS);", "timestamp"),
            ("optional int64 c (TIMESTAMP(MILLIS,true));", "timestamp"),
            ("optional int64 c (TIMESTAMP(MICROS,false));", "timestamp"),
            ("optional int32 c (DECIMAL(9,2));", "decimal(9,2)"),
            ("optional int64 c (DECIMAL(18,0));", "decimal(18,0)"),
            ("optional fixed_len_byte_array(16) c (DECIMAL(38,4));", "decimal(38,4)"),
        ] {
            assert_eq!(type_of(field), expected, "{field}");
        }
    }

    #[test]
    fn types_that_readers_do_not_share_have_no_glue_type() {
        for field in [
            "optional int32 c (UINT_8);",
            "optional int64 c (INTEGER(64,false));",
            "optional int64 c (TIMESTAMP(NANOS,true));",
            "optional int32 c (TIME_MILLIS);",
            "optional int64 c (TIME(MICROS,true));",
            "optional int96 c;",
            "optional binary c (JSON);",
            "optional fixed_len_byte_array(16) c (UUID);",
            "optional fixed_len_byte_array(12) c (INTERVAL);",
            "optional fixed_len_byte_array(5) c;",
            "repeated int32 c;",
            "optional group c (LIST) { repeated int32 element; }",
            "optional group c (MAP) { repeated group key_value { required int32 key; } }",
            "optional group c (MAP) { repeated group e { required group key { optional int32 a; } optional int32 v; } }",
        ] {
            let found = type_of(field);
            assert!(found.ends_with(')') && !found.starts_with("decimal"), "{field} is {found}");
        }
    }

    #[test]
    fn nested_types_are_read_part_by_part() {
        let list = |element: &str| format!("group c (LIST) {{ repeated group list {{ {element} }} }}");
        let of_int = list("optional int32 element;");
        let of_lists = list(&format!("optional {}", of_int.replace(" c ", " element ")));
        let with_struct = "optional group c (MAP) { repeated group key_value { required binary key (UTF8); \
             optional group value { optional int64 n; optional group l (LIST) { repeated group list { \
             optional int32 element (DECIMAL(5,1)); } } } } }";
        for (field, expected) in [
            (format!("optional {of_int}"), "array<int>"),
            (format!("optional {of_lists}"), "array<array<int>>"),
            (
                "optional group c { optional int32 a; optional binary b (UTF8); }".to_owned(),
                "struct<a:int,b:string>",
            ),
            (with_struct.to_owned(), "map<string,struct<n:bigint,l:array<decimal(5,1)>>>"),
        ] {
            assert_eq!(type_of(&field), expected, "{field}");
        }
    }

    #[test]
    fn a_column_that_is_missing_added_or_of_another_type_is_named() {
        let wanted = [column("id", "bigint"), column("name", "string")];
        let keys = [column("dt", "date")];
        assert!(differences(&found(&[("id", "bigint"), ("name", "string")]), &wanted, &keys).is_empty());
        assert_eq!(
            differences(&found(&[("id", "int"), ("dt", "date"), ("extra", "int")]), &wanted, &keys),
            [
                "column id is int instead of bigint",
                "column name is missing",
                "partition column dt is in the file",
                "unexpected column extra is in the file",
            ]
        );
    }

    #[test]
    fn another_order_of_the_same_columns_is_a_difference() {
        let wanted = [column("id", "bigint"), column("name", "string")];
        let swapped = found(&[("name", "string"), ("id", "bigint")]);
        assert_eq!(differences(&swapped, &wanted, &[]), ["the columns are in another order"]);
        let twice = found(&[("id", "bigint"), ("name", "string"), ("id", "bigint")]);
        assert_eq!(differences(&twice, &wanted, &[]), ["the columns are in another order"]);
    }
}
