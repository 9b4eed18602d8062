//! One port for both services: accepting, routing, and the faults around every request.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use s3s::{Body, S3Error, S3ErrorCode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin;
use crate::call::{Call, Service, json_target};
use crate::details;
use crate::faults::{Fault, Faults, Verdict, When};
use crate::glue::{self, Catalog, GlueError, GlueResult, batch_errors};
use crate::journal::{Journal, Outcome};
use crate::options::Credentials;

const AWS_JSON: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
/// How long requests in flight may take to end when the lake is shut down.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// What every request needs.
pub(crate) struct Server {
    pub(crate) s3: S3Service,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) credentials: Credentials,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped without an answer")]
struct Dropped;

/// Serves until `stop` turns true, then lets requests in flight end.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(&server), stream, stop.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_PATIENCE, ended).await.is_err() {
        tracing::warn!("requests still in flight were cut off");
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone stops the server as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(server: Arc<Server>, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        // A task of its own: a request that has arrived is carried out even if its client hangs up.
        let handled = tokio::spawn(handle(Arc::clone(&server), request));
        async move { handled.await.unwrap_or(Err(Dropped)) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// A request whose body has or has not been read.
struct Arrived {
    parts: Parts,
    body: Body,
    /// The members of a request in AWS JSON, and its bytes for the signature.
    json: Option<(Bytes, Value)>,
    call: Call,
}

async fn handle(server: Arc<Server>, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (parts, body) = request.into_parts();
    if parts.uri.path().starts_with(admin::PATH_PREFIX) {
        let body = collected(body).await?;
        let (method, path) = (&parts.method, parts.uri.path());
        let (status, answer) = admin::answer(method, path, &body, &server.faults, &server.journal);
        return Ok(json_response(status, "application/json", &answer));
    }
    let arrived = arrive(parts, body).await?;
    let call = arrived.call.clone();
    let faults = server.faults.befalling(&call);
    let sequence = server.journal.begin(call.clone(), faults.iter().map(Fault::id).collect());
    let answered = server.carry_out(arrived, &faults).await.map(|mut response| {
        if let Ok(id) = HeaderValue::from_str(&sequence.to_string()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    });
    let outcome = match &answered {
        Ok(response) => Outcome::Answered { status: response.status().as_u16() },
        Err(Dropped) => Outcome::Dropped,
    };
    server.journal.end(sequence, outcome);
    answered
}

async fn arrive(parts: Parts, body: Incoming) -> Result<Arrived, Dropped> {
    let Some(target) = json_target(&parts).map(str::to_owned) else {
        let mut call = Call::of_s3(&parts);
        let body = if call.operation == "DeleteObjects" {
            let bytes = collected(body).await?;
            call.details.objects = details::deleted(&bytes);
            bytes.into()
        } else {
            body.into()
        };
        return Ok(Arrived { parts, body, json: None, call });
    };
    let bytes = collected(body).await?;
    let members = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let call = Call::of_glue(&parts, &target, &members);
    Ok(Arrived { parts, body: Body::empty(), json: Some((bytes, members)), call })
}

async fn collected<B>(body: B) -> Result<Bytes, Dropped>
where
    B: hyper::body::Body<Data = Bytes>,
{
    body.collect().await.map(http_body_util::Collected::to_bytes).map_err(|_| Dropped)
}

impl Server {
    /// Carries out a request between the faults that befall it.
    async fn carry_out(&self, mut arrived: Arrived, faults: &[Fault]) -> Result<Response<Body>, Dropped> {
        let call = arrived.call.clone();
        if !faults.is_empty() {
            // All of it is here before a fault makes it wait: its client may hang up meanwhile.
            arrived.body = collected(arrived.body).await?.into();
        }
        let mut item_errors = Vec::new();
        // The batch as it was sent: a fault after it may tell errors of items that were done.
        let sent = arrived.json.as_ref().map(|(_, members)| members.clone()).unwrap_or_default();
        for fault in faults {
            match fault.run(When::Before, &call).await {
                Verdict::GoOn => {}
                Verdict::Refuse { status, code } => return refusal(call.service, status, &code),
                Verdict::FailItems { every, code } => {
                    item_errors.extend(fail_items(fault, &call, &sent, every, &code));
                    arrived.json.iter_mut().for_each(|(_, members)| {
                        batch_errors::leave_out(&call.operation, members, every);
                    });
                }
                Verdict::Drop => return Err(Dropped),
            }
        }
        let mut response = self.dispatch(arrived).await?;
        for fault in faults {
            match fault.run(When::After, &call).await {
                Verdict::GoOn => {}
                Verdict::Refuse { status, code } => response = refusal(call.service, status, &code)?,
                Verdict::FailItems { every, code } => {
                    item_errors.extend(fail_items(fault, &call, &sent, every, &code));
                }
                Verdict::Drop => return Err(Dropped),
            }
        }
        if item_errors.is_empty() { Ok(response) } else { with_item_errors(response, item_errors).await }
    }

    async fn dispatch(&self, arrived: Arrived) -> Result<Response<Body>, Dropped> {
        let Arrived { parts, body, json, call } = arrived;
        match json {
            None => {
                let answered = self.s3.call(Request::from_parts(parts, body)).await;
                answered.map_err(|error| {
                    tracing::error!(?error, "the S3 side failed");
                    Dropped
                })
            }
            Some((bytes, members)) => {
                let answered = self.call_glue(&parts, &bytes, members, &call);
                Ok(answered.map_or_else(
                    |error| glue_error(&error),
                    |answer| json_response(StatusCode::OK, AWS_JSON, &answer),
                ))
            }
        }
    }

    fn call_glue(&self, parts: &Parts, bytes: &[u8], members: Value, call: &Call) -> GlueResult<Value> {
        if !json_target(parts).is_some_and(|target| target.starts_with(glue::TARGET_PREFIX)) {
            return Err(GlueError::unknown_operation(&call.operation));
        }
        glue::check_signature(&parts.headers, bytes, &self.credentials)?;
        self.catalog.call(&call.operation, members)
    }
}

/// The errors of the items that a fault chooses from a batch.
fn fail_items(fault: &Fault, call: &Call, sent: &Value, every: usize, code: &str) -> Vec<Value> {
    let errors = batch_errors::errors(&call.operation, sent, every, code);
    fault.failed(errors.len());
    errors
}

/// An error that a fault ordered, in the service's own form.
fn refusal(service: Service, status: u16, code: &str) -> Result<Response<Body>, Dropped> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = "refused by a fault of the local lake";
    match service {
        Service::Glue => Ok(glue_error(&GlueError::new(status, code, message))),
        Service::S3 => {
            let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
            let mut error = S3Error::with_message(code, message);
            error.set_status_code(status);
            error.to_http_response().map_err(|_| Dropped)
        }
    }
}

/// The answer of a batch, with more items that failed.
async fn with_item_errors(response: Response<Body>, errors: Vec<Value>) -> Result<Response<Body>, Dropped> {
    let (parts, body) = response.into_parts();
    let mut answer = serde_json::from_slice(&collected(body).await?).map_err(|_| Dropped)?;
    batch_errors::add(&mut answer, errors);
    Ok(json_response(parts.status, AWS_JSON, &answer))
}

fn glue_error(error: &GlueError) -> Response<Body> {
    json_response(error.status, AWS_JSON, &json!({ "__type": error.code, "Message": error.message }))
}

fn json_response(status: StatusCode, content_type: &'static str, answer: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
