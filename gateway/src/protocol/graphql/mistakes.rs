//! Names in a document that the schema does not have: owns their codes, their wording, which for tables and columns
//! is that of every other door, and the hints. Only the role's own schema is looked at, so that no hint tells of
//! what the role does not see. Does not decide what is valid.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{Argument, Definition, Document, Selection, Type, Value, VariableDefinition};
use apollo_compiler::diagnostic::{Diagnostic, ToCliReport};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{ExtendedType, InputValueDefinition};
use apollo_compiler::validation::DiagnosticData;
use apollo_compiler::{Node, Schema};

use super::errors::DoorError;
use super::schema::DoorSchema;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::suggestion::did_you_mean;

/// The unknown names of one document, by where they stand.
pub(super) struct Mistakes<'a> {
    door: &'a DoorSchema,
    found: HashMap<usize, QueryError>,
    /// Where fields stand that ask for fields of their own.
    parents: HashSet<usize>,
}

/// What is known of a fault.
pub(super) enum Explained {
    /// It is about an unknown name.
    So(DoorError),
    /// Another fault is what it comes from.
    ByAnother,
    /// It is about something else.
    Otherwise,
}

impl<'a> Mistakes<'a> {
    /// Looks a document through, each definition once.
    pub(super) fn of(document: &Document, door: &'a DoorSchema) -> Self {
        let mut mistakes = Self { door, found: HashMap::new(), parents: HashSet::new() };
        for definition in &document.definitions {
            match definition {
                Definition::OperationDefinition(operation) => {
                    mistakes.defaults(&operation.variables);
                    if let Some(root) = door.schema().root_operation(operation.operation_type) {
                        mistakes.selections(root, &operation.selection_set);
                    }
                }
                Definition::FragmentDefinition(fragment) => {
                    mistakes.selections(&fragment.type_condition, &fragment.selection_set);
                }
                _ => {}
            }
        }
        mistakes
    }

    /// What is said of a fault that is about an unknown name; nothing of one that only follows from another.
    pub(super) fn explain(&self, fault: &Diagnostic<'_, DiagnosticData>) -> Explained {
        let location = fault.error.location();
        let Some(offset) = location.map(|location| location.offset()) else { return Explained::Otherwise };
        if let Some(error) = self.found.get(&offset) {
            let mut told = QueryError::new(error.code, error.message.clone());
            told.hint.clone_from(&error.hint);
            return Explained::So(DoorError::from(told).in_document(location, fault.sources));
        }
        // A field all of whose own fields are unknown is left with none.
        let lacks_fields = fault.error.unstable_error_name() == Some("MissingSubselection");
        if lacks_fields && self.parents.contains(&offset) {
            Explained::ByAnother
        } else {
            Explained::Otherwise
        }
    }

    fn schema(&self) -> &'a Schema {
        self.door.schema()
    }

    fn selections(&mut self, parent: &str, selections: &[Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => match self.schema().type_field(parent, &field.name) {
                    Ok(definition) => {
                        let owner = format!("{parent}.{}", field.name);
                        self.arguments(&owner, &definition.arguments, &field.arguments);
                        if !field.selection_set.is_empty() {
                            self.parents.extend(field.location().map(|span| span.offset()));
                        }
                        self.selections(definition.ty.inner_named_type(), &field.selection_set);
                    }
                    Err(_) => self.unknown_field(parent, &field.name, field.name.location()),
                },
                Selection::InlineFragment(inline) => {
                    let of = inline.type_condition.as_ref().map_or(parent, |condition| condition.as_str());
                    self.selections(of, &inline.selection_set);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn unknown_field(&mut self, parent: &str, name: &str, span: Option<SourceSpan>) {
        // Of a type that does not exist nothing is known.
        let Some(of) = self.schema().types.get(parent) else { return };
        let is_root =
            self.schema().schema_definition.query.as_ref().is_some_and(|query| query.name == *parent);
        let error = match is_root {
            true => QueryError {
                hint: did_you_mean(name, members(of).into_iter()),
                ..QueryError::table_not_found(name)
            },
            false => unknown_member(self.door, parent, name),
        };
        self.note(span, error);
    }

    fn note(&mut self, span: Option<SourceSpan>, error: QueryError) {
        if let Some(span) = span {
            self.found.insert(span.offset(), error);
        }
    }

    fn arguments(&mut self, owner: &str, defined: &[Node<InputValueDefinition>], given: &[Node<Argument>]) {
        for argument in given {
            match defined.iter().find(|one| one.name == argument.name) {
                Some(definition) => self.value(&definition.ty, &argument.value),
                None => {
                    let known = defined.iter().map(|one| one.name.as_str());
                    let message = format!("argument \"{}\" does not exist on \"{owner}\"", argument.name);
                    let mut error = QueryError::new(ErrorCode::InvalidDocument, message);
                    error.hint = did_you_mean(&argument.name, known);
                    self.note(argument.location(), error);
                }
            }
        }
    }

    fn defaults(&mut self, variables: &[Node<VariableDefinition>]) {
        for variable in variables {
            if let Some(default) = &variable.default_value {
                self.value(&variable.ty, default);
            }
        }
    }

    fn value(&mut self, of: &Type, value: &Node<Value>) {
        let Some(known) = self.schema().types.get(of.inner_named_type()) else { return };
        match (value.as_ref(), known) {
            (Value::List(items), _) => items.iter().for_each(|item| self.value(of.item_type(), item)),
            (Value::Object(given), ExtendedType::InputObject(object)) => {
                for (name, inner) in given {
                    match object.fields.get(name) {
                        Some(field) => self.value(&field.ty, inner),
                        None => self.note(inner.location(), unknown_member(self.door, &object.name, name)),
                    }
                }
            }
            (Value::Enum(name), ExtendedType::Enum(of)) if !of.values.contains_key(name) => {
                self.note(name.location(), unknown_member(self.door, &of.name, name));
            }
            _ => {}
        }
    }
}

/// The error for a name that a type does not have among its fields, members or values.
pub(super) fn unknown_member(door: &DoorSchema, of: &str, name: &str) -> QueryError {
    let mut error = match door.lacks_column(of, name) {
        true => QueryError::new(ErrorCode::UnknownColumn, format!("column \"{name}\" not found")),
        false => {
            let message = format!("field \"{name}\" does not exist on \"{of}\"");
            QueryError::new(ErrorCode::InvalidDocument, message)
        }
    };
    let known = door.schema().types.get(of).map(members).unwrap_or_default();
    error.hint = did_you_mean(name, known.into_iter());
    error
}

fn members(of: &ExtendedType) -> Vec<&str> {
    match of {
        ExtendedType::Object(of) => of.fields.keys().map(|name| name.as_str()).collect(),
        ExtendedType::InputObject(of) => of.fields.keys().map(|name| name.as_str()).collect(),
        ExtendedType::Enum(of) => of.values.keys().map(|name| name.as_str()).collect(),
        ExtendedType::Scalar(_) | ExtendedType::Interface(_) | ExtendedType::Union(_) => Vec::new(),
    }
}
