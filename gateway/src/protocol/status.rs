//! What each error code is on the wire: owns the one table from code to HTTP status, gRPC code and title.
//! Exhaustive on purpose: a new code does not compile before it has a row.

use axum::http::StatusCode;
use tonic::Code;

use crate::query::error::ErrorCode;

/// The HTTP status of a code. Exceptions under the same code: 414 for a URL and 431 for a head that
/// is too large.
pub const fn http_status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidExpression
        | ErrorCode::UnknownColumn
        | ErrorCode::UnknownFunction
        | ErrorCode::UnsupportedStatement
        | ErrorCode::KeyUnavailable
        | ErrorCode::EvaluationFailed
        | ErrorCode::CursorInvalid
        | ErrorCode::CursorMismatch
        | ErrorCode::ExpressionTooLarge
        | ErrorCode::InvalidDocument
        | ErrorCode::DocumentTooLarge
        | ErrorCode::PersistedQueryNotFound => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::RoleDenied | ErrorCode::Forbidden | ErrorCode::DocumentNotAllowed => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::CursorExpired => StatusCode::GONE,
        ErrorCode::RequestTooLarge | ErrorCode::ResultTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TableUnavailable | ErrorCode::Overloaded | ErrorCode::MemoryExceeded => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ErrorCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// The gRPC code of a code. One exception: a message in an encoding that is not taken is `Unimplemented`, as the
/// protocol says, under `unsupported_media_type`.
pub const fn grpc_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidExpression
        | ErrorCode::UnknownColumn
        | ErrorCode::UnknownFunction
        | ErrorCode::UnsupportedStatement
        | ErrorCode::CursorInvalid
        | ErrorCode::CursorMismatch
        | ErrorCode::ExpressionTooLarge
        | ErrorCode::InvalidDocument
        | ErrorCode::DocumentTooLarge
        | ErrorCode::NotAcceptable
        | ErrorCode::UnsupportedMediaType => Code::InvalidArgument,
        ErrorCode::KeyUnavailable
        | ErrorCode::EvaluationFailed
        | ErrorCode::CursorExpired
        | ErrorCode::PersistedQueryNotFound => Code::FailedPrecondition,
        ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::RoleDenied | ErrorCode::Forbidden | ErrorCode::DocumentNotAllowed => {
            Code::PermissionDenied
        }
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::RateLimited
        | ErrorCode::RequestTooLarge
        | ErrorCode::ResultTooLarge
        | ErrorCode::MemoryExceeded => Code::ResourceExhausted,
        ErrorCode::TableUnavailable | ErrorCode::Overloaded => Code::Unavailable,
        ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorCode::MethodNotAllowed => Code::Unimplemented,
        ErrorCode::Internal => Code::Internal,
    }
}

/// The same few words for every error of a code.
pub const fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Unauthenticated => "Credentials are missing or not valid",
        ErrorCode::RoleDenied => "The role is not open to this caller",
        ErrorCode::Forbidden => "The role lacks the grant",
        ErrorCode::NotFound => "Not found",
        ErrorCode::TableUnavailable => "The table cannot be read at present",
        ErrorCode::InvalidRequest => "The request is malformed",
        ErrorCode::InvalidExpression => "The expression is not valid",
        ErrorCode::UnknownColumn => "Unknown column",
        ErrorCode::UnknownFunction => "Unknown function",
        ErrorCode::UnsupportedStatement => "The statement is not supported",
        ErrorCode::KeyUnavailable => "No lookup by this key",
        ErrorCode::EvaluationFailed => "The expression failed on the data",
        ErrorCode::CursorInvalid => "The cursor is not valid",
        ErrorCode::CursorMismatch => "The cursor belongs to another query",
        ErrorCode::CursorExpired => "The cursor has expired",
        ErrorCode::ExpressionTooLarge => "The expression is too large",
        ErrorCode::RequestTooLarge => "The request is too large",
        ErrorCode::ResultTooLarge => "The result is too large",
        ErrorCode::RateLimited => "Too many requests",
        ErrorCode::Overloaded => "The server is overloaded",
        ErrorCode::DeadlineExceeded => "The query took too long",
        ErrorCode::MemoryExceeded => "The query needed too much memory",
        ErrorCode::MethodNotAllowed => "Method not allowed",
        ErrorCode::NotAcceptable => "No acceptable representation",
        ErrorCode::UnsupportedMediaType => "Unsupported media type",
        ErrorCode::InvalidDocument => "The document is not valid",
        ErrorCode::DocumentTooLarge => "The document is too large",
        ErrorCode::PersistedQueryNotFound => "No document of this hash is kept",
        ErrorCode::DocumentNotAllowed => "The document is not allowed",
        ErrorCode::Internal => "Internal error",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn the_list_of_errors_names_the_status_of_either_door() {
        let list =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors/README.md")).unwrap();
        for code in ErrorCode::ALL {
            let mut name = String::new();
            for character in format!("{:?}", grpc_code(code)).chars() {
                if character.is_ascii_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.push(character.to_ascii_uppercase());
            }
            let row = list.lines().find(|line| line.contains(&format!("[`{}`]", code.as_str()))).unwrap();
            assert!(row.ends_with(&format!("| `{name}` |")), "{row}");
        }
    }

    #[test]
    fn every_code_is_an_error_status() {
        for code in ErrorCode::ALL {
            let status = http_status(code);
            assert!(status.is_client_error() || status.is_server_error(), "{}", code.as_str());
        }
    }

    #[test]
    fn every_code_has_its_page_and_no_page_is_orphaned() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors");
        let pages: BTreeSet<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        let codes: BTreeSet<String> =
            ErrorCode::ALL.iter().map(|code| format!("{}.md", code.as_str())).collect();
        assert_eq!(pages, codes);
        for code in ErrorCode::ALL {
            let page = fs::read_to_string(format!("{dir}/{}.md", code.as_str())).unwrap();
            let status = http_status(code).as_u16().to_string();
            assert!(page.contains(&status), "the page of {} does not name {status}", code.as_str());
        }
    }
}
