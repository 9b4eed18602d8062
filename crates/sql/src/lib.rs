//! DuckDB SQL as text, without DuckDB: quoting, types, and views over published files. Apart from the engine, so that steps
//! which never run a query need not link a database.

mod duck_type;
mod quote;
mod view;

pub use duck_type::{DuckType, Field};
pub use quote::{identifier, identifiers, literal};
pub use view::{FileColumn, columns_of_run, select_from_files, view_over_files, view_over_run};
