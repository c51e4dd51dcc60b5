//! What a request may weigh before anything looks at it: owns the checks of URL, header fields and
//! body. Does not parse any of them.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Request, Uri, Version};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::config::limits::LimitsConfig;
use crate::query::error::{ErrorCode, QueryError};

/// Refuses a request target (path and query string) over the limit.
///
/// # Errors
/// `request_too_large`.
pub fn check_target(uri: &Uri, limits: &LimitsConfig) -> Result<(), QueryError> {
    let bytes = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if bytes <= limits.url_bytes_max {
        return Ok(());
    }
    let message = format!("the URL has {bytes} bytes; at most {} are taken", limits.url_bytes_max);
    Err(QueryError::new(ErrorCode::RequestTooLarge, message)
        .with_hint("send the query as a JSON body by POST"))
}

/// Refuses a head with too many header fields, or of too many bytes as HTTP/1.1 writes it.
///
/// # Errors
/// `request_too_large`.
pub fn check_head<B>(request: &Request<B>, limits: &LimitsConfig) -> Result<(), QueryError> {
    let refusal = |message: String| Err(QueryError::new(ErrorCode::RequestTooLarge, message));
    let fields = request.headers().len();
    if fields > limits.headers_max {
        let most = limits.headers_max;
        return refusal(format!("the request has {fields} header fields; at most {most} are taken"));
    }
    let bytes = head_bytes(request);
    if bytes > limits.header_bytes_max {
        let most = limits.header_bytes_max;
        return refusal(format!("the head of the request has {bytes} bytes; at most {most} are taken"));
    }
    Ok(())
}

/// Refuses what those in front of the gateway may read in another way than it does: an HTTP/1.1
/// request that does not name one host (RFC 9112, section 3.2), and a body in any transfer coding but
/// `chunked` alone (section 6.1), which would be taken as if it had no other.
///
/// # Errors
/// `invalid_request`.
pub fn check_framing<B>(request: &Request<B>) -> Result<(), QueryError> {
    let refusal = |message: &str| Err(QueryError::new(ErrorCode::InvalidRequest, message));
    let headers = request.headers();
    if request.version() == Version::HTTP_11 && headers.get_all(HOST).iter().count() != 1 {
        return refusal("the request does not name one host");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    if is_plain { Ok(()) } else { refusal("the body has a transfer coding other than \"chunked\"") }
}

/// Request line, header fields and the empty line after them.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let fields =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + fields.sum::<usize>() + "\r\n".len()
}

/// A refused body is read on and thrown away up to this many times the limit, and this long:
/// some HTTP/2 clients lose an answer that comes before they have sent their body.
const DISCARDED_TIMES_MAX: usize = 4;
const DISCARD_WAIT_MAX: Duration = Duration::from_secs(1);

/// Reads a whole body; nothing over the limit is kept. A caller that asks first (`Expect: 100-continue`)
/// is not told to go on when the length that it names is over the limit. What has come so far is told to `grown`, which may refuse more.
///
/// # Errors
/// `request_too_large` over the limit; `invalid_request` when it does not arrive in time or whole;
/// whatever `grown` refuses.
pub async fn read_body(
    headers: &HeaderMap,
    mut body: Body,
    limits: &LimitsConfig,
    wait_max: Duration,
    grown: impl FnMut(usize) -> Result<(), QueryError>,
) -> Result<Bytes, QueryError> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let is_over = declared.is_some_and(|length| length > limits.body_bytes_max as u64);
    let message = format!("the request body has more than {} bytes", limits.body_bytes_max);
    let too_large = QueryError::new(ErrorCode::RequestTooLarge, message);
    if is_over && headers.contains_key(EXPECT) {
        return Err(too_large);
    }
    let reading = async {
        if is_over {
            return Ok(None);
        }
        collect_up_to(&mut body, limits.body_bytes_max, grown).await
    };
    match tokio::time::timeout(wait_max, reading).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Err(refusal)) => Err(refusal),
        Ok(Ok(None)) => {
            let discarding = discard(body, limits.body_bytes_max.saturating_mul(DISCARDED_TIMES_MAX));
            // Whether the rest came in time makes no difference to the answer.
            let _ = tokio::time::timeout(DISCARD_WAIT_MAX, discarding).await;
            Err(too_large)
        }
        Err(_) => Err(QueryError::new(ErrorCode::InvalidRequest, "the request body did not arrive in time")),
    }
}

/// The body; `None` as soon as it is over the limit.
async fn collect_up_to(
    body: &mut Body,
    bytes_max: usize,
    mut grown: impl FnMut(usize) -> Result<(), QueryError>,
) -> Result<Option<Bytes>, QueryError> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| QueryError::new(ErrorCode::InvalidRequest, "the request body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        if collected.len() + data.len() > bytes_max {
            return Ok(None);
        }
        grown(collected.len() + data.len())?;
        collected.extend_from_slice(&data);
    }
    Ok(Some(collected.freeze()))
}

async fn discard(mut body: Body, bytes_max: usize) {
    let mut discarded = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        discarded = discarded.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if discarded > bytes_max {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    async fn read(bytes: usize) -> Result<Bytes, QueryError> {
        let limits = LimitsConfig { body_bytes_max: 10, ..LimitsConfig::default() };
        read_body(&HeaderMap::new(), Body::from(vec![b'x'; bytes]), &limits, Duration::from_secs(9), |_| {
            Ok(())
        })
        .await
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_over_it_is_not() {
        assert_eq!(read(10).await.unwrap().len(), 10);
        assert_eq!(read(11).await.unwrap_err().code, ErrorCode::RequestTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_declared_length_over_the_limit_is_refused_before_the_body_is_there() {
        let limits = LimitsConfig { body_bytes_max: 10, ..LimitsConfig::default() };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, "11".parse().unwrap());
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let refused =
            read_body(&headers, never, &limits, Duration::from_secs(9), |_| Ok(())).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RequestTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_given_up() {
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let limits = LimitsConfig::default();
        let refused = read_body(&HeaderMap::new(), never, &limits, Duration::from_secs(9), |_| Ok(()))
            .await
            .unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
    }

    #[test]
    fn a_url_at_the_limit_passes_and_one_over_it_does_not() {
        let limits = LimitsConfig { url_bytes_max: 6, ..LimitsConfig::default() };
        assert!(check_target(&Uri::from_static("/a?b=c"), &limits).is_ok());
        let refused = check_target(&Uri::from_static("/a?b=cd"), &limits).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RequestTooLarge);
    }

    #[test]
    fn a_head_at_the_limit_passes_and_one_over_it_does_not() {
        let limits = LimitsConfig { header_bytes_max: 47, ..LimitsConfig::default() };
        let request = |filler: &str| Request::get("/a?b=c").header("host", "x").header("a", filler).body(());
        // "GET /a?b=c HTTP/1.1\r\nhost: x\r\na: 0123456789\r\n\r\n"
        assert!(check_head(&request("0123456789").unwrap(), &limits).is_ok());
        let refused = check_head(&request("0123456789A").unwrap(), &limits).unwrap_err();
        assert_eq!(refused.message, "the head of the request has 48 bytes; at most 47 are taken");
    }
}
