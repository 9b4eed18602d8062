//! Signature Version 4 of a Glue request: always a POST to `/` without a query.
//!
//! The scheme: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};

use super::error::{GlueError, GlueResult};
use crate::hex::hex;
use crate::options::Credentials;

const SCHEME: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "glue";
const TERMINATOR: &str = "aws4_request";

/// The parts of an Authorization header.
struct Authorization<'a> {
    access_key_id: &'a str,
    /// `<date>/<region>/<service>/aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(headers: &'a HeaderMap) -> Option<Self> {
        let fields = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix(SCHEME)?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key_id, scope) = field("Credential")?.split_once('/')?;
        Some(Self {
            access_key_id,
            scope,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }
}

/// The access key id that a request says it is signed with.
pub(crate) fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    Authorization::parse(headers).map(|authorization| authorization.access_key_id)
}

/// Checks that the request was signed with `credentials`.
pub(crate) fn check(headers: &HeaderMap, body: &[u8], credentials: &Credentials) -> GlueResult<()> {
    let authorization = Authorization::parse(headers)
        .ok_or_else(|| GlueError::bad_signature("the request is not signed with Signature Version 4"))?;
    if authorization.access_key_id != credentials.access_key_id {
        return Err(GlueError::unknown_key("the security token included in the request is invalid"));
    }
    let expected = signature(&authorization, headers, body, credentials)
        .ok_or_else(|| GlueError::bad_signature("the credential scope or a signed header is missing"))?;
    if expected == authorization.signature {
        Ok(())
    } else {
        Err(GlueError::bad_signature("the request signature does not match: check the secret access key"))
    }
}

fn signature(
    authorization: &Authorization<'_>,
    headers: &HeaderMap,
    body: &[u8],
    credentials: &Credentials,
) -> Option<String> {
    let time = headers.get("x-amz-date")?.to_str().ok()?;
    let signed_headers = authorization.signed_headers;
    let header = |name| Some(format!("{name}:{}\n", headers.get(name)?.to_str().ok()?.trim()));
    let canonical_headers = signed_headers.split(';').map(header).collect::<Option<String>>()?;
    let body = hex(&Sha256::digest(body));
    let canonical = format!("POST\n/\n\n{canonical_headers}\n{signed_headers}\n{body}");
    let scope = authorization.scope;
    let to_sign = format!("{SCHEME}\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let [date, region, SERVICE, TERMINATOR] = *scope.split('/').collect::<Vec<_>>() else { return None };
    let secret = format!("AWS4{}", credentials.secret_access_key);
    let key = [date, region, SERVICE, TERMINATOR]
        .into_iter()
        .try_fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()))?;
    Some(hex(&mac(&key, to_sign.as_bytes())?))
}

fn mac(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}
