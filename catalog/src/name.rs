//! Names: owns the rule of what a table's name may be, how a discovered path becomes one, and which names
//! GraphQL can have. Does not match what callers type.

use crate::error::CatalogError;

/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 128;

/// Checks a table name: 1 to [`NAME_CHARS_MAX`] ASCII letters, digits, `_`, `.` and `-`, starting
/// with a letter or `_`. Names stand in URLs, SQL and metrics, hence the narrow alphabet.
pub fn validate(name: &str) -> Result<(), CatalogError> {
    let refuse = |reason| Err(CatalogError::InvalidName { name: name.to_owned(), reason });
    let Some(first) = name.chars().next() else {
        return refuse("it is empty");
    };
    if name.chars().count() > NAME_CHARS_MAX {
        return refuse("it is longer than 128 characters");
    }
    if !(first.is_ascii_alphabetic() || first == '_') {
        return refuse("it must start with a letter or an underscore");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        return refuse("only letters, digits, '_', '.' and '-' are allowed");
    }
    Ok(())
}

/// The name of a table found at `path` below a discovery prefix: `/` becomes `.`.
pub fn from_path(name_prefix: &str, path: &str) -> Result<String, CatalogError> {
    let name = format!("{name_prefix}{}", path.replace('/', "."));
    validate(&name)?;
    Ok(name)
}

/// Whether a text can be a name in GraphQL: 1 to [`NAME_CHARS_MAX`] ASCII letters, digits and `_`, no digit
/// first. Names that start with two underscores are GraphQL's own, and the words that values and conditions
/// are written with are taken.
pub fn is_graphql(text: &str) -> bool {
    const TAKEN: [&str; 6] = ["and", "or", "not", "true", "false", "null"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !text.starts_with("__");
    starts
        && text.len() <= NAME_CHARS_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !TAKEN.contains(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{NAME_CHARS_MAX, from_path, is_graphql, validate};

    #[test]
    fn names_keep_to_the_alphabet_and_the_length() {
        for good in ["a", "_a", "Sales.eu-1_x", &"n".repeat(NAME_CHARS_MAX)] {
            assert!(validate(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", ".a", "-a", "a b", "a/b", "ä", "a\"", &"n".repeat(NAME_CHARS_MAX + 1)] {
            assert!(validate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_discovered_path_becomes_a_dotted_name() {
        assert_eq!(from_path("lake_", "sales/orders").unwrap(), "lake_sales.orders");
        assert!(from_path("", "2024/orders").is_err());
    }

    #[test]
    fn names_of_graphql_are_narrower() {
        for good in ["a", "_a", "A1_", &"n".repeat(NAME_CHARS_MAX)] {
            assert!(is_graphql(good), "{good}");
        }
        let taken = ["and", "or", "not", "true", "false", "null"];
        for bad in ["", "1a", "__a", "a.b", "a-b", "a b", "ä", &"n".repeat(NAME_CHARS_MAX + 1)] {
            assert!(!is_graphql(bad), "{bad}");
        }
        assert!(!taken.into_iter().any(is_graphql));
    }
}
