//! Names of one schema: owns who has claimed which type and which root field. A table claims all of its names at
//! once, those of what is not built for it too, so that a further feature takes no name away. Does not make names.

use std::collections::HashSet;

use super::naming::type_name;
use super::scalars::{FILTERS, SCALARS};

/// What stands behind the name of a table's root field in the names of its root fields.
const ROOT_SUFFIXES: [&str; 4] = ["", "ByPk", "Aggregate", "Changed"];
/// The same for types.
const TYPE_SUFFIXES: [&str; 23] = [
    "",
    "Connection",
    "Edge",
    "Where",
    "Column",
    "Order",
    "GroupBy",
    "Key",
    "Aggregate",
    "Counts",
    "Sums",
    "Means",
    "Values",
    "AggregateConnection",
    "AggregateEdge",
    "AggregateOrder",
    "NumberColumn",
    "ValueColumn",
    "Having",
    "CountsHaving",
    "NumbersHaving",
    "ValuesHaving",
    "Change",
];

/// The names that are taken.
#[derive(Debug)]
pub(super) struct Registry {
    roots: HashSet<String>,
    types: HashSet<String>,
}

impl Registry {
    /// With the names that every schema has, of the language and of this door.
    pub(super) fn new() -> Self {
        let language = ["Int", "Float", "String", "Boolean", "ID"];
        let own = ["Query", "Mutation", "Subscription", "PageInfo"];
        let all = language.into_iter().chain(own);
        let all = all.chain(SCALARS.iter().map(|(name, _)| *name)).chain(FILTERS);
        Self { roots: HashSet::new(), types: all.map(str::to_owned).collect() }
    }

    /// Claims all names of the table with this root field, and those of its struct types.
    ///
    /// # Errors
    /// A name that is taken; nothing is claimed then.
    pub(super) fn claim(&mut self, field: &str, structs: &[String]) -> Result<(), String> {
        let base = type_name(field);
        let roots: Vec<String> = ROOT_SUFFIXES.iter().map(|suffix| format!("{field}{suffix}")).collect();
        let mut types: Vec<String> = TYPE_SUFFIXES.iter().map(|suffix| format!("{base}{suffix}")).collect();
        types.extend(structs.iter().flat_map(|name| [name.clone(), format!("{name}Where")]));
        if let Some(taken) = roots.iter().find(|name| self.roots.contains(*name)) {
            return Err(taken.clone());
        }
        if let Some(taken) = types.iter().find(|name| self.types.contains(*name)) {
            return Err(taken.clone());
        }
        self.roots.extend(roots);
        self.types.extend(types);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn all_names_of_a_table_are_claimed_or_none() {
        let mut registry = Registry::new();
        registry.claim("flights", &["Flights_pos".to_owned()]).unwrap();
        assert_eq!(registry.claim("Flights", &[]), Err("Flights".to_owned()));
        assert_eq!(registry.claim("flightsByPk", &[]), Err("flightsByPk".to_owned()));
        assert_eq!(registry.claim("flightsKey", &[]), Err("FlightsKey".to_owned()));
        assert_eq!(registry.claim("flights_pos", &[]), Err("Flights_pos".to_owned()));
        // What a table that lost would have claimed is free.
        registry.claim("flightsKeyKey", &[]).unwrap();
    }

    #[test]
    fn names_of_the_language_and_of_the_door_are_taken() {
        for field in ["string", "query", "pageInfo", "date", "dateFilter", "iD"] {
            assert!(Registry::new().claim(field, &[]).is_err(), "{field}");
        }
    }
}
