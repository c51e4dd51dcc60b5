//! How tables, columns and fields are spelled in GraphQL: owns the rule, and who gets a name that several would
//! have. Only names that the caller sees take part: a hidden one must not show in another's absence. Does not know
//! what the names are for.
//!
//! A declared `graphql_name` is taken as it is. Any other name gets `_` for each character that GraphQL does not
//! take, before a leading digit, for leading underscores of which there are two or more, and after a word that
//! values and conditions are written with.

use std::collections::HashSet;

/// A name as GraphQL spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) name: String,
    /// It is not what its owner is called elsewhere: it gives way to those that are.
    pub(super) changed: bool,
}

impl Spelled {
    /// The declared name, or one made from the own name.
    pub(super) fn of(own: &str, declared: Option<&str>) -> Self {
        match declared {
            Some(declared) => Self { name: declared.to_owned(), changed: false },
            None => {
                let name = spelled(own);
                let changed = name != own;
                Self { name, changed }
            }
        }
    }
}

fn spelled(own: &str) -> String {
    let takes = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let mut name: String = own.chars().map(takes).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    if name.starts_with("__") {
        name = format!("_{}", name.trim_start_matches('_'));
    }
    if matches!(name.as_str(), "and" | "or" | "not" | "true" | "false" | "null") {
        name.push('_');
    }
    name
}

/// The name of the type that belongs to a field: with a capital first letter.
pub(super) fn type_name(field: &str) -> String {
    let mut name = field.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// In which order names are given: those that are not changed first, each kind in its own order.
pub(super) fn precedence(names: &[Spelled]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| names[*index].changed);
    order
}

/// What each one is called; `None` where another has the name.
pub(super) fn distinct(names: Vec<Spelled>) -> Vec<Option<String>> {
    let order = precedence(&names);
    let mut taken: HashSet<String> = HashSet::new();
    let mut given: Vec<Option<String>> = names.into_iter().map(|one| Some(one.name)).collect();
    for index in order {
        let free = given[index].as_ref().is_some_and(|name| taken.insert(name.clone()));
        if !free {
            given[index] = None;
        }
    }
    given
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn given(names: &[&str]) -> Vec<Option<String>> {
        distinct(names.iter().map(|name| Spelled::of(name, None)).collect())
    }

    #[test]
    fn names_that_graphql_takes_stay_as_they_are() {
        for name in ["flight_id", "_x", "A1", "Type", "_", "nulls"] {
            assert_eq!(spelled(name), name);
        }
    }

    #[test]
    fn other_names_are_changed_as_little_as_can_be() {
        for (own, name) in [
            ("sales.eu-1", "sales_eu_1"),
            ("2013", "_2013"),
            ("__typename", "_typename"),
            ("___", "_"),
            ("", "_"),
            ("größe", "gr__e"),
            ("not", "not_"),
            ("null", "null_"),
            ("--a", "_a"),
        ] {
            assert_eq!(spelled(own), name, "{own}");
            assert!(sluice_is_name(&spelled(own)), "{own}");
        }
    }

    fn sluice_is_name(name: &str) -> bool {
        apollo_compiler::Name::is_valid_syntax(name) && !name.starts_with("__")
    }

    #[test]
    fn a_name_that_is_spelled_as_it_is_wins() {
        assert_eq!(given(&["a-b", "a_b", "a b"]), [None, Some("a_b".to_owned()), None]);
        assert_eq!(given(&["a-b", "a b"]), [Some("a_b".to_owned()), None]);
    }

    #[test]
    fn a_declared_name_is_no_changed_one() {
        let declared = Spelled::of("a-b", Some("a_b"));
        assert_eq!(distinct(vec![declared, Spelled::of("a_b", None)]), [Some("a_b".to_owned()), None]);
    }

    #[test]
    fn types_start_with_a_capital() {
        assert_eq!(type_name("flights"), "Flights");
        assert_eq!(type_name("_x"), "_x");
        assert_eq!(type_name("Flights"), "Flights");
    }
}
