//! Lists of columns and sort keys as text: owns their syntax. Does not know which columns exist.
//!
//! `select` is `flight_id,carrier`. `order` is `-dep_delay:nulls_first,flight_id`: a leading `-`
//! is descending, a trailing `:nulls_first` or `:nulls_last` (the default) places nulls. A name
//! with a comma, colon, quote, leading `-` or blanks at its ends stands in double quotes, with
//! `""` for a quote inside: `-"odd, name":nulls_first`.

use crate::engine::statement::OrderKey;
use crate::query::error::{ErrorCode, QueryError};

/// Reads a `select` list.
///
/// # Errors
/// `invalid_request`: what is not a list of names.
pub fn parse_select(text: &str) -> Result<Vec<String>, QueryError> {
    items(text, "select")?.into_iter().map(|item| column_name(item, "select")).collect()
}

/// Reads an `order` list.
///
/// # Errors
/// `invalid_request`: what is not a list of sort keys.
pub fn parse_order(text: &str) -> Result<Vec<OrderKey>, QueryError> {
    items(text, "order")?.into_iter().map(parse_order_key).collect()
}

/// Reads one item of an `order` list.
///
/// # Errors
/// `invalid_request`: what is not a sort key.
pub fn parse_order_key(item: &str) -> Result<OrderKey, QueryError> {
    let item = item.trim();
    let (descending, rest) = match item.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, item),
    };
    let (name, nulls_first) = match split_placement(rest) {
        (name, None | Some("nulls_last")) => (name, false),
        (name, Some("nulls_first")) => (name, true),
        (_, Some(other)) => {
            let error = invalid(format!("\"order\" has no placement \"{other}\""));
            return Err(error.with_hint("it takes \"nulls_first\" and \"nulls_last\""));
        }
    };
    Ok(OrderKey { column: column_name(name, "order")?, descending, nulls_first })
}

/// Splits at the colon after the name; one inside quotes belongs to the name.
fn split_placement(text: &str) -> (&str, Option<&str>) {
    let after_name = if text.starts_with('"') { text.rfind('"').unwrap_or_default() } else { 0 };
    match text[after_name..].find(':') {
        Some(at) => (&text[..after_name + at], Some(text[after_name + at + 1..].trim())),
        None => (text, None),
    }
}

/// Splits at commas outside quotes.
fn items<'a>(text: &'a str, list: &str) -> Result<Vec<&'a str>, QueryError> {
    let mut found: Vec<&str> = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(invalid(format!("\"{list}\" holds a quote that is not closed")));
    }
    found.push(&text[start..]);
    Ok(found)
}

fn column_name(item: &str, list: &str) -> Result<String, QueryError> {
    let item = item.trim();
    let quoted = item.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let name = match quoted {
        Some(inner) if inner.replace("\"\"", "").contains('"') => None,
        Some(inner) => Some(inner.replace("\"\"", "\"")),
        None if item.contains('"') => None,
        None => Some(item.to_owned()),
    };
    match name {
        Some(name) if !name.is_empty() => Ok(name),
        Some(_) => Err(invalid(format!("\"{list}\" holds an empty name"))),
        None => Err(invalid(format!("\"{list}\" holds a name with a stray quote"))),
    }
}

fn invalid(message: String) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn key(column: &str, descending: bool, nulls_first: bool) -> OrderKey {
        OrderKey { column: column.to_owned(), descending, nulls_first }
    }

    #[test]
    fn order_reads_direction_and_placement() {
        let keys = parse_order("-dep_delay:nulls_first, flight_id ,a:nulls_last").unwrap();
        assert_eq!(
            keys,
            vec![key("dep_delay", true, true), key("flight_id", false, false), key("a", false, false)]
        );
    }

    #[test]
    fn odd_names_stand_in_quotes() {
        let keys = parse_order("-\"a, \"\"b\"\":c\":nulls_first,\"-x\"").unwrap();
        assert_eq!(keys, vec![key("a, \"b\":c", true, true), key("-x", false, false)]);
        assert_eq!(parse_select("\"a,b\",c").unwrap(), vec!["a,b", "c"]);
    }

    #[test]
    fn what_is_not_a_list_of_names_is_refused() {
        for text in ["", "a,", ",a", "\"", "a\"b", "\"a\"b\"", "\"\""] {
            assert!(parse_select(text).is_err(), "{text}");
        }
        for text in ["-", "a:", "a:first", "--", "a:nulls_first:x"] {
            let refused = parse_order(text);
            assert!(refused.is_err() || text == "--", "{text}");
        }
    }
}
