//! What a request asks, before anything of its document is known: owns reading its parameters from a body, a query string
//! or a message, each of its own type. Does not look into documents.

use axum::http::Uri;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::variables::{self, Given};
use crate::protocol::http::json_body::{Object, place, syntax_error};
use crate::protocol::http::target::Params;
use crate::query::error::{ErrorCode, QueryError};

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Batch {
    /// One operation.
    One(Asked),
    /// Any number of them, one after the other.
    Many(Vec<Asked>),
}

/// One operation that is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The document, where it is sent.
    pub query: Option<String>,
    /// Its id, where that is sent.
    pub document_id: Option<String>,
    /// Its hash, where that is sent.
    pub hash: Option<String>,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// Values of its variables.
    pub variables: Given,
    /// Their length as they were sent, in bytes.
    pub variables_bytes: usize,
}

/// The parameters of one operation, each of its own type.
#[derive(Debug, Deserialize)]
pub(super) struct Parameters<'a> {
    query: Option<String>,
    #[serde(rename = "documentId")]
    document_id: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
}

/// Reads a body: an object, or a list of them. What the protocol does not name is left alone, as it asks.
///
/// # Errors
/// `invalid_request`: no JSON, or a parameter of another type than its own; `document_too_large`: more operations than
/// `most`.
pub(super) fn from_body(body: &[u8], most: usize) -> Result<Batch, QueryError> {
    let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !is_list {
        let Object(parameters) = read::<Object<Parameters<'_>>>(body)?;
        return parameters.asked().map(Batch::One);
    }
    let all: Vec<Object<Parameters<'_>>> = read(body)?;
    if all.is_empty() {
        return Err(QueryError::new(ErrorCode::InvalidRequest, "a list of no operations asks nothing"));
    }
    if all.len() > most {
        let message = format!("the request has more than {most} operations");
        return Err(QueryError::new(ErrorCode::DocumentTooLarge, message));
    }
    all.into_iter().map(|Object(one)| one.asked()).collect::<Result<_, _>>().map(Batch::Many)
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, QueryError> {
    serde_json::from_slice(body).map_err(|error| {
        syntax_error(&error, ErrorCode::InvalidRequest).at(place(error.line(), error.column()))
    })
}

/// Reads a query string; `None` where it has no parameters, which is how a browser asks for the page.
///
/// # Errors
/// `invalid_request`: a parameter that is not known, given twice, or of another type than its own.
pub(super) fn from_query_string(uri: &Uri) -> Result<Option<Asked>, QueryError> {
    let params = Params::parse(uri, &["query", "documentId", "operationName", "variables", "extensions"])?;
    if uri.query().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    let json = |name: &str| match params.get(name) {
        None => Ok(None),
        Some(text) => serde_json::from_str::<&RawValue>(text)
            .map(Some)
            .map_err(|_| QueryError::new(ErrorCode::InvalidRequest, format!("\"{name}\" is not JSON"))),
    };
    let parameters = Parameters {
        query: params.get("query").map(str::to_owned),
        document_id: params.get("documentId").map(str::to_owned),
        operation_name: params.get("operationName").map(str::to_owned),
        variables: json("variables")?,
        extensions: json("extensions")?,
    };
    parameters.asked().map(Some)
}

impl Parameters<'_> {
    /// What they ask for.
    ///
    /// # Errors
    /// `invalid_request`: extensions or variables that mean nothing.
    pub(super) fn asked(self) -> Result<Asked, QueryError> {
        Ok(Asked {
            variables_bytes: self.variables.map_or(0, |variables| variables.get().len()),
            query: self.query,
            document_id: self.document_id,
            hash: self.extensions.map(hash).transpose()?.flatten(),
            operation_name: self.operation_name,
            variables: self.variables.map(variables::read).transpose()?.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
struct Extensions {
    #[serde(rename = "persistedQuery")]
    persisted: Option<Object<PersistedQuery>>,
}

#[derive(Deserialize)]
struct PersistedQuery {
    version: u64,
    #[serde(rename = "sha256Hash")]
    hash: String,
}

/// The hash of a document by which it is asked for.
fn hash(extensions: &RawValue) -> Result<Option<String>, QueryError> {
    let invalid = |message: &str| QueryError::new(ErrorCode::InvalidRequest, message);
    let read: Result<Option<Object<Extensions>>, serde_json::Error> = serde_json::from_str(extensions.get());
    let read = read.map_err(|_| {
        invalid("\"extensions\" must be an object; \"persistedQuery\" in it has a \"version\" and a \"sha256Hash\"")
    })?;
    let Some(Object(persisted)) = read.and_then(|Object(extensions)| extensions.persisted) else {
        return Ok(None);
    };
    if persisted.version != 1 {
        return Err(invalid("\"persistedQuery\" has a version that is not known; it is 1"));
    }
    Ok(Some(persisted.hash))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn one(body: &str) -> Result<Asked, QueryError> {
        match from_body(body.as_bytes(), 9)? {
            Batch::One(asked) => Ok(asked),
            Batch::Many(_) => panic!("several"),
        }
    }

    #[test]
    fn a_list_asks_for_as_many_operations_as_are_allowed() {
        let two = r#" [{"query": "{a}"}, {"query": "{b}"}]"#;
        let Batch::Many(asked) = from_body(two.as_bytes(), 2).unwrap() else { panic!("one") };
        assert_eq!(
            asked.iter().map(|one| one.query.as_deref()).collect::<Vec<_>>(),
            [Some("{a}"), Some("{b}")]
        );
        assert_eq!(from_body(two.as_bytes(), 1).unwrap_err().code, ErrorCode::DocumentTooLarge);
    }

    #[test]
    fn a_document_may_come_by_its_hash_or_its_id() {
        let of = |persisted: &str| one(&format!("{{\"extensions\": {{\"persistedQuery\": {persisted}}}}}"));
        assert_eq!(of("{\"version\": 1, \"sha256Hash\": \"0aB1\"}").unwrap().hash.as_deref(), Some("0aB1"));
        assert_eq!(of("null").unwrap().hash, None);
        for persisted in
            ["1", "{}", "{\"version\": 2, \"sha256Hash\": \"0aB1\"}", "{\"version\": 1, \"sha256Hash\": 7}"]
        {
            assert_eq!(of(persisted).unwrap_err().code, ErrorCode::InvalidRequest, "{persisted}");
        }
        assert_eq!(one("{\"documentId\": \"a\"}").unwrap().document_id.as_deref(), Some("a"));
        let by_get = from_query_string(&"/graphql?documentId=sha256:a".parse().unwrap()).unwrap().unwrap();
        assert_eq!(by_get.document_id.as_deref(), Some("sha256:a"));
    }

    #[test]
    fn parameters_that_are_null_are_absent() {
        let body =
            r#"{"query": "{a}", "operationName": null, "variables": null, "extensions": null, "id": 7}"#;
        let asked = one(body).unwrap();
        assert_eq!(
            (asked.query.as_deref(), asked.operation_name, asked.variables.len()),
            (Some("{a}"), None, 0)
        );
        assert_eq!(one("{}").unwrap().query, None);
    }

    #[test]
    fn parameters_have_types() {
        for body in [
            "",
            "\"{a}\"",
            "[{}, 1]",
            "[]",
            r#"{"query": 1}"#,
            r#"{"documentId": 1}"#,
            r#"{"query": "{a}", "operationName": 7}"#,
            r#"{"query": "{a}", "variables": []}"#,
            r#"{"query": "{a}", "variables": "{}"}"#,
            r#"{"query": "{a}", "extensions": [1]}"#,
            r#"{"query": "{a}", "query": "{b}"}"#,
            r#"{"query": "{a}"} }"#,
        ] {
            let refused = from_body(body.as_bytes(), 9).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{body}");
            assert!(!refused.message.contains("struct"), "{}", refused.message);
        }
    }

    #[test]
    fn a_query_string_says_the_same() {
        let of = |text: &str| from_query_string(&format!("/graphql{text}").parse().unwrap());
        assert!(of("").unwrap().is_none());
        let asked = of("?query=%7Ba%7D&variables=%7B%22v%22:1.50%7D&operationName=A").unwrap().unwrap();
        assert_eq!(asked.query.as_deref(), Some("{a}"));
        assert_eq!(asked.variables["v"].to_string(), "1.50");
        assert_eq!(asked.operation_name.as_deref(), Some("A"));
        for text in ["?query=a&variables=x", "?query=a&query=b", "?document=a", "?query=a&extensions=1"] {
            assert_eq!(of(text).unwrap_err().code, ErrorCode::InvalidRequest, "{text}");
        }
    }
}
