//! One event, as JSON.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Dataset, Place};
use crate::record::{Columns, Glue, Query};
use crate::{Ending, Execution, Measure, Record};

/// The version of the specification.
const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
/// Who says so.
const PRODUCER: &str = concat!("urn:lakeward:", env!("CARGO_PKG_VERSION"));
/// The step that reads rows and computes new ones.
const WRITE: &str = "write";
/// The step that only looks.
const VERIFY: &str = "verify";

/// What there is to tell.
#[derive(Debug)]
pub(super) enum Moment<'e> {
    /// The execution has begun.
    Begun(Timestamp),
    /// It has ended.
    Ended(&'e Execution),
}

/// The job, of which the execution is a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'e> {
    pub(super) namespace: &'e str,
    pub(super) step: &'static str,
    pub(super) place: &'e Place,
}

/// One event.
#[derive(Debug)]
pub(super) struct Event<'e> {
    pub(super) moment: &'e Moment<'e>,
    pub(super) job: Job<'e>,
    pub(super) execution: &'e str,
    pub(super) parent: Option<&'e str>,
    pub(super) record: &'e Record,
}

impl Job<'_> {
    /// The table's name among jobs: bucket and prefix.
    fn table(&self) -> String {
        format!("{}/{}", self.place.bucket, self.place.prefix.trim_matches('/'))
    }
}

impl Event<'_> {
    pub(super) fn to_json(&self) -> Value {
        let (kind, at) = match self.moment {
            Moment::Begun(at) => ("START", *at),
            Moment::Ended(execution) if execution.ending == Ending::Done => ("COMPLETE", execution.ended),
            Moment::Ended(execution) => ("FAIL", execution.ended),
        };
        let query = self.record.query();
        let (inputs, outputs) = self.datasets(query.as_ref());
        json!({
            "eventType": kind,
            "eventTime": at.to_string(),
            "producer": PRODUCER,
            "schemaURL": EVENT,
            "run": { "runId": self.run_id(), "facets": self.run_facets() },
            "job": {
                "namespace": self.job.namespace,
                "name": format!("{}.{}", self.job.table(), self.job.step),
                "facets": self.job_facets(query.as_ref()),
            },
            "inputs": inputs,
            "outputs": outputs,
        })
    }

    /// An execution's own id is a UUID without its dashes.
    fn run_id(&self) -> Uuid {
        Uuid::try_parse(self.execution).unwrap_or_else(|_| uuid_of(self.execution))
    }

    fn run_facets(&self) -> Map<String, Value> {
        let mut facets = Map::new();
        facets.extend(self.parent().map(|parent| ("parent".to_owned(), parent)));
        let engine = json!({ "name": "lakeward", "version": crate::VERSION });
        let engine = facet("1-1-1/ProcessingEngineRunFacet", engine);
        facets.insert("processing_engine".to_owned(), engine);
        if let Moment::Ended(Execution { ending: Ending::Failed { kind, reason }, .. }) = self.moment {
            let message = format!("{kind} (exit code {}): {reason}", kind.exit_code());
            let error = json!({ "message": message, "programmingLanguage": "RUST" });
            facets.insert("errorMessage".to_owned(), facet("1-0-1/ErrorMessageRunFacet", error));
        }
        facets
    }

    /// The run that this is part of: the given one, else that of the table, which all of its steps share.
    fn parent(&self) -> Option<Value> {
        let given = self.parent.and_then(|parent| {
            let (job, run) = parent.rsplit_once('/')?;
            let (namespace, name) = job.split_once('/')?;
            Some((Uuid::try_parse(run).ok()?, namespace.to_owned(), name.to_owned()))
        });
        let (run, namespace, name) = given.or_else(|| {
            let table = self.job.table();
            let run = uuid_of(&format!("{table}\n{}", self.job.place.run.as_deref()?));
            Some((run, self.job.namespace.to_owned(), table))
        })?;
        let parent = json!({ "run": { "runId": run }, "job": { "namespace": namespace, "name": name } });
        Some(facet("1-2-0/ParentRunFacet", parent))
    }

    fn job_facets(&self, query: Option<&Query>) -> Map<String, Value> {
        let mut facets = Map::new();
        let kind = json!({
            "processingType": "BATCH",
            "integration": "LAKEWARD",
            "jobType": self.job.step.to_uppercase(),
        });
        facets.insert("jobType".to_owned(), facet("2-0-4/JobTypeJobFacet", kind));
        if let Some(query) = query {
            let sql = json!({ "query": query.sql, "dialect": "duckdb" });
            facets.insert("sql".to_owned(), facet("1-1-0/SQLJobFacet", sql));
        }
        facets
    }

    /// What was read and what was, or is to be, written. Only `write` has inputs of another kind than the table.
    fn datasets(&self, query: Option<&Query>) -> (Vec<Value>, Vec<Value>) {
        let inputs = query.into_iter().flat_map(|query| &query.inputs).map(|input| named(input, Map::new()));
        let is_reader = self.job.step == VERIFY;
        if !is_reader && self.record.is_unchanged() {
            return (inputs.collect(), Vec::new());
        }
        let Place { bucket, prefix, run } = self.job.place;
        let mut facets = Map::new();
        if let (Some(glue), Moment::Ended(execution)) = (self.record.glue(), self.moment) {
            facets.extend(symlinks(&glue, &execution.table).map(|links| ("symlinks".to_owned(), links)));
        }
        if let Some(columns) = self.record.columns() {
            facets.insert("schema".to_owned(), schema(&columns));
        }
        // A version that is not written yet, or never will be, is none of the table.
        if let Some(run) = run.as_ref().filter(|_| is_reader || self.is_done()) {
            let version = json!({ "datasetVersion": run });
            facets.insert("version".to_owned(), facet("1-0-1/DatasetVersionDatasetFacet", version));
        }
        let mut table = named(&Dataset::of_root(bucket, prefix), facets);
        if is_reader {
            return (inputs.chain([table]).collect(), Vec::new());
        }
        if let Some(statistics) = self.statistics() {
            table["outputFacets"] = json!({ "outputStatistics": statistics });
        }
        (inputs.collect(), vec![table])
    }

    fn is_done(&self) -> bool {
        matches!(self.moment, Moment::Ended(Execution { ending: Ending::Done, .. }))
    }

    /// How much was written, by the step that writes, once it has.
    fn statistics(&self) -> Option<Value> {
        if self.job.step != WRITE || !self.is_done() {
            return None;
        }
        let measures = self.record.measures();
        let measure = |measure| measures.get(&measure).copied();
        let statistics = json!({
            "rowCount": measure(Measure::Rows)?,
            "size": measure(Measure::Bytes)?,
            "fileCount": measure(Measure::Files)?,
        });
        Some(facet("1-0-2/OutputStatisticsOutputDatasetFacet", statistics))
    }
}

