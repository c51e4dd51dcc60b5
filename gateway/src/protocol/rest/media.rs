//! Which representation a caller takes and sends: owns `Accept`, `Content-Type` and `Content-Encoding`. JSON
//! is the one representation there is. Does not encode.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};

use crate::query::error::{ErrorCode, QueryError};

/// Refuses a caller that does not take JSON. The most specific range that covers JSON decides.
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), QueryError> {
    let mut asked = false;
    let mut best: Option<(u8, bool)> = None;
    for value in headers.get_all(ACCEPT) {
        let Ok(text) = value.to_str() else { return Err(not_acceptable()) };
        for range in text.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            asked = true;
            let (specificity, wanted) = match judge(range) {
                Some(judged) => judged,
                None => continue,
            };
            if best.is_none_or(|(so_far, _)| specificity >= so_far) {
                best = Some((specificity, wanted));
            }
        }
    }
    match best {
        Some((_, true)) => Ok(()),
        None if !asked => Ok(()),
        Some((_, false)) | None => Err(not_acceptable()),
    }
}

/// How specifically a range covers JSON and whether it wants it; `None` when it does not cover it.
fn judge(range: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let specificity = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/json" => 2,
        "application/*" => 1,
        "*/*" => 0,
        _ => return None,
    };
    let quality = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
    });
    Some((specificity, quality.is_none_or(|quality| quality > 0.0)))
}

fn not_acceptable() -> QueryError {
    QueryError::new(ErrorCode::NotAcceptable, "answers are \"application/json\" only")
        .with_hint("send \"Accept: application/json\" or none")
}

/// Refuses a body that is not plain JSON in UTF-8.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), QueryError> {
    let encoded = headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity");
    if encoded {
        return Err(QueryError::new(ErrorCode::UnsupportedMediaType, "encoded request bodies are not taken"));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().is_ok_and(is_json),
        _ => false,
    };
    if is_json {
        return Ok(());
    }
    Err(QueryError::new(ErrorCode::UnsupportedMediaType, "the request body must be JSON")
        .with_hint("send \"Content-Type: application/json\""))
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return false;
    }
    parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn accepts(text: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, text.parse().unwrap());
        check_accept(&headers).is_ok()
    }

    #[test]
    fn ranges_that_cover_json_are_served() {
        assert!(check_accept(&HeaderMap::new()).is_ok());
        for text in [
            "application/json",
            "*/*",
            "text/html, application/*;q=0.1",
            "Application/JSON;q=1",
            "text/*,*/*;q=.1",
        ] {
            assert!(accepts(text), "{text}");
        }
    }

    #[test]
    fn ranges_that_exclude_json_are_refused() {
        for text in
            ["text/html", "application/json;q=0", "*/*, application/json;q=0", "application/xml", "a/*;q=x"]
        {
            assert!(!accepts(text), "{text}");
        }
    }

    #[test]
    fn only_plain_json_bodies_are_taken() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
            check_content(&headers).is_ok()
        };
        assert!(with("application/json"));
        assert!(with("application/json; charset=UTF-8"));
        assert!(!with("application/json; charset=latin1"));
        assert!(!with("application/x-www-form-urlencoded"));
        assert!(check_content(&HeaderMap::new()).is_err());
    }
}
