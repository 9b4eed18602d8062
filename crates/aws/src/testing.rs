//! A scripted AWS: hand-made HTTP answers, given to the real SDK clients.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::{Caller, Cancel, RetryPolicy};

/// A request as the SDK sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The HTTP method.
    pub method: String,
    /// The whole URI, query included.
    pub uri: String,
    /// The headers, by lowercase name.
    pub headers: BTreeMap<String, String>,
    /// The body, as text; empty when it was streamed.
    pub body: String,
}

impl Seen {
    /// The operation of a JSON API (`UpdateTable`), from its target header.
    pub fn target(&self) -> &str {
        self.headers.get("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }
}

/// What the script answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An HTTP answer.
    Answer {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The request arrives and the answer is lost.
    Lost,
    /// The connection is refused.
    Refused,
    /// No answer ever comes.
    Silence,
}

impl Reply {
    /// An answer with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// An error of an XML API such as S3.
    pub fn xml_error(status: u16, code: &str) -> Self {
        Self::new(status, format!("<Error><Code>{code}</Code><Message>about {code}</Message></Error>"))
    }

    /// An error of a JSON API such as Glue.
    pub fn json_error(status: u16, code: &str) -> Self {
        Self::new(status, format!(r#"{{"__type":"{code}","Message":"about {code}"}}"#))
    }
}

type Answering = dyn Fn(&Seen) -> Reply + Send + Sync;

/// An HTTP client that answers from a script and remembers what it was asked.
#[derive(Clone)]
pub struct Script {
    answer: Arc<Answering>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Script {
    /// Answers one request after the other; a request beyond the last reply is answered with 418.
    pub fn in_order(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::answering(move |_| {
            let next = replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            next.unwrap_or_else(|| Reply::xml_error(418, "BeyondTheScript"))
        })
    }

    /// Answers each request by `answer`, for requests whose order is not known.
    pub fn answering(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default() }
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An SDK configuration whose every call goes to this script.
    pub fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::new("AKIDTEST", "secret-of-the-test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let seen = Seen {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        };
        let reply = (self.answer)(&seen);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        match reply {
            Reply::Silence => HttpConnectorFuture::new(std::future::pending()),
            reply => HttpConnectorFuture::ready(respond(reply)),
        }
    }
}

fn respond(reply: Reply) -> Result<HttpResponse, ConnectorError> {
    let failed = |kind| Err(ConnectorError::io(io::Error::from(kind).into()));
    match reply {
        Reply::Answer { status, headers, body } => {
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        }
        Reply::Refused => failed(io::ErrorKind::ConnectionRefused),
        Reply::Lost | Reply::Silence => failed(io::ErrorKind::ConnectionReset),
    }
}

/// A caller that retries as in life, but hardly waits.
pub fn caller() -> Caller {
    let policy = RetryPolicy {
        patience: Duration::from_secs(5),
        base: Duration::from_millis(2),
        cap: Duration::from_millis(8),
    };
    Caller::new(policy, Cancel::new())
}
