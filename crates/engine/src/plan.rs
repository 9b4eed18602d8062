//! From a query to columns that every reader can read, before any row is computed.

use std::collections::BTreeMap;

use crate::check::{self, LONGEST_NAME, Raise};
use crate::error::{EngineError, Phase, Problem, without_position};
use crate::mapping::{self, Mapping};
use crate::session::Session;
use lakeward_sql::{DuckType, identifier, identifiers, literal};

const DOING: &str = "preparing the query";

/// The Glue types that a partition key may have: those whose text every reader reads back.
const PARTITION_TYPES: [&str; 7] = ["tinyint", "smallint", "int", "bigint", "date", "boolean", "string"];

/// How the files are to be laid out. Names are folded to lowercase before they are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableShape {
    /// The partition keys, outermost folder first.
    pub partition_by: Vec<String>,
    /// The columns by which the rows of each partition are sorted, ascending, NULLs last.
    pub sort_by: Vec<String>,
}

/// One column of the table to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name in the files and in Glue: lowercase, `[a-z0-9_]`.
    pub name: String,
    /// The name that the query gives.
    pub source_name: String,
    /// The type that the query gives, in `DuckDB`'s words.
    pub source_type: String,
    /// The type that is written, in `DuckDB`'s words.
    pub duckdb_type: String,
    /// The type that is written, in Glue's (Hive's) words.
    pub glue_type: String,
    /// Whether it is a partition key: not in the files, but in their folders' names.
    pub partition: bool,
    expression: String,
}

/// A query that can be published: its columns are known and mapped.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The data columns in the query's order, then the partition keys in the order asked for.
    pub columns: Vec<Column>,
    query: String,
    query_columns: usize,
    sort_by: Vec<String>,
}

impl Session {
    /// Describes `sql`, one SELECT-like statement, without running it, and decides how each column
    /// is written.
    ///
    /// # Errors
    /// [`EngineError::Sql`] if it is no such statement or does not bind; otherwise one
    /// [`EngineError::Unpublishable`] with every problem of its columns and of `shape`.
    pub fn plan(&self, sql: &str, shape: &TableShape) -> Result<Plan, EngineError> {
        let types = self.types_of(sql)?;
        let names = self.names_of(sql)?;
        if names.len() != types.len() {
            let message = format!("{} names for {} types", names.len(), types.len());
            return Err(EngineError::Internal { doing: DOING.to_owned(), message });
        }
        let mut problems = name_problems(&names);
        let columns = mapped_columns(&names, &types, &mut problems);
        let shape = folded(shape);
        problems.extend(shape_problems(&shape, &names));
        let columns = arranged(columns, &shape, &mut problems);
        if !problems.is_empty() {
            return Err(EngineError::Unpublishable(problems));
        }
        Ok(Plan { columns, query: sql.to_owned(), query_columns: names.len(), sort_by: shape.sort_by })
    }

    /// The types of the statement's columns. `DESCRIBE` would show INTEGER for a column of NULLs.
    fn types_of(&self, sql: &str) -> Result<Vec<String>, EngineError> {
        let probe = format!(
            "SELECT typeof(COLUMNS(q.*)) FROM (SELECT 1) LEFT JOIN (SELECT * FROM query({}) LIMIT 0) q ON true",
            literal(sql)
        );
        let rows = self.query(Phase::Binding, &probe, DOING, |row| {
            (0..row.as_ref().column_count()).map(|index| row.get(index)).collect::<Result<Vec<String>, _>>()
        });
        match rows {
            Ok(rows) => Ok(rows.into_iter().next().unwrap_or_default()),
            Err(EngineError::Sql { doing, message }) if message.starts_with("Parser Error") => {
                Err(EngineError::Sql { doing, message: parser_message(&message) })
            }
            Err(error @ (EngineError::Sql { .. } | EngineError::Internal { .. })) => {
                // It is a single SELECT, then: described by itself, its errors point into its text.
                self.names_of(sql)?;
                Err(error)
            }
            Err(other) => Err(other),
        }
    }

    /// The names of the columns of one SELECT statement, repeated ones included.
    pub(crate) fn names_of(&self, sql: &str) -> Result<Vec<String>, EngineError> {
        self.query(Phase::Binding, &format!("DESCRIBE {sql}"), DOING, |row| row.get(0))
    }
}

impl Plan {
    /// The partition keys, outermost first.
    pub fn partition_keys(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.partition)
    }

    /// The columns that the files hold.
    pub fn data_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.partition)
    }

    /// The positions in `columns` of the partition keys and of the sort columns.
    pub(crate) fn order(&self) -> Vec<usize> {
        let position = |name: &String| self.columns.iter().position(|column| column.name == *name);
        let keys = (0..self.columns.len()).filter(|index| self.columns[*index].partition);
        keys.chain(self.sort_by.iter().filter_map(position)).collect()
    }

    /// The query with every column converted and named by `name`.
    ///
    /// The user's text is a literal inside it, so that nothing in that text can end the statement.
    pub(crate) fn select(&self, name: impl Fn(usize, &Column) -> String) -> String {
        let column = |(index, column): (usize, &Column)| {
            format!("{} AS {}", column.expression, identifier(&name(index, column)))
        };
        let columns: Vec<String> = self.columns.iter().enumerate().map(column).collect();
        let sources: Vec<String> = (0..self.query_columns).map(source).collect();
        format!(
            "SELECT {} FROM query({}) AS q({})",
            columns.join(", "),
            literal(&self.query),
            identifiers(sources.iter().map(String::as_str))
        )
    }
}

