//! What the query runs in: the session, the attached database, variables, credentials for remote inputs, and the
//! plan that refuses what cannot be published before a row is computed.

use std::path::{Path, PathBuf};

use lakeward_aws::SdkConfig;
use lakeward_cli::{Context, Dataset, Query, Record};
use lakeward_engine::{EngineError, InputTable, Plan, Session, TableShape, needs_httpfs};
use lakeward_outcome::{Failure, FailureExt, Kind, ResultExt};
use lakeward_session::{EngineArgs, Renewal, blocking, s3_access, stop};
use lakeward_store::{Store, StoreOptions};

use crate::job::Job;
use crate::scratch::Scratch;

/// The name of an attached database whose file name gives none.
const DATABASE_NAME: &str = "source";

/// A session in which the query only has to be run.
pub(crate) struct Prepared {
    pub(crate) session: Session,
    pub(crate) plan: Plan,
    /// Keeps DuckDB's credentials fresh while it lives.
    pub(crate) renewal: Renewal,
}

/// Opens the session, makes the inputs reachable, and plans the query without running it.
pub(crate) async fn prepare(
    aws: &SdkConfig,
    job: &Job,
    engine: &EngineArgs,
    reserve: u64,
    scratch: &Scratch,
    context: &Context,
) -> Result<Prepared, Failure> {
    let database = match &job.request.database {
        Some(database) => Some(fetch_database(aws, database, scratch, context).await?),
        None => None,
    };
    let texts = [Some(job.request.sql.as_str()), job.init_sql.as_deref()];
    let access = if needs_httpfs(texts.into_iter().flatten()) { Some(s3_access(aws).await?) } else { None };
    let options = engine.options(scratch.engine(), reserve);
    let setup = Setup { database, job: job.clone(), lineage: context.keep_lineage() };
    let (session, secrets) = blocking(move || lakeward_session::open(options, access.as_ref())).await?;
    let interrupt = session.cancel();
    let preparing = blocking(move || setup.fill(session));
    // The user's own statements may take their time, or wait for a server that does not answer.
    let (session, plan) = tokio::select! {
        prepared = preparing => prepared?,
        () = context.cancel().cancelled() => {
            stop(interrupt).await?;
            return Err(Failure::new(Kind::Transient, "told to stop before the query was planned: run again"));
        }
    };
    Ok(Prepared { session, plan, renewal: Renewal::start(aws.clone(), secrets) })
}

/// What is set up in an open session, gathered so that a blocking thread can own it.
struct Setup {
    database: Option<Database>,
    job: Job,
    /// Where what the query reads is written down, if somebody wants to know.
    lineage: Option<Record>,
}

impl Setup {
    /// Looks for what the query reads, attaches, sets, runs the init SQL, and plans the query.
    fn fill(self, session: Session) -> Result<(Session, Plan), EngineError> {
        let mut inputs = Vec::new();
        self.note(&mut inputs, || self.files(&session));
        if let Some(database) = &self.database {
            session.attach_database(&database.file, &database.name)?;
        }
        for (name, value) in &self.job.request.variables {
            session.set_variable(name, value)?;
        }
        session.set_timestamp_variable("run_ts", self.job.run.ts)?;
        session.set_variable("run_id", self.job.run.id.as_str())?;
        if let Some(sql) = &self.job.init_sql {
            session.init_sql(sql)?;
        }
        self.note(&mut inputs, || self.tables(&session));
        let table = &self.job.table;
        let shape = TableShape { partition_by: table.partition_by.clone(), sort_by: table.sort_by.clone() };
        let plan = session.plan(&self.job.request.sql, &shape)?;
        Ok((session, plan))
    }

    /// Writes down what `more` finds beside the inputs so far, if somebody wants to know.
    fn note(&self, inputs: &mut Vec<Dataset>, more: impl FnOnce() -> Vec<Dataset>) {
        let Some(record) = &self.lineage else { return };
        inputs.extend(more());
        record.set_query(Query { sql: self.job.request.sql.clone(), inputs: inputs.clone() });
    }

    /// What can be found; no run fails for it.
    fn files(&self, session: &Session) -> Vec<Dataset> {
        let files = session.input_files(&self.job.request.sql).unwrap_or_default();
        files.iter().map(|file| Dataset::of_files(file)).collect()
    }

    /// What can be found once every database is attached; no run fails for it.
    fn tables(&self, session: &Session) -> Vec<Dataset> {
        let tables = session.input_tables(&self.job.request.sql).unwrap_or_default();
        tables.into_iter().map(|table| self.table(table)).collect()
    }

    /// The database that the user named lies where the user says: here may be a copy.
    fn table(&self, table: InputTable) -> Dataset {
        let InputTable { database, file, schema, name } = table;
        let is_named = self.database.as_ref().is_some_and(|named| named.name == database);
        let named = self.job.request.database.clone().filter(|_| is_named);
        match named.or(file) {
            Some(file) => Dataset::of_duckdb(&file, &format!("{schema}.{name}")),
            None => Dataset::attached_to_duckdb(&format!("{database}.{schema}.{name}")),
        }
    }
}

/// A DuckDB file on this machine and the name to attach it by.
struct Database {
    file: PathBuf,
    name: String,
}

/// The database as a local file: fetched through the SDK when it is on S3.
async fn fetch_database(
    aws: &SdkConfig,
    database: &str,
    scratch: &Scratch,
    context: &Context,
) -> Result<Database, Failure> {
    let name =
        Path::new(database).file_stem().and_then(|stem| stem.to_str()).unwrap_or(DATABASE_NAME).to_owned();
    let Some(rest) = database.strip_prefix("s3://") else {
        let file = PathBuf::from(database);
        if !file.is_file() {
            let message =
                format!("the database {database} is not a file: give a path or an s3:// URI (--database)");
            return Err(Failure::new(Kind::Usage, message));
        }
        return Ok(Database { file, name });
    };
    let Some((bucket, key)) = rest.split_once('/').filter(|(_, key)| !key.is_empty()) else {
        return Err(Failure::new(
            Kind::Usage,
            format!("{database} is not of the form s3://bucket/key (--database)"),
        ));
    };
    // The database may lie in somebody else's bucket: the expected owner is the table's.
    let store = Store::open(aws, bucket, StoreOptions::default(), context.caller().clone())?;
    let file = scratch.database();
    let mut target = tokio::fs::File::create(&file)
        .await
        .or_fail(Kind::Configuration, || format!("creating {} (--scratch)", file.display()))?;
    let fetched = store.download(key, &mut target).await.map_err(|error| match error {
        lakeward_store::StoreError::NoSuchKey { .. } => {
            Failure::new(Kind::Usage, format!("{database} does not exist"))
        }
        error => error.into(),
    });
    let bytes = fetched.doing(|| format!("fetching the database {database}"))?;
    tracing::info!(bytes, database, "fetched the database");
    Ok(Database { file, name })
}
