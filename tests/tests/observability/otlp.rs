//! Traces and metrics by OTLP.

use anyhow::{Context as _, Result, ensure};
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, IN_PARTS, LARGE, Run};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio::net::TcpSocket;

use crate::collector::{Collector, Manner, Number, Seen};
use crate::{LONGEST, SQL, time};

fn watched(step: Step, collector: &Collector) -> Step {
    step.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
}

fn named<'s>(spans: &'s [Seen], name: &str) -> Result<&'s Seen> {
    let found = spans.iter().find(|seen| seen.span.name == name);
    let names = || spans.iter().map(|seen| seen.span.name.as_str()).collect::<Vec<_>>();
    found.with_context(|| format!("there is no span {name} among {:?}", names()))
}

/// The names of a span's ancestors, itself first.
fn path(spans: &[Seen], of: &Seen) -> Vec<String> {
    let mut path = vec![of.span.name.clone()];
    let mut parent = &of.span.parent_span_id;
    while let Some(seen) = spans.iter().find(|seen| seen.span.span_id == *parent) {
        path.push(seen.span.name.clone());
        parent = &seen.span.parent_span_id;
    }
    path
}

fn is_error(seen: &Seen) -> bool {
    seen.span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_run_are_one_trace_of_their_phases_and_calls() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let collector = Collector::start(Manner::Answers(200)).await?;
    let write = table.write(DAYS[0], LARGE).args(IN_PARTS);
    let run = Run::of(watched(write, &collector).succeeds().await?)?;
    for step in [table.register(&run), table.verify(&run), table.swap(&run)] {
        watched(step, &collector).succeeds().await?;
    }
    let spans = collector.spans()?;
    let trace = &spans[0].span.trace_id;
    ensure!(spans.iter().all(|seen| seen.span.trace_id == *trace), "more than one trace");
    let part = named(&spans, "S3.UploadPart")?;
    assert_eq!(path(&spans, part), ["S3.UploadPart", "upload", "ship", "lakeward-write"]);
    let change = named(&spans, "Glue.UpdateTable")?;
    assert_eq!(path(&spans, change), ["Glue.UpdateTable", "change", "lakeward-swap"]);
    let of_service = (change.attribute("rpc.service"), change.attribute("rpc.method"));
    assert_eq!(of_service, (Some("Glue".to_owned()), Some("UpdateTable".to_owned())));
    // No span hangs in the air, and no other than the steps has no parent.
    for seen in &spans {
        let root = path(&spans, seen).pop().unwrap_or_default();
        ensure!(root.starts_with("lakeward-"), "{root} has no parent");
    }
    let write = named(&spans, "lakeward-write")?;
    assert_eq!(write.attribute("lakeward.run").as_ref(), Some(&run.id));
    assert_eq!(write.attribute("lakeward.table"), Some(table.glue_name()));
    assert_eq!(write.attribute("lakeward.rows").as_deref(), Some("1000000"));
    let upload = named(&spans, "upload")?.attribute("lakeward.bytes");
    assert_eq!(upload, Some(run.written["bytes"].to_string()));
    ensure!(write.resource["service.name"] == "lakeward" && !spans.iter().any(is_error));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_joins_the_trace_that_it_is_given() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let collector = Collector::start(Manner::Answers(200)).await?;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let write = watched(table.write(DAYS[0], SQL), &collector).env("TRACEPARENT", parent);
    let service = write.env("OTEL_SERVICE_NAME", "orders").env("OTEL_RESOURCE_ATTRIBUTES", "team=shop");
    service.succeeds().await?;
    let spans = collector.spans()?;
    let write = named(&spans, "lakeward-write")?;
    let trace = u128::from_be_bytes(write.span.trace_id.as_slice().try_into()?);
    let parent = u64::from_be_bytes(write.span.parent_span_id.as_slice().try_into()?);
    assert_eq!((trace, parent), (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7));
    ensure!(write.resource["service.name"] == "orders" && write.resource["team"] == "shop");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_and_its_retries_are_told() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let collector = Collector::start(Manner::Answers(200)).await?;
    let run = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    let refuse = |status, code: &str| Effect::Refuse { status, code: code.to_owned() };
    let create = |effect| Rule::new(When::Before, effect).operation("CreateTable");
    lake.faults().set(create(refuse(400, "ThrottlingException")).times(2));
    lake.faults().set(create(refuse(400, "AccessDeniedException")).nth(3));
    let register = watched(table.register(&run), &collector);
    register.is_refused(Kind::Configuration, &["glue:CreateTable"]).await?;
    let spans = collector.spans()?;
    let create = named(&spans, "Glue.CreateTable")?;
    ensure!(is_error(create) && create.attribute("error.type").as_deref() == Some("Denied"), "{create:?}");
    assert_eq!(create.attribute("lakeward.tries").as_deref(), Some("3"));
    let retries = create.span.events.iter().filter(|event| event.name == "trying again").count();
    assert_eq!(retries, 2, "{:?}", create.span.events);
    let register = named(&spans, "lakeward-register")?;
    ensure!(is_error(register), "{register:?}");
    assert_eq!(register.attribute("lakeward.outcome").as_deref(), Some("configuration"));
    let numbers = collector.numbers()?;
    let number = |metric: &str| {
        let of_create = |number: &&Number| {
            let operation = number.attributes.get("operation");
            number.metric == metric && operation.is_none_or(|operation| operation == "CreateTable")
        };
        numbers.iter().find(of_create).map(|number| number.value)
    };
    assert_eq!(number("lakeward.aws.calls"), Some(3.0));
    assert_eq!(number("lakeward.aws.retries"), Some(2.0));
    assert_eq!(number("lakeward.step.exit_code"), Some(14.0));
    assert_eq!(number("lakeward.run.rows"), Some(100.0));
    Ok(())
}

