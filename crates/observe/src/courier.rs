//! HTTP to those who are told. It is synchronous and bounded in time: it runs on threads that nobody waits for longer than
//! [`BOUND`], and works when the step's own runtime has ended.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_http::{Request, Response};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::Url;

use crate::ObserveError;

/// How long telling may take, all of it together, and with it how much later a step may end for it.
pub const BOUND: Duration = Duration::from_secs(5);
/// As much of an answer as is of interest.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// The address of somebody who is told by HTTP. Shown without what may be secret in it: user, password, path and
/// query.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads an `http://` or `https://` URL.
    ///
    /// # Errors
    /// It is none. The text is not repeated, as a password may be in it.
    pub fn parse(text: &str) -> Result<Self, ObserveError> {
        let url = Url::parse(text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self).ok_or(ObserveError::Address)
    }

    /// The address below this one (`v1/traces`).
    pub(crate) fn below(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        Self(url)
    }

    /// The whole URL.
    pub(crate) fn url(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes requests to an address.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    agent: Agent,
}

impl Courier {
    /// A courier to `address`. Certificates are checked against the system's, proxies are those of the usual variables.
    pub(crate) fn to(address: &Address) -> Self {
        let mut config = Agent::config_builder()
            .timeout_global(Some(BOUND))
            .http_status_as_error(false)
            // Headers may hold a key, which is for nobody else.
            .max_redirects(0)
            .user_agent(concat!("lakeward/", env!("CARGO_PKG_VERSION")));
        if address.0.scheme() == "https" {
            let found = rustls_native_certs::load_native_certs().certs;
            let roots: Vec<_> = found.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
            let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
            config = config.tls_config(tls.build());
        }
        Self { agent: config.build().into() }
    }

    /// Takes one request there, and gives the answer, whatever its status.
    ///
    /// # Errors
    /// There was none within [`BOUND`]: why, in words without the URL.
    pub(crate) fn take(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        let (head, mut body) = self.agent.run(request).map_err(|error| reason(&error))?.into_parts();
        let body = body.with_config().limit(LONGEST_ANSWER).read_to_vec().map_err(|error| reason(&error))?;
        Ok(Response::from_parts(head, body))
    }
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => "the URL is not understood".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        let address = Address::parse("https://user:planted@collector:4318/planted/?key=planted").unwrap();
        let below = address.below("v1/traces");
        for shown in [address.to_string(), format!("{address:?}"), below.to_string()] {
            assert_eq!(shown, "https://collector:4318");
        }
    }

    #[test]
    fn what_is_below_an_address_keeps_its_path() {
        let address = Address::parse("https://collector:4318/base/").unwrap();
        assert_eq!(address.below("v1/traces").url(), "https://collector:4318/base/v1/traces");
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for bad in ["collector:4317", "ftp://planted@host", "planted"] {
            let error = Address::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("planted") && error.contains("http://"), "{error}");
        }
    }
}
