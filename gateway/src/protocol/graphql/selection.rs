//! Which fields an operation asks an object for: owns writing fragments out, `@skip` and `@include`, and merging the
//! fields that share a key of the answer. Every selection that is visited is counted, so that fragments that hold
//! each other twice end. Fields that merge must have equal values in their arguments, which validation compares
//! by the first items of lists only. Does not know what fields mean.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use apollo_compiler::Node;
use apollo_compiler::ast::DirectiveList;
use apollo_compiler::executable::{Field, Selection, SelectionSet};

use super::document::{ValidDocument, too_many};
use super::errors::DoorError;
use super::input::{Arguments, Coercion, Input};
use crate::query::error::{ErrorCode, QueryError};

/// Reads the selections of one operation.
#[derive(Debug)]
pub struct Selections<'d> {
    document: &'d ValidDocument,
    coercion: Coercion<'d>,
    fields_max: usize,
    fields_left: Cell<usize>,
}

/// A field of an answer, made of all fields of that key.
#[derive(Debug, Clone)]
pub struct Selected<'d> {
    /// Key in the answer.
    pub key: &'d str,
    /// The first field of that key.
    pub field: &'d Node<Field>,
    /// Its arguments.
    pub arguments: Arguments,
    /// What is asked of its value, by all fields of that key.
    pub below: Vec<&'d SelectionSet>,
}

impl Selected<'_> {
    /// Name of the field.
    pub fn name(&self) -> &str {
        &self.field.name
    }
}

impl<'d> Selections<'d> {
    /// For one operation of `document`, whose selections are at most `fields_max` once written out.
    pub const fn new(document: &'d ValidDocument, coercion: Coercion<'d>, fields_max: usize) -> Self {
        Self { document, coercion, fields_max, fields_left: Cell::new(fields_max) }
    }

    /// The fields that `sets` ask an object of type `of` for, in the order of their keys.
    ///
    /// # Errors
    /// `document_too_large` past the limit, `invalid_document` where fields of one key have different
    /// arguments, and as for [`Coercion::arguments`].
    pub fn of(&self, of: &str, sets: &[&'d SelectionSet]) -> Result<Vec<Selected<'d>>, DoorError> {
        let mut merged =
            Merged { all: self, of, found: Vec::new(), places: HashMap::new(), seen: HashSet::new() };
        for set in sets {
            merged.visit(set)?;
        }
        Ok(merged.found)
    }

    /// A fault of a field, at its place in the document.
    pub fn blame(&self, field: &Node<Field>, error: QueryError) -> DoorError {
        DoorError::from(error).in_document(field.location(), self.coercion.sources())
    }

    fn spend(&self) -> Result<(), DoorError> {
        let left = self.fields_left.get().checked_sub(1);
        self.fields_left
            .set(left.ok_or_else(|| too_many(self.fields_max, "fields, its fragments written out"))?);
        Ok(())
    }

    /// What `@skip` and `@include` say.
    fn is_included(&self, directives: &DirectiveList) -> Result<bool, DoorError> {
        for (name, wanted) in [("skip", false), ("include", true)] {
            let Some(directive) = directives.get(name) else { continue };
            let Some(definition) = self.coercion.schema().directive_definitions.get(name) else { continue };
            let arguments = self.coercion.arguments(&definition.arguments, &directive.arguments)?;
            if arguments.get("if") != Some(&Input::Bool(wanted)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The fields of one object, while they are found.
struct Merged<'s, 'd> {
    all: &'s Selections<'d>,
    of: &'s str,
    found: Vec<Selected<'d>>,
    places: HashMap<&'d str, usize>,
    seen: HashSet<&'d str>,
}

impl<'d> Merged<'_, 'd> {
    fn visit(&mut self, set: &'d SelectionSet) -> Result<(), DoorError> {
        for selection in &set.selections {
            self.all.spend()?;
            if !self.all.is_included(selection.directives())? {
                continue;
            }
            match selection {
                Selection::Field(field) => self.add(field)?,
                // All types are objects: a condition holds for the type that it names and for no other.
                Selection::InlineFragment(inline) => {
                    if inline.type_condition.as_ref().is_none_or(|condition| condition == self.of) {
                        self.visit(&inline.selection_set)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.all.document.fragments.get(&spread.fragment_name);
                    let Some(fragment) = fragment.filter(|one| one.type_condition() == self.of) else {
                        continue;
                    };
                    if self.seen.insert(&spread.fragment_name) {
                        self.visit(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, field: &'d Node<Field>) -> Result<(), DoorError> {
        let arguments = self.all.coercion.arguments(&field.definition.arguments, &field.arguments)?;
        let key = field.response_key().as_str();
        let Some(place) = self.places.get(key) else {
            self.places.insert(key, self.found.len());
            self.found.push(Selected { key, field, arguments, below: vec![&field.selection_set] });
            return Ok(());
        };
        let first = &mut self.found[*place];
        if first.field.name != field.name || first.arguments != arguments {
            let message = format!("\"{key}\" is asked for twice with different arguments");
            let error = QueryError::new(ErrorCode::InvalidDocument, message).with_hint("give one an alias");
            return Err(self.all.blame(field, error));
        }
        first.below.push(&field.selection_set);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
