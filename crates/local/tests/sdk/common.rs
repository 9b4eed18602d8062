//! A lake with one bucket and one table, and clients for it.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_glue::types::{DatabaseInput, TableInput};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{AppName, BehaviorVersion, Region};
use lakeward_local::{LocalLake, Options};

pub(crate) const BUCKET: &str = "lake";
pub(crate) const DATABASE: &str = "db";
pub(crate) const TABLE: &str = "orders";

pub(crate) struct Clients {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) glue: aws_sdk_glue::Client,
}

pub(crate) async fn start(options: Options) -> (LocalLake, Clients) {
    let lake = LocalLake::start(Options { buckets: vec![BUCKET.into()], ..options }).await.unwrap();
    let clients = clients_of(&lake, "lakeward-test");
    (lake, clients)
}

/// Clients that never retry and call themselves `app`.
pub(crate) fn clients_of(lake: &LocalLake, app: &'static str) -> Clients {
    let key = lake.credentials();
    let credentials =
        || Credentials::new(key.access_key_id.as_str(), key.secret_access_key.as_str(), None, None, "test");
    let http = || aws_smithy_http_client::Builder::new().build_http();
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(lake.endpoint())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .app_name(AppName::new(app).unwrap())
        .http_client(http())
        .build();
    let glue = aws_sdk_glue::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(lake.endpoint())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .app_name(AppName::new(app).unwrap())
        .http_client(http())
        .build();
    Clients { s3: aws_sdk_s3::Client::from_conf(s3), glue: aws_sdk_glue::Client::from_conf(glue) }
}

impl Clients {
    pub(crate) async fn put(&self, key: &str, body: &str) -> Result<(), String> {
        let put = self.s3.put_object().bucket(BUCKET).key(key).body(body.as_bytes().to_vec().into());
        put.send().await.map(drop).map_err(|error| format!("{error:?}"))
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let got = self.s3.get_object().bucket(BUCKET).key(key).send().await.ok()?;
        String::from_utf8(got.body.collect().await.unwrap().to_vec()).ok()
    }

    pub(crate) async fn create_table(&self) {
        let input = DatabaseInput::builder().name(DATABASE).build().unwrap();
        self.glue.create_database().database_input(input).send().await.unwrap();
        self.glue.create_table().database_name(DATABASE).table_input(input_of("first")).send().await.unwrap();
    }

    pub(crate) async fn comment(&self) -> String {
        let got = self.glue.get_table().database_name(DATABASE).name(TABLE).send().await.unwrap();
        got.table.unwrap().description.unwrap()
    }
}

pub(crate) fn input_of(comment: &str) -> TableInput {
    TableInput::builder().name(TABLE).description(comment).build().unwrap()
}

/// Waits for what happens on its own, and fails when it does not within seconds.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.unwrap()
}
