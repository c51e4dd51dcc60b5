//! What the arguments of a field say of pages, versions and keys: owns their meaning, and which exclude each other. Does
//! not coerce values.

use crate::engine::statement::Side;
use crate::protocol::graphql::input::{Arguments, Input};
use crate::protocol::versions::version_selector;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::request::VersionSelector;

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageArguments {
    pub(super) rows: Option<usize>,
    pub(super) side: Side,
    pub(super) cursor: Option<String>,
}

const PAGE_HINT: &str = "\"first\" goes with \"after\", and \"last\" with \"before\"";

/// The page that `first`, `after`, `last` and `before` ask for; the first one where there are none.
///
/// # Errors
/// `invalid_request`: two that exclude each other, or no rows.
pub(super) fn page(arguments: &Arguments) -> Result<PageArguments, QueryError> {
    let (first, last) = (rows(arguments, "first")?, rows(arguments, "last")?);
    let (after, before) = (text(arguments, "after"), text(arguments, "before"));
    let forward = first.is_some() || after.is_some();
    let backward = last.is_some() || before.is_some();
    if forward && backward {
        let message = "a page is read to one side of one cursor";
        return Err(QueryError::new(ErrorCode::InvalidRequest, message).with_hint(PAGE_HINT));
    }
    Ok(match backward {
        false => PageArguments { rows: first, side: Side::After, cursor: after },
        true => PageArguments { rows: last, side: Side::Before, cursor: before },
    })
}

/// A number of rows. The most that there may be is the pipeline's to say.
pub(super) fn rows(arguments: &Arguments, name: &str) -> Result<Option<usize>, QueryError> {
    let Some(Input::Number(digits)) = arguments.get(name) else { return Ok(None) };
    match digits.parse::<usize>() {
        Ok(rows) if rows > 0 => Ok(Some(rows)),
        _ => Err(QueryError::new(ErrorCode::InvalidRequest, format!("\"{name}\" must be at least 1"))),
    }
}

fn text(arguments: &Arguments, name: &str) -> Option<String> {
    match arguments.get(name) {
        Some(Input::Text(text)) => Some(text.as_ref().to_owned()),
        _ => None,
    }
}

/// The version that `version` or `asOf` asks for.
///
/// # Errors
/// `invalid_request`: both, or what is no version or no time.
pub(super) fn version(arguments: &Arguments) -> Result<VersionSelector, QueryError> {
    let number = match arguments.get("version") {
        Some(Input::Number(digits)) => Some(digits.parse::<u64>().map_err(|_| {
            QueryError::new(
                ErrorCode::InvalidRequest,
                "\"version\" is not a whole number that is not negative",
            )
        })?),
        _ => None,
    };
    version_selector(number, text(arguments, "asOf").as_deref(), "asOf")
}

/// A part of a key as lookups take it.
///
/// # Errors
/// `internal`: what no key is made of, which coercion does not let pass.
pub(super) fn key_part(arguments: &Arguments, name: &str) -> Result<String, QueryError> {
    match arguments.get(name) {
        Some(Input::Number(text) | Input::Text(text)) => Ok(text.as_ref().to_owned()),
        Some(Input::Bool(value)) => Ok(value.to_string()),
        _ => Err(QueryError::internal(format!("\"{name}\" is no part of a key"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::protocol::graphql::fixture::Asked;

    fn arguments(text: &str) -> Arguments {
        Asked::of(&format!("{{ flights({text}) {{ totalCount }} }}")).arguments().unwrap()
    }

    fn asked(rows: Option<usize>, side: Side, cursor: Option<&str>) -> PageArguments {
        PageArguments { rows, side, cursor: cursor.map(str::to_owned) }
    }

    #[test]
    fn a_page_is_read_to_one_side() {
        let of = |text| page(&arguments(text));
        assert_eq!(of("version: null").unwrap(), asked(None, Side::After, None));
        assert_eq!(of("first: 3, after: \"c\"").unwrap(), asked(Some(3), Side::After, Some("c")));
        assert_eq!(of("last: 3").unwrap(), asked(Some(3), Side::Before, None));
        assert_eq!(of("before: \"c\", first: null").unwrap(), asked(None, Side::Before, Some("c")));
        for text in [
            "first: 1, last: 1",
            "first: 1, before: \"c\"",
            "last: 1, after: \"c\"",
            "after: \"c\", before: \"c\"",
        ] {
            let refused = of(text).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{text}");
            assert_eq!(refused.hint.as_deref(), Some(PAGE_HINT));
        }
    }

    #[test]
    fn a_page_has_at_least_one_row() {
        for text in ["first: 0", "first: -1", "last: 0"] {
            assert!(page(&arguments(text)).unwrap_err().message.ends_with("must be at least 1"), "{text}");
        }
    }

    #[test]
    fn versions_are_numbers_or_times() {
        let of = |text| version(&arguments(text));
        assert_eq!(of("first: 1").unwrap(), VersionSelector::Latest);
        assert_eq!(of("version: \"3\"").unwrap(), VersionSelector::Version(3));
        assert!(matches!(of("asOf: \"2026-01-31T05:00:00Z\""), Ok(VersionSelector::AsOf(_))));
        for text in ["version: -1", "version: 1, asOf: \"2026-01-31T05:00:00Z\"", "asOf: \"yesterday\""] {
            assert_eq!(of(text).unwrap_err().code, ErrorCode::InvalidRequest, "{text}");
        }
        assert!(of("asOf: \"yesterday\"").unwrap_err().message.contains("\"asOf\""));
    }
}
