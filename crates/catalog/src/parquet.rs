//! How every reader knows Parquet in Glue: the one home of formats and parameter names.
//!
//! Sources: the Glue developer guide on Parquet tables, and Hive's Parquet `SerDe`.

use aws_sdk_glue::types as glue;

pub(crate) const TABLE_TYPE: &str = "EXTERNAL_TABLE";
const INPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
const SERDE_PARAMETER: (&str, &str) = ("serialization.format", "1");
const TABLE_PARAMETERS: [(&str, &str); 3] =
    [("EXTERNAL", "TRUE"), ("classification", "parquet"), ("typeOfData", "file")];
/// Names the codec (`zstd`).
const COMPRESSION: &str = "compressionType";

/// The parameters that tell crawlers and engines that the table is Parquet compressed with `codec`.
pub(crate) fn table_parameters(codec: &str) -> impl Iterator<Item = (String, String)> {
    let all = TABLE_PARAMETERS.into_iter().chain([(COMPRESSION, codec)]);
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Makes a table's or partition's storage Parquet. Parameters of its own that a Parquet `SerDe` already
/// has stay.
pub(crate) fn describe(storage: &mut glue::StorageDescriptor) {
    storage.input_format = Some(INPUT_FORMAT.to_owned());
    storage.output_format = Some(OUTPUT_FORMAT.to_owned());
    let known =
        storage.serde_info.take().filter(|serde| serde.serialization_library.as_deref() == Some(SERDE));
    let mut serde = known.unwrap_or_else(|| glue::SerDeInfo::builder().serialization_library(SERDE).build());
    let (name, value) = SERDE_PARAMETER;
    serde.parameters.get_or_insert_default().insert(name.to_owned(), value.to_owned());
    storage.serde_info = Some(serde);
}

/// What decides how files are read: input format, output format, `SerDe`.
pub(crate) fn formats(storage: &glue::StorageDescriptor) -> [Option<String>; 3] {
    let serde = storage.serde_info.as_ref().and_then(|serde| serde.serialization_library.clone());
    [storage.input_format.clone(), storage.output_format.clone(), serde]
}
