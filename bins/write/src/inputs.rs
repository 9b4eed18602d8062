//! What the query runs in: the session, the attached database, variables, credentials for remote inputs, and the
//! plan that refuses what cannot be published before a row is computed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lakeward_aws::SdkConfig;
use lakeward_cli::{Context, Unit};
use lakeward_engine::{
    EngineError, Limits, Plan, S3Access, S3Secrets, Session, SessionOptions, TableShape, needs_httpfs,
};
use lakeward_outcome::{Failure, FailureExt, Kind, ResultExt};
use lakeward_store::{Store, StoreOptions};

use crate::args::ResourceArgs;
use crate::job::Job;
use crate::scratch::Scratch;

/// The name of an attached database whose file name gives none.
const DATABASE_NAME: &str = "source";
/// How long before temporary credentials end new ones are fetched.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// The shortest wait between two renewals, for sources that give credentials which end sooner than that.
const RENEW_AT_LEAST: Duration = Duration::from_secs(30);

/// A session in which the query only has to be run.
pub(crate) struct Prepared {
    pub(crate) session: Session,
    pub(crate) plan: Plan,
}

/// Opens the session, makes the inputs reachable, and plans the query without running it.
pub(crate) async fn prepare(
    aws: &SdkConfig,
    job: &Job,
    resources: &ResourceArgs,
    scratch: &Scratch,
    context: &Context,
) -> Result<Prepared, Failure> {
    let database = match &job.request.database {
        Some(database) => Some(fetch_database(aws, database, scratch, context).await?),
        None => None,
    };
    let texts = [Some(job.request.sql.as_str()), job.init_sql.as_deref()];
    let access = if needs_httpfs(texts.into_iter().flatten()) { Some(s3_access(aws).await?) } else { None };
    let setup = Setup {
        options: SessionOptions {
            limits: limits(resources),
            scratch: scratch.engine(),
            extension_dir: job.extension_dir.clone(),
        },
        database,
        access,
        job: job.clone(),
    };
    let (prepared, secrets) = blocking(move || setup.open()).await?;
    if let Some(secrets) = secrets {
        tokio::spawn(renew_credentials(aws.clone(), secrets));
    }
    Ok(prepared)
}

/// DuckDB's share of the container: its limit, less what the uploads hold in memory.
fn limits(resources: &ResourceArgs) -> Limits {
    let uploads = resources.part_size.saturating_mul(resources.uploads.into());
    let threads = resources.threads.and_then(|threads| usize::try_from(threads).ok());
    Limits::detect(uploads).overridden(resources.memory_limit, threads)
}

/// Everything that opening the session needs, gathered so that a blocking thread can own it.
struct Setup {
    options: SessionOptions,
    database: Option<Database>,
    access: Option<S3Access>,
    job: Job,
}

impl Setup {
    fn open(self) -> Result<(Prepared, Option<S3Secrets>), EngineError> {
        let session = Session::open(self.options)?;
        session.load_extensions()?;
        let secrets = match &self.access {
            Some(access) => {
                session.require_httpfs()?;
                let secrets = session.s3_secrets()?;
                secrets.set(access)?;
                Some(secrets)
            }
            None => None,
        };
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
        let table = &self.job.table;
        let shape = TableShape { partition_by: table.partition_by.clone(), sort_by: table.sort_by.clone() };
        let plan = session.plan(&self.job.request.sql, &shape)?;
        Ok((Prepared { session, plan }, secrets))
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
    context.progress("database", bytes, Unit::Bytes).finish();
    Ok(Database { file, name })
}

/// What DuckDB's httpfs needs to reach S3 as the SDK does.
async fn s3_access(aws: &SdkConfig) -> Result<S3Access, Failure> {
    let credentials = lakeward_aws::credentials(aws).await?;
    Ok(access_with(aws, credentials))
}

fn access_with(aws: &SdkConfig, credentials: lakeward_aws::Credentials) -> S3Access {
    let endpoint = lakeward_aws::endpoint(aws, "S3");
    S3Access {
        key_id: credentials.access_key_id,
        secret: credentials.secret_access_key,
        session_token: credentials.session_token,
        region: lakeward_aws::region(aws).ok().map(str::to_owned),
        path_style: endpoint.is_some(),
        endpoint,
    }
}

/// Hands DuckDB new credentials before temporary ones end, for as long as the step runs.
async fn renew_credentials(aws: SdkConfig, secrets: S3Secrets) {
    loop {
        let renewed = match lakeward_aws::credentials(&aws).await {
            Ok(credentials) => credentials,
            Err(error) => {
                tracing::warn!(%error, "credentials for DuckDB could not be renewed: trying again");
                tokio::time::sleep(RENEW_AT_LEAST).await;
                continue;
            }
        };
        let Some(expires) = renewed.expires else { return };
        if secrets.set(&access_with(&aws, renewed)).is_err() {
            tracing::warn!("DuckDB did not take renewed credentials");
        }
        let left = expires.elapsed().err().map_or(Duration::ZERO, |ahead| ahead.duration());
        tokio::time::sleep(left.saturating_sub(RENEW_BEFORE).max(RENEW_AT_LEAST)).await;
    }
}

/// Runs DuckDB's synchronous work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(crashed) => Err(Failure::from_error(Kind::Unexpected, crashed)),
    }
}
