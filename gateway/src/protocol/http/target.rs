//! The request target: owns strict decoding of its parts, and the parameters of its query string. Does not know
//! what any of them means.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::protocol::suggest::{did_you_mean, listed};
use crate::query::error::{ErrorCode, QueryError};

/// Decodes `%XX`; anything malformed is an error, never passed through. `place` is where it stands, in words.
///
/// # Errors
/// `invalid_request`.
pub fn decode(raw: &str, place: &str) -> Result<String, QueryError> {
    let bytes = raw.as_bytes();
    let malformed = bytes.iter().enumerate().any(|(at, byte)| {
        let hex = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
        *byte == b'%' && !(hex(1) && hex(2))
    });
    if malformed {
        return Err(invalid(format!("{place} holds a malformed percent-encoding")));
    }
    let text = percent_decode_str(raw).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| invalid(format!("{place} is not UTF-8 once decoded")))
}

fn invalid(message: String) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

/// The query string of a call that knows its parameters.
#[derive(Debug)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Decodes the query string. A `+` is a space, as forms write it. Unknown and repeated
    /// parameters are errors.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(uri: &Uri, known: &[&str]) -> Result<Self, QueryError> {
        let mut params: Vec<(String, String)> = Vec::new();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(&raw_name.replace('+', " "), "the query string")?;
            let value = decode(&raw_value.replace('+', " "), "the query string")?;
            if !known.contains(&name.as_str()) {
                return Err(unknown_parameter(&name, known));
            }
            if params.iter().any(|(earlier, _)| *earlier == name) {
                return Err(invalid(format!("parameter \"{name}\" is given more than once")));
            }
            params.push((name, value));
        }
        Ok(Self(params))
    }

    /// The value of a parameter, when given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn unknown_parameter(name: &str, known: &[&str]) -> QueryError {
    let error = invalid(format!("unknown parameter \"{name}\""));
    match did_you_mean(name, known) {
        Some(hint) => error.with_hint(hint),
        None if known.is_empty() => error.with_hint("this call takes no parameters"),
        None => error.with_hint(format!("this call takes {}", listed(known))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn params(query: &'static str) -> Result<Params, QueryError> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        Params::parse(&uri, &["filter", "limit"])
    }

    #[test]
    fn values_are_decoded_with_plus_as_space() {
        let given = params("filter=a+%3E+1%2B2&limit=").unwrap();
        assert_eq!(given.get("filter"), Some("a > 1+2"));
        assert_eq!(given.get("limit"), Some(""));
    }

    #[test]
    fn unknown_parameters_are_refused_with_the_nearest_known_one() {
        let refused = params("fliter=a").unwrap_err();
        assert_eq!(refused.message, "unknown parameter \"fliter\"");
        assert_eq!(refused.hint.as_deref(), Some("did you mean \"filter\"?"));
        assert_eq!(
            params("zzz=1").unwrap_err().hint.as_deref(),
            Some("this call takes \"filter\", \"limit\"")
        );
    }

    #[test]
    fn repeated_parameters_are_refused() {
        assert!(params("limit=1&limit=2").unwrap_err().message.contains("more than once"));
    }

    #[test]
    fn malformed_encodings_are_refused() {
        for query in ["filter=%", "filter=%4", "filter=%zz", "filter=%ff", "%c3%28=1"] {
            assert_eq!(params(query).unwrap_err().code, ErrorCode::InvalidRequest, "{query}");
        }
    }
}