/// The name by which the query's column at `index` is known inside the statement.
fn source(index: usize) -> String {
    format!("c{index}")
}

fn parser_message(message: &str) -> String {
    let message = without_position(message);
    if message.contains("Expected a single SELECT statement") {
        return "the text is not one query; write a single statement that starts with SELECT, FROM, WITH, VALUES or \
                PIVOT, and put preparations into the init SQL"
            .to_owned();
    }
    message.to_owned()
}

fn folded(shape: &TableShape) -> TableShape {
    let fold = |names: &[String]| names.iter().map(|name| check::fold(name)).collect();
    TableShape { partition_by: fold(&shape.partition_by), sort_by: fold(&shape.sort_by) }
}

fn name_problems(names: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    for name in names {
        let folded = check::fold(name);
        if folded.chars().count() > LONGEST_NAME {
            problems.push(Problem::Column(format!(
                "the column name {} is longer than {LONGEST_NAME} characters; give it a shorter one by AS",
                identifier(name)
            )));
        } else if !check::is_plain(&folded) {
            problems.push(Problem::Column(format!(
                "the column name {} has other characters than letters, digits and _; write {} AS {}",
                identifier(name),
                identifier(name),
                check::plain(&folded)
            )));
        }
        if let Some(first) = seen.insert(folded.clone(), name) {
            problems.push(Problem::Column(format!(
                "the columns {} and {} have the same name in lowercase; rename one by AS",
                identifier(first),
                identifier(name)
            )));
        }
    }
    problems
}

fn mapped_columns(names: &[String], types: &[String], problems: &mut Vec<Problem>) -> Vec<Column> {
    let mut columns = Vec::new();
    for (index, (name, source_type)) in names.iter().zip(types).enumerate() {
        match mapping::map(name, &DuckType::parse(source_type), &identifier(&source(index))) {
            Ok(Mapping { expression, written, glue }) => columns.push(Column {
                name: check::fold(name),
                source_name: name.clone(),
                source_type: source_type.clone(),
                duckdb_type: written.to_string(),
                glue_type: glue,
                partition: false,
                expression,
            }),
            Err(refusals) => problems.extend(refusals.into_iter().map(|refusal| {
                Problem::Column(format!(
                    "the column {} ({source_type}): {}; write {}",
                    identifier(name),
                    refusal.reason,
                    refusal.advice
                ))
            })),
        }
    }
    columns
}

fn shape_problems(shape: &TableShape, names: &[String]) -> Vec<Problem> {
    let there: Vec<String> = names.iter().map(|name| check::fold(name)).collect();
    let mut problems = Vec::new();
    for (what, wanted) in [("partition", &shape.partition_by), ("sort", &shape.sort_by)] {
        for (index, name) in wanted.iter().enumerate() {
            if !there.contains(name) {
                problems.push(Problem::Shape(format!(
                    "the {what} column {} is not in the result, which has {}",
                    identifier(name),
                    identifiers(there.iter().map(String::as_str))
                )));
            } else if wanted[..index].contains(name) {
                problems
                    .push(Problem::Shape(format!("the {what} column {} is named twice", identifier(name))));
            }
        }
    }
    if !there.is_empty() && there.iter().all(|name| shape.partition_by.contains(name)) {
        problems.push(Problem::Shape(
            "every column is a partition column; leave at least one for the files".to_owned(),
        ));
    }
    problems
}

/// The columns with the partition keys last, as Glue has them.
fn arranged(columns: Vec<Column>, shape: &TableShape, problems: &mut Vec<Problem>) -> Vec<Column> {
    let (mut keys, mut arranged): (Vec<Column>, Vec<Column>) =
        columns.into_iter().partition(|column| shape.partition_by.contains(&column.name));
    keys.sort_by_key(|key| shape.partition_by.iter().position(|name| *name == key.name));
    for mut key in keys {
        if !PARTITION_TYPES.contains(&key.glue_type.as_str()) {
            problems.push(Problem::Column(format!(
                "the partition column {} has the type {}; only integers up to BIGINT, DATE, BOOLEAN and VARCHAR \
                 partition a table: write CAST({} AS DATE) or CAST({} AS VARCHAR)",
                identifier(&key.name),
                key.source_type,
                identifier(&key.source_name),
                identifier(&key.source_name)
            )));
        }
        let raise = Raise::for_column(&key.name);
        key.expression = match key.glue_type.as_str() {
            "string" => raise.unless_partition_value(&key.expression),
            "date" => raise.unless_four_digit_year(&key.expression),
            _ => key.expression,
        };
        key.partition = true;
        arranged.push(key);
    }
    arranged
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
