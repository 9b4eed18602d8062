//! Secrets are planted wherever there may be some, and looked for wherever anything is told or kept.

use anyhow::{Result, ensure};
use lakeward_local::Credentials;
use lakeward_outcome::Kind;
use lakeward_tests::backend::Backend;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, Run};

use crate::story::{REPLICA, SQL, Story};

/// Part of every planted secret, and of nothing else.
const PLANTED: &str = "PLANTED";
const KEY: &str = "PLANTED-secret-access-key";
const TOKEN: &str = "PLANTED-session-token";
const INIT: &str = "CREATE SECRET mine (TYPE s3, KEY_ID 'k', SECRET 'PLANTED-init', SCOPE 's3://elsewhere')";

async fn lake() -> Result<Lake> {
    let access_key_id = Credentials::default().access_key_id;
    Lake::with(Credentials { access_key_id, secret_access_key: KEY.to_owned() }).await
}

/// Everything in S3 and Glue as text.
async fn kept(lake: &Lake) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for bucket in [lake.backend().bucket(), REPLICA] {
        let backend: Backend = lake.backend().in_bucket(bucket);
        for key in backend.keys("").await? {
            all.push(format!("{key} {}", String::from_utf8_lossy(&backend.get(&key).await?)));
        }
    }
    let (glue, database) = (lake.backend().glue(), lake.backend().database());
    let tables = glue.get_tables().database_name(database).send().await?;
    for table in tables.table_list() {
        all.push(format!("{table:?}"));
        let partitions =
            glue.get_partitions().database_name(database).table_name(table.name()).send().await?;
        all.push(format!("{partitions:?}"));
        let versions =
            glue.get_table_versions().database_name(database).table_name(table.name()).send().await?;
        all.push(format!("{versions:?}"));
    }
    Ok(all)
}

