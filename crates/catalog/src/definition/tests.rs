use super::*;

fn column(name: &str, glue_type: &str, comment: Option<&str>) -> Column {
    Column { name: name.into(), glue_type: glue_type.into(), comment: comment.map(str::to_owned) }
}

/// A table with something in every field that Lakeward does not know.
fn foreign() -> glue::Table {
    let mine: HashMap<_, _> = [("a".to_owned(), "b".to_owned())].into();
    let amount = glue::Column::builder().name("amount").r#type("double").comment("in EUR");
    let storage = glue::StorageDescriptor::builder()
        .location("s3://lake/old/")
        .columns(amount.set_parameters(Some(mine.clone())).build().unwrap())
        .input_format("TextInputFormat")
        .number_of_buckets(7)
        .bucket_columns("amount")
        .additional_locations("s3://lake/more/")
        .set_parameters(Some(mine.clone()));
    let representation =
        glue::ViewRepresentation::builder().dialect_version("3").view_original_text("select 1");
    let view = glue::ViewDefinition::builder().is_protected(true).definer("me").view_version_id(4);
    glue::Table::builder()
        .name("orders")
        .owner("somebody")
        .retention(30)
        .description("what was sold")
        .table_type("EXTERNAL_TABLE")
        .storage_descriptor(storage.build())
        .partition_keys(glue::Column::builder().name("dt").r#type("date").build().unwrap())
        .set_parameters(Some([("team".to_owned(), "sales".to_owned())].into()))
        .view_original_text("original")
        .view_expanded_text("expanded")
        .target_table(glue::TableIdentifier::builder().name("target").build())
        .view_definition(view.representations(representation.build()).build())
        .created_by("arn:aws:iam::1:user/x")
        .version_id("12")
        .build()
        .unwrap()
}

#[test]
fn a_table_that_nobody_edits_goes_back_as_it_came() {
    let table = foreign();
    let input = TableDefinition::from_glue(table.clone()).to_glue("orders").unwrap();
    assert_eq!(input.name, table.name);
    assert_eq!(input.owner, table.owner);
    assert_eq!(input.retention, table.retention);
    assert_eq!(input.description, table.description);
    assert_eq!(input.table_type, table.table_type);
    assert_eq!(input.storage_descriptor, table.storage_descriptor);
    assert_eq!(input.partition_keys, table.partition_keys);
    assert_eq!(input.parameters, table.parameters);
    assert_eq!(input.view_original_text, table.view_original_text);
    assert_eq!(input.view_expanded_text, table.view_expanded_text);
    assert_eq!(input.target_table, table.target_table);
    let (view, was) = (input.view_definition.unwrap(), table.view_definition.unwrap());
    assert_eq!((view.definer, view.view_version_id), (was.definer, was.view_version_id));
    let (text, was) = (view.representations.unwrap(), was.representations.unwrap());
    assert_eq!(text[0].view_original_text, was[0].view_original_text);
}

#[test]
fn edits_change_what_they_name_and_nothing_else() {
    let mut table = TableDefinition::from_glue(foreign());
    table.location = Some("s3://lake/new/".into());
    table.replace_columns(&[column("amount", "decimal(10,2)", None), column("id", "bigint", Some("key"))]);
    table.parameters.insert("lakeward.run".into(), "r1".into());
    let input = table.to_glue("orders").unwrap();
    let parameters = input.parameters.unwrap();
    assert_eq!((parameters["team"].as_str(), parameters["lakeward.run"].as_str()), ("sales", "r1"));
    let storage = input.storage_descriptor.unwrap();
    assert_eq!(storage.location.as_deref(), Some("s3://lake/new/"));
    assert_eq!((storage.number_of_buckets, storage.additional_locations.unwrap().len()), (7, 1));
    let columns = storage.columns.unwrap();
    assert_eq!(columns[0].r#type.as_deref(), Some("decimal(10,2)"));
    assert_eq!(columns[0].comment.as_deref(), Some("in EUR"), "a comment survives a change of type");
    assert_eq!(columns[0].parameters.as_ref().unwrap()["a"], "b");
    assert_eq!(columns[1].comment.as_deref(), Some("key"));
}

#[test]
fn a_new_table_is_parquet_in_the_words_of_every_reader() {
    let mut table = TableDefinition::parquet("zstd");
    table.location = Some("s3://lake/orders/".into());
    table.columns = vec![column("id", "bigint", None)];
    let input = table.to_glue("orders").unwrap();
    assert_eq!(input.table_type.as_deref(), Some("EXTERNAL_TABLE"));
    assert_eq!(input.partition_keys.unwrap(), [], "present even when there are none");
    let parameters = input.parameters.unwrap();
    for (name, value) in [
        ("EXTERNAL", "TRUE"),
        ("classification", "parquet"),
        ("compressionType", "zstd"),
        ("typeOfData", "file"),
    ] {
        assert_eq!(parameters[name], value);
    }
    let storage = input.storage_descriptor.unwrap();
    assert!(storage.input_format.unwrap().ends_with("MapredParquetInputFormat"));
    assert!(storage.output_format.unwrap().ends_with("MapredParquetOutputFormat"));
    let serde = storage.serde_info.unwrap();
    assert!(serde.serialization_library.unwrap().ends_with("ParquetHiveSerDe"));
    assert_eq!(serde.parameters.unwrap()["serialization.format"], "1");
}

#[test]
fn a_foreign_table_becomes_parquet_without_losing_its_own_settings() {
    let mut table = TableDefinition::from_glue(foreign());
    table.make_parquet("snappy");
    let input = table.to_glue("orders").unwrap();
    assert_eq!(input.parameters.unwrap()["team"], "sales");
    let storage = input.storage_descriptor.unwrap();
    assert!(storage.input_format.unwrap().ends_with("MapredParquetInputFormat"));
    assert_eq!(storage.number_of_buckets, 7);
}

#[test]
fn differences_are_named_and_foreign_additions_are_none() {
    let mut wanted = TableDefinition::parquet("zstd");
    wanted.location = Some("s3://lake/orders/".into());
    wanted.columns = vec![column("id", "bigint", None)];
    let mut have = wanted.clone();
    have.parameters.insert("team".into(), "sales".into());
    have.columns[0].comment = Some("the key".into());
    assert_eq!(have.differences(&wanted), [""; 0]);

    have.location = Some("s3://lake/other/".into());
    have.columns[0].glue_type = "int".into();
    have.partition_keys = vec![column("dt", "date", None)];
    have.parameters.remove("EXTERNAL");
    assert_eq!(have.differences(&wanted), ["location", "columns", "partition keys", "parameter EXTERNAL"]);
    let text = TableDefinition::from_glue(foreign());
    assert!(text.differences(&wanted).contains(&"format".to_owned()));
}
