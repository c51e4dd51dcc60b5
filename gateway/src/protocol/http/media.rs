//! Which representation a caller takes and sends: owns reading `Accept`, `Accept-Encoding`, `Content-Type` and
//! `Content-Encoding`.
//! Does not choose among representations.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};

use crate::query::error::{ErrorCode, QueryError};

/// How much a caller wants a media type, from 0, not at all, to 1. The most specific range of its `Accept` that
/// covers the type decides; without one anything is welcome.
pub fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    let mut asked = false;
    let mut best: Option<(u8, f32)> = None;
    for value in headers.get_all(ACCEPT) {
        let Ok(text) = value.to_str() else { return 0.0 };
        for range in text.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            asked = true;
            let Some((specificity, wanted)) = judge(range, media_type) else { continue };
            if best.is_none_or(|(so_far, _)| specificity >= so_far) {
                best = Some((specificity, wanted));
            }
        }
    }
    match best {
        Some((_, wanted)) => wanted,
        None if asked => 0.0,
        None => 1.0,
    }
}

/// How specifically a range covers a media type and how much it wants it; `None` when it does not cover it.
fn judge(range: &str, media_type: &str) -> Option<(u8, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let covering = parts.next()?.to_ascii_lowercase();
    let specificity = match covering.strip_suffix('*') {
        Some("*/") => 0,
        Some(group) if group.ends_with('/') && media_type.starts_with(group) => 1,
        _ if covering == media_type => 2,
        _ => return None,
    };
    Some((specificity, weight(parts)))
}

/// How much parameters say that something is wanted.
fn weight<'p>(mut parameters: impl Iterator<Item = &'p str>) -> f32 {
    let wanted = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
    });
    let wanted = wanted.unwrap_or(1.0);
    // What is no number is not wanted either.
    if wanted > 0.0 { wanted.min(1.0) } else { 0.0 }
}

/// Whether a caller says that it takes what is compressed with gzip; silence may come from one that cannot inflate.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let (mut named, mut any) = (None, None);
    for coding in texts.flat_map(|text| text.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        match parts.next().map(str::to_ascii_lowercase).as_deref() {
            Some("gzip" | "x-gzip") => named = Some(weight(parts)),
            Some("*") => any = Some(weight(parts)),
            _ => {}
        }
    }
    named.or(any).is_some_and(|wanted| wanted > 0.0)
}

/// Refuses a body that is not plain JSON in UTF-8.
///
/// # Errors
/// `unsupported_media_type`.
pub fn check_content(headers: &HeaderMap) -> Result<(), QueryError> {
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

    fn wanted(accept: &str) -> f32 {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        quality(&headers, "application/json")
    }

    #[test]
    fn ranges_that_cover_a_type_say_how_much_it_is_wanted() {
        assert_eq!(quality(&HeaderMap::new(), "application/json"), 1.0);
        for (accept, expected) in [
            ("application/json", 1.0),
            ("*/*", 1.0),
            ("text/html, application/*;q=0.1", 0.1),
            ("Application/JSON;q=1", 1.0),
            ("text/*,*/*;q=.1", 0.1),
            ("*/*, application/json;q=0.5, application/*;q=0.7", 0.5),
            ("application/json;q=7", 1.0),
        ] {
            assert_eq!(wanted(accept), expected, "{accept}");
        }
    }

    #[test]
    fn ranges_that_exclude_a_type_say_that_it_is_not_wanted() {
        for accept in [
            "text/html",
            "application/json;q=0",
            "*/*, application/json;q=0",
            "application/xml",
            "a/*;q=x",
            "application/json;q=NaN",
            "application/json;q=-1",
            "application/js*",
            "*",
        ] {
            assert_eq!(wanted(accept), 0.0, "{accept}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_say_so() {
        let takes =
            |text: &str| takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, text.parse().unwrap())]));
        for text in ["gzip", "br, GZIP;q=0.1", "*", "identity;q=0.5, *;q=0.1", "x-gzip", "*;q=0, gzip"] {
            assert!(takes(text), "{text}");
        }
        for text in ["", "br", "identity", "gzip;q=0", "*, gzip;q=0.000", "*;q=0", "gzipped", "gzip;q=x"] {
            assert!(!takes(text), "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
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