/// A facet with what every facet has: who says so, and by which schema (`1-1-0/SQLJobFacet`).
fn facet(schema: &str, mut fields: Value) -> Value {
    let name = schema.split('/').next_back().unwrap_or_default();
    fields["_producer"] = PRODUCER.into();
    fields["_schemaURL"] = format!("https://openlineage.io/spec/facets/{schema}.json#/$defs/{name}").into();
    fields
}

fn named(dataset: &Dataset, facets: Map<String, Value>) -> Value {
    let mut value = json!({ "namespace": dataset.namespace, "name": dataset.name });
    value["facets"] = facets.into();
    value
}

/// The table's name in Glue, once it is known, as OpenLineage's naming conventions have it; they want an account too.
fn symlinks(glue: &Glue, table: &str) -> Option<Value> {
    let (database, table) = table.split_once('.').filter(|(database, _)| !database.contains('/'))?;
    let account = glue.account.as_deref().map(|account| format!(":{account}")).unwrap_or_default();
    let identifier = json!({
        "namespace": format!("arn:aws:glue:{}{account}", glue.region),
        "name": format!("table/{database}/{table}"),
        "type": "TABLE",
    });
    Some(facet("1-0-1/SymlinksDatasetFacet", json!({ "identifiers": [identifier] })))
}

fn schema(columns: &Columns) -> Value {
    let field = |(name, kind, description): &(String, String, Option<String>)| match description {
        Some(description) => json!({ "name": name, "type": kind, "description": description }),
        None => json!({ "name": name, "type": kind }),
    };
    facet("1-2-0/SchemaDatasetFacet", json!({ "fields": columns.iter().map(field).collect::<Vec<_>>() }))
}

/// An id that everybody makes of the same text.
fn uuid_of(text: &str) -> Uuid {
    let digest = Sha256::digest(text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
