use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::limits::Limits;
use crate::testing::{Bench, MIB, extension_dir};

fn access(key_id: &str, endpoint: &str) -> S3Access {
    S3Access {
        key_id: key_id.to_owned(),
        secret: format!("secret-of-{key_id}'"),
        session_token: Some(format!("token-of-{key_id}")),
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        path_style: true,
    }
}

fn bench() -> Bench {
    let bench = Bench::with(Limits { memory_bytes: 256 * MIB, threads: 1 }, Some(extension_dir()));
    bench.session.require_httpfs().unwrap();
    bench
}

#[test]
fn secrets_are_in_no_debug_text_and_no_error() {
    let shown = format!("{:?}", access("AKIA", "http://x"));
    assert!(!shown.contains("AKIA"), "{shown}");
    let without_httpfs = Bench::new();
    let error = without_httpfs.session.s3_secrets().unwrap().set(&access("AKIA", "http://x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration);
    assert!(!format!("{error} {error:?}").contains("AKIA"), "{error}");
}

#[test]
fn an_endpoint_is_taken_apart() {
    assert_eq!(host_of("http://127.0.0.1:8333/"), ("127.0.0.1:8333", false));
    assert_eq!(host_of("HTTPS://s3.example.org"), ("s3.example.org", true));
    assert_eq!(host_of("s3.example.org"), ("s3.example.org", true));
}

/// Answers every request from `files`, after `seen` was told its path and its access key.
fn serve(files: Vec<(String, Vec<u8>)>, seen: impl Fn(&str, &str) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::new((files, seen));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || while answer(&stream, &shared.0, &shared.1).is_some() {});
        }
    });
    endpoint
}

fn answer(mut stream: &TcpStream, files: &[(String, Vec<u8>)], seen: &impl Fn(&str, &str)) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    let (method, path) = request.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header =
        |name: &str| headers.iter().find_map(|line| Some(line.split_once(": ")?).filter(|h| h.0 == name));
    let key = header("Authorization").map_or("", |h| h.1).split("Credential=").nth(1).unwrap_or("");
    seen(path, key.split('/').next().unwrap_or(""));
    let Some((_, body)) = files.iter().find(|(name, _)| path == name) else {
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok()?;
        return Some(());
    };
    let range = header("Range").and_then(|h| h.1.strip_prefix("bytes=")?.split_once('-'));
    let (first, last) = range.map_or((0, body.len() - 1), |(first, last)| {
        (first.parse().unwrap(), last.parse().unwrap_or(body.len() - 1).min(body.len() - 1))
    });
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let part = &body[first..=last];
    let size = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\
         Accept-Ranges: bytes\r\nETag: \"x\"\r\n\r\n",
        part.len()
    )
    .ok()?;
    if method == "GET" {
        stream.write_all(part).ok()?;
    }
    Some(())
}

#[test]
fn credentials_that_change_while_a_query_runs_are_used_for_the_next_file() {
    let bench = bench();
    let (_, files) = bench.publish("SELECT 1 AS a", &crate::TableShape::default());
    let body = std::fs::read(bench.out().join(&files[0].relative_path)).unwrap();
    let objects: Vec<(String, Vec<u8>)> = (0..6).map(|n| (format!("/lake/{n}"), body.clone())).collect();
    let secrets = Mutex::new((bench.session.s3_secrets().unwrap(), String::new()));
    let keys = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::new(secrets);
    let (told, renewing) = (Arc::clone(&keys), Arc::clone(&shared));
    let endpoint = serve(objects, move |path, key| {
        told.lock().unwrap().push((path.to_owned(), key.to_owned()));
        if path == "/lake/3" {
            let secrets = renewing.lock().unwrap();
            secrets.0.set(&access("SECOND", &secrets.1)).unwrap();
        }
    });
    shared.lock().unwrap().1.clone_from(&endpoint);
    shared.lock().unwrap().0.set(&access("FIRST", &endpoint)).unwrap();
    let urls: Vec<String> = (0..6).map(|n| format!("'s3://lake/{n}'")).collect();
    let sum = format!("SELECT sum(a) FROM read_parquet([{}])", urls.join(", "));
    assert_eq!(bench.value(&sum).unwrap(), "6");
    let keys = keys.lock().unwrap();
    let of = |path: &str| &keys.iter().find(|(seen, _)| seen == path).unwrap().1;
    assert_eq!((of("/lake/0").as_str(), of("/lake/5").as_str()), ("FIRST", "SECOND"), "{keys:?}");
}

#[test]
fn a_missing_object_and_an_unreachable_endpoint_are_told_apart() {
    let bench = bench();
    bench.session.init_sql("SET http_retries = 0").unwrap();
    let secrets = bench.session.s3_secrets().unwrap();
    secrets.set(&access("KEY", &serve(Vec::new(), |_, _| {}))).unwrap();
    let missing = bench.session.count_offending("FROM read_parquet('s3://lake/none')").unwrap_err();
    assert_eq!(missing.kind(), Kind::Usage, "{missing}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    secrets.set(&access("KEY", &format!("http://{closed}"))).unwrap();
    let unreachable = bench.session.count_offending("FROM read_parquet('s3://lake/none')").unwrap_err();
    assert_eq!(unreachable.kind(), Kind::Transient, "{unreachable}");
}