fn ensure_clean<'t>(texts: impl IntoIterator<Item = &'t String>) -> Result<usize> {
    let mut looked_at = 0;
    for text in texts {
        looked_at += 1;
        if let Some(at) = text.find(PLANTED) {
            let around: String = text.chars().skip(at.saturating_sub(300)).take(400).collect();
            anyhow::bail!("a secret is told or kept: {around}");
        }
    }
    Ok(looked_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_or_kept_whatever_happens() -> Result<()> {
    let lake = lake().await?;
    let results = lake.backend().folder().join("result.json");
    let results = results.to_string_lossy().into_owned();
    let env = [
        ("LAKEWARD_LOG", "trace"),
        ("AWS_SESSION_TOKEN", TOKEN),
        ("LAKEWARD_INIT_SQL", INIT),
        ("LAKEWARD_RESULT_PATH", &results),
    ];
    let mut story = Story::new(&lake, &env);
    story.play().await?;
    let table = lake.backend().table("failing");
    let run = Run::of(story.succeeds(&table.write(DAYS[0], SQL)).await?)?;
    let no_input = format!("SELECT * FROM read_parquet('s3://{}/none/*.parquet')", lake.backend().bucket());
    for sql in ["SELEC 1", "SELECT CAST('x' || i AS INTEGER) AS n FROM range(3) t(i)", &no_input] {
        story.run(&table.write(DAYS[1], sql)).await?;
    }
    ensure_clean(&story.told)?;
    // The same with the key denied, the endpoint gone and the log in text.
    let steps = [table.register(&run), table.verify(&run), table.swap(&run), table.gc(), table.status()];
    for step in steps {
        let step = step.args(["--log-format=text", "--patience=1s"]);
        story.fails(Kind::Configuration, &step.clone().env("AWS_SECRET_ACCESS_KEY", "PLANTED-wrong")).await?;
        story.run(&step.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")).await?;
    }
    ensure_clean(&story.told)?;
    let looked_at = ensure_clean(&kept(&lake).await?)?;
    ensure!(looked_at > 20 && story.told.len() > 100, "there was little to look at");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn init_sql_that_fails_does_not_tell_its_text() -> Result<()> {
    let lake = lake().await?;
    let mut story = Story::new(&lake, &[("LAKEWARD_LOG", "trace")]);
    let table = lake.backend().table("orders");
    for init in [
        "CREATE SECRET mine (TYPE s3, SECRET 'PLANTED-init' oops",
        "CREATE SECRET mine (TYPE nonsense, SECRET 'PLANTED-init')",
        "SELECT CAST('PLANTED-init' AS INTEGER)",
        "ATTACH 'postgres://user:PLANTED-init@127.0.0.1/x' AS p (TYPE postgres)",
        "FROM 'PLANTED-init.parquet'",
    ] {
        let by_flag = table.write(DAYS[0], SQL).args(["--init-sql", init]);
        let by_variable = table.write(DAYS[0], SQL).env("LAKEWARD_INIT_SQL", init);
        for step in [by_flag, by_variable] {
            let ended = story.run(&step).await?;
            ensure!(ended.code != Some(0), "{init} has succeeded");
        }
    }
    ensure_clean(&story.told)?;
    lake.local().create_bucket(REPLICA)?;
    ensure_clean(&kept(&lake).await?).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_with_a_password_is_refused_without_telling_it() -> Result<()> {
    let lake = lake().await?;
    let mut story = Story::new(&lake, &[("LAKEWARD_LOG", "trace")]);
    let table = lake.backend().table("orders");
    let run = table.registered(&table.write(DAYS[0], SQL)).await?;
    for endpoint in ["http://user:PLANTED@127.0.0.1:1/", "user:PLANTED@s3.example.com", "http://PLANTED:@h"] {
        for variable in [
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL_GLUE",
            "AWS_ENDPOINT_URL_STS",
            "AWS_ENDPOINT_URL_SSO",
            "AWS_ENDPOINT_URL_SSO_OIDC",
        ] {
            for step in crate::every_program(&table, &run, SQL) {
                let told = story.fails(Kind::Configuration, &step.env(variable, endpoint)).await?;
                ensure!(told.contains("user name or password"), "{told}");
            }
        }
    }
    ensure_clean(&story.told).map(drop)
}

/// An address with all that may be secret in one.
const OBSERVER: &str = "http://user:PLANTED-password@127.0.0.1:1/PLANTED-path?key=PLANTED-query#PLANTED";

/// Who observes the steps, and by which secrets.
fn observers() -> [[(&'static str, &'static str); 4]; 4] {
    let (endpoint, headers) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS");
    let (lineage, key) = ("OPENLINEAGE_URL", "OPENLINEAGE_API_KEY");
    let headers_of_one = "authorization=Bearer PLANTED-header,x-key=PLANTED-header";
    [
        [(endpoint, OBSERVER), (headers, headers_of_one), (lineage, OBSERVER), (key, "PLANTED-key")],
        [
            (endpoint, "user:PLANTED@collector:4318"),
            (headers, headers_of_one),
            (lineage, "ftp://user:PLANTED@host/PLANTED"),
            (key, "PLANTED-key"),
        ],
        // What cannot be a header.
        [
            (endpoint, OBSERVER),
            (headers, "PLANTED header=PLANTED\u{1}header,PLANTED"),
            (lineage, OBSERVER),
            (key, "PLANTED\u{1}key"),
        ],
        [
            (endpoint, "http://127.0.0.1:1"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", OBSERVER),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "PLANTED is no URL"),
            (lineage, "http://user:PLANTED@[no host]/"),
        ],
    ]
}

/// What every program tells, when it succeeds, fails and is given a wrong command line, under these observers.
async fn told_to(lake: &Lake, name: &str, observers: &[(&'static str, &'static str)]) -> Result<Vec<String>> {
    let env = [&[("LAKEWARD_LOG", "trace"), ("LAKEWARD_PATIENCE", "1s")], observers].concat();
    let mut story = Story::new(lake, &env);
    let metrics = lake.backend().folder().join(format!("{name}.prom"));
    let log = lake.backend().file(&format!("{name}.log"), "")?;
    let table = lake.backend().table(name);
    let run = table.verified(&table.write(DAYS[0], SQL)).await?;
    for step in crate::every_program(&table, &run, SQL) {
        let step = step.arg("--metrics-file").arg(&metrics).arg("--termination-log").arg(&log);
        let unreachable = step.clone().env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
        for step in [step.clone(), unreachable, step.arg("--no-such-flag")] {
            let ended = story.run(&step).await?;
            let is_warned = ended.stderr.contains("told to") || ended.code == Some(2);
            ensure!(is_warned, "nobody was to be told: {}", ended.stderr);
            story.told.extend([std::fs::read_to_string(&metrics)?, std::fs::read_to_string(&log)?]);
        }
    }
    Ok(story.told)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_those_who_are_told_is_told_or_kept() -> Result<()> {
    let lake = lake().await?;
    let observers = observers();
    // At once: an exporter takes its time before it gives up.
    let told = observers.iter().enumerate().map(|(index, observers)| {
        let lake = &lake;
        async move { told_to(lake, &format!("observed_{index}"), observers).await }
    });
    let told = futures::future::try_join_all(told).await?.concat();
    lake.local().create_bucket(REPLICA)?;
    ensure_clean(told.iter().chain(&kept(&lake).await?))?;
    ensure!(told.len() > 100, "there was little to look at");
    Ok(())
}
