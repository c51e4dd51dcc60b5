//! Who a request is, apart from who sent it: owns its id and its trace. Does not log.

use axum::http::{Extensions, HeaderMap, HeaderName};
use uuid::Uuid;

/// Identifies a request in answers, errors and logs.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Who this request is, apart from who sent it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The caller's own, where it is sane.
    pub request_id: String,
    /// Trace id of the caller's `traceparent`.
    pub trace_id: Option<String>,
}

impl RequestContext {
    /// From the caller's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let request_id = single(headers, &X_REQUEST_ID)
            .filter(|id| is_sane_id(id))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let trace_id = single(headers, &TRACEPARENT).and_then(trace_id).map(str::to_owned);
        Self { request_id, trace_id }
    }

    /// The one that the frame has put among the extensions of a request.
    pub fn framed(extensions: &Extensions) -> Self {
        let framed = extensions.get::<Self>().cloned();
        framed.unwrap_or_else(|| Self { request_id: Uuid::now_v7().to_string(), trace_id: None })
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
}

/// A caller's id ends up in logs and headers: short, and of harmless characters.
fn is_sane_id(id: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._:+/=-".contains(c);
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.chars().all(harmless)
}

/// The trace id of a W3C `traceparent`; `None` when any part of it is malformed.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let sound = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && is_some(trace)
        && is_hex(parent, 16)
        && is_some(parent)
        && is_hex(flags, 2);
    sound.then_some(trace)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use axum::http::HeaderValue;

    use super::*;

    fn context(name: HeaderName, value: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        RequestContext::of(&headers)
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(context(X_REQUEST_ID, "a-1:b").request_id, "a-1:b");
        assert_eq!(context(X_REQUEST_ID, &"x".repeat(128)).request_id.len(), 128);
        for odd in ["", "a b", "a\"b", &"x".repeat(129)] {
            assert_eq!(Uuid::parse_str(&context(X_REQUEST_ID, odd).request_id).unwrap().get_version_num(), 7);
        }
    }

    #[test]
    fn a_malformed_traceparent_is_ignored() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: &str| context(TRACEPARENT, text).trace_id;
        assert_eq!(of(&format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(), Some(trace));
        assert_eq!(of(&format!("01-{trace}-00f067aa0ba902b7-01-more")).as_deref(), Some(trace));
        for odd in [
            format!("00-{trace}-00f067aa0ba902b7-01-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            "00".to_owned(),
        ] {
            assert_eq!(of(&odd), None, "{odd}");
        }
    }
}