/// Runs a step with a collector that is of no use, and gives its warnings.
async fn warned(collector: &str, day: &str) -> Result<String> {
    let lake = Lake::start().await?;
    let step = lake.backend().table("orders").write(day, SQL);
    let ended = step.args(["--otlp-endpoint", collector]).run().await?;
    let stderr = ended.stderr.clone();
    ended.into_result()?;
    let lines: Vec<&str> = stderr.lines().collect();
    let [.., before, warning] = lines[..] else { anyhow::bail!("there are no logs: {stderr}") };
    ensure!(!before.contains("otlp-endpoint") && warning.contains("otlp-endpoint"), "{stderr}");
    // Its work has ended by the line before: from there on it does nothing but wait.
    let waited = time(warning)?.duration_since(time(before)?);
    ensure!(waited < LONGEST, "it waited {waited:#}");
    Ok(warning.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_of_no_use_changes_nothing_but_a_warning() -> Result<()> {
    let broken = Collector::start(Manner::Answers(500)).await?;
    let warning = warned(broken.url(), DAYS[0]).await?;
    ensure!(warning.contains("500"), "{warning}");
    // Nobody listens on a port that is held without listening, and nobody else gets it.
    let held = TcpSocket::new_v4()?;
    held.bind("127.0.0.1:0".parse()?)?;
    let port = held.local_addr()?;
    let warning = warned(&format!("http://user:planted@{port}/?key=planted"), DAYS[0]).await?;
    ensure!(warning.contains("refused") && !warning.contains("planted"), "{warning}");
    let warning = warned("user:planted@collector:4317", DAYS[0]).await?;
    ensure!(warning.contains("http://") && !warning.contains("planted"), "{warning}");
    let hanging = Collector::start(Manner::Hangs).await?;
    let warning = warned(hanging.url(), DAYS[0]).await?;
    ensure!(warning.contains(hanging.url()), "{warning}");
    ensure!(!hanging.told("/v1/traces").is_empty(), "it was never asked");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_it_the_second_time_has_missed_nothing() -> Result<()> {
    let lake = Lake::start().await?;
    let collector = Collector::start(Manner::AnswersFirst(503)).await?;
    let write = watched(lake.backend().table("orders").write(DAYS[0], SQL), &collector);
    let ended = write.run().await?;
    let told = collector.told("/v1/traces");
    ensure!(told.len() > 1 && told[0].body == told[1].body, "it was not told again");
    ensure!(!ended.stderr.contains("otlp-endpoint"), "{}", ended.stderr);
    ended.into_result().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_is_told_is_compressed_when_that_is_wanted() -> Result<()> {
    let lake = Lake::start().await?;
    let collector = Collector::start(Manner::Answers(200)).await?;
    let write = watched(lake.backend().table("orders").write(DAYS[0], SQL), &collector);
    let ended = write.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip").run().await?;
    ensure!(!ended.stderr.contains("otlp-endpoint"), "{}", ended.stderr);
    ended.into_result()?;
    let told = [collector.told("/v1/traces"), collector.told("/v1/metrics")].concat();
    ensure!(told.len() >= 2, "only {} requests", told.len());
    for request in told {
        assert_eq!(request.headers["content-encoding"], "gzip");
        ensure!(request.body.starts_with(&[0x1f, 0x8b]), "it is not compressed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_trace() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let collector = Collector::start(Manner::Answers(200)).await?;
    let write = |day, sql| watched(table.write(day, sql), &collector);
    let write = |day, sql| write(day, sql).env("LAKEWARD_INIT_SQL", "SET VARIABLE x = 'planted-in-init'");
    let write = |day, sql| {
        write(day, sql).env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer planted-in-header")
    };
    write(DAYS[0], SQL).succeeds().await?;
    write(DAYS[1], "SELECT nothing").is_refused(Kind::Usage, &[]).await?;
    let keys = lake.backend().env().into_iter().filter(|(name, _)| name.starts_with("AWS_SECRET"));
    let secrets: Vec<String> = keys.map(|(_, secret)| secret).chain(["planted".to_owned()]).collect();
    assert_eq!(secrets.len(), 2);
    let told = [collector.told("/v1/traces"), collector.told("/v1/metrics")].concat();
    ensure!(told.len() >= 4, "only {} requests", told.len());
    for request in told {
        let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        assert_eq!(authorization, Some("Bearer planted-in-header"));
        let body = String::from_utf8_lossy(&request.body);
        ensure!(!secrets.iter().any(|secret| body.contains(secret)), "{body}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_by_the_variables_of_opentelemetry_is_not_told() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let (traces, metrics) = ("/v1/traces", "/v1/metrics");
    for (variables, told) in [
        (&[("OTEL_TRACES_EXPORTER", "none")][..], &[metrics][..]),
        (&[("OTEL_METRICS_EXPORTER", "None")], &[traces]),
        (&[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_METRICS_EXPORTER", "")], &[traces, metrics]),
        (&[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")], &[]),
        (&[("OTEL_SDK_DISABLED", "true")], &[]),
    ] {
        let collector = Collector::start(Manner::Answers(200)).await?;
        let write = watched(table.write(DAYS[0], SQL), &collector).envs(variables.iter().copied());
        let ended = write.run().await?;
        ensure!(!ended.stderr.contains("\"warn\""), "{}", ended.stderr);
        ended.into_result()?;
        for path in [traces, metrics] {
            assert_eq!(!collector.told(path).is_empty(), told.contains(&path), "{path} with {variables:?}");
        }
    }
    Ok(())
}
