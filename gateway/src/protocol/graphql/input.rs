//! Values of arguments and variables, coerced to their types: owns the one way there, for values in a document as for
//! those in JSON. What validation lets pass is refused here: a member given twice, a variable of another type
//! inside a list or an object, a nullable one where null is none, and `= null` taken for a default. Does not know what
//! values mean.

mod scalar;
mod usage;

use std::cell::Cell;
use std::sync::Arc;

use apollo_compiler::ast::{Argument, Type, Value};
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::schema::{EnumType, ExtendedType, InputObjectType, InputValueDefinition};
use apollo_compiler::{Name, Node, Schema};

use super::document::ValidDocument;
use super::errors::DoorError;
use super::mistakes::unknown_member;
use super::schema::DoorSchema;
use super::variables::Given;
use crate::query::error::{ErrorCode, QueryError};

pub use self::usage::Variables;

/// A coerced value. Cheap to clone: a variable may stand in many places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, in its own digits.
    Number(Arc<str>),
    /// Text.
    Text(Arc<str>),
    /// A value of an enum.
    Enum(Name),
    /// A list.
    List(Arc<[Self]>),
    /// An input object; members are in the order of the schema, and those that are absent are not there.
    Object(Arc<[(Name, Self)]>),
}

/// Coerced arguments in the order of their definitions; those that are absent are not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments(Vec<(Name, Input)>);

impl Arguments {
    /// The argument of that name, if it is there; null is there.
    pub fn get(&self, name: &str) -> Option<&Input> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Coerces the values of one operation.
#[derive(Debug)]
pub struct Coercion<'a> {
    door: &'a DoorSchema,
    sources: &'a SourceMap,
    variables: Variables,
    bytes_max: usize,
    bytes_left: Cell<usize>,
}

/// Where a value comes from, which decides how enums are written and whether variables may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Document,
    Json,
}

/// What is wrong with a value, and where in the document.
struct Fault {
    error: Box<QueryError>,
    span: Option<SourceSpan>,
}

impl Fault {
    fn new(message: String, span: Option<SourceSpan>) -> Self {
        Self { error: Box::new(QueryError::new(ErrorCode::InvalidDocument, message)), span }
    }
}

type Coerced<T> = Result<T, Fault>;

impl<'a> Coercion<'a> {
    /// Coerces the variables of an operation. The texts of all values that are coerced with them later, counted
    /// wherever they stand, are at most `bytes_max` together.
    ///
    /// # Errors
    /// `invalid_document`: a value that is not of its variable's type, or a required one that is missing.
    pub fn new(
        door: &'a DoorSchema,
        document: &'a ValidDocument,
        operation: &Operation,
        given: &Given,
        bytes_max: usize,
    ) -> Result<Self, DoorError> {
        let variables = Variables::default();
        let sources = &document.sources;
        let mut coercion = Self { door, sources, variables, bytes_max, bytes_left: Cell::new(bytes_max) };
        coercion.variables = usage::variables(&coercion, operation, given).map_err(|f| coercion.told(f))?;
        Ok(coercion)
    }

    /// Coerces the arguments of a field or a directive.
    ///
    /// # Errors
    /// `invalid_document`: a value that is not of its argument's type; `expression_too_large`: the texts of
    /// all values are too long together.
    pub fn arguments(
        &self,
        defined: &[Node<InputValueDefinition>],
        given: &[Node<Argument>],
    ) -> Result<Arguments, DoorError> {
        let mut coerced: Vec<(Name, Input)> = Vec::new();
        for definition in defined {
            let given = given.iter().find(|argument| argument.name == definition.name);
            let span = given.and_then(|argument| argument.value.location());
            let value = self
                .member(definition, given.map(|argument| &argument.value), Origin::Document, span)
                .map_err(|fault| self.told(fault))?;
            if let Some(value) = value {
                self.spend(&value, span)?;
                coerced.push((definition.name.clone(), value));
            }
        }
        Ok(Arguments(coerced))
    }

    /// The types of the values.
    pub fn schema(&self) -> &'a Schema {
        self.door.schema()
    }

    /// Where the document's places are looked up.
    pub const fn sources(&self) -> &'a SourceMap {
        self.sources
    }

    fn told(&self, fault: Fault) -> DoorError {
        DoorError::from(*fault.error).in_document(fault.span, self.sources)
    }

    fn spend(&self, value: &Input, span: Option<SourceSpan>) -> Result<(), DoorError> {
        let left = self.bytes_left.get().checked_sub(value.bytes());
        let Some(left) = left else {
            let most = self.bytes_max;
            let message = format!("values, wherever they stand, are more than {most} bytes together");
            let error = QueryError::new(ErrorCode::ExpressionTooLarge, message);
            return Err(DoorError::from(error).in_document(span, self.sources));
        };
        self.bytes_left.set(left);
        Ok(())
    }

    /// An argument or a member of an input object; `None` where it is absent and stays so.
    fn member(
        &self,
        definition: &InputValueDefinition,
        given: Option<&Node<Value>>,
        origin: Origin,
        span: Option<SourceSpan>,
    ) -> Coerced<Option<Input>> {
        let has_default = definition.default_value.is_some();
        let value = match given.map(|value| (value, value.as_ref())) {
            None => None,
            Some((node, Value::Variable(name))) if origin == Origin::Document => {
                self.variables.used(name, &definition.ty, has_default, node.location())?
            }
            Some((node, _)) => Some(self.value(&definition.ty, node, origin)?),
        };
        match (value, &definition.default_value) {
            (Some(value), _) => Ok(Some(value)),
            (None, Some(default)) => self.value(&definition.ty, default, Origin::Document).map(Some),
            (None, None) if definition.ty.is_non_null() => {
                Err(Fault::new(format!("\"{}\" is required", definition.name), span))
            }
            (None, None) => Ok(None),
        }
    }

    fn value(&self, of: &Type, value: &Node<Value>, origin: Origin) -> Coerced<Input> {
        let span = value.location();
        match (value.as_ref(), of) {
            (Value::Variable(name), _) if origin == Origin::Document => {
                let absent = || unfit(&Value::Null, of, span);
                match self.variables.used(name, of, false, span)? {
                    Some(value) => Ok(value),
                    None if of.is_non_null() => Err(absent()),
                    None => Ok(Input::Null),
                }
            }
            (Value::Null, _) if of.is_non_null() => Err(unfit(value, of, span)),
            (Value::Null, _) => Ok(Input::Null),
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                let items = items.iter().map(|value| self.value(item, value, origin));
                items.collect::<Coerced<Arc<[Input]>>>().map(Input::List)
            }
            // A single value stands for the list of it.
            (_, Type::List(item) | Type::NonNullList(item)) => {
                Ok(Input::List(Arc::new([self.value(item, value, origin)?])))
            }
            (_, Type::Named(name) | Type::NonNullNamed(name)) => match self.schema().types.get(name) {
                Some(ExtendedType::Scalar(_)) => {
                    scalar::coerced(name, value).map_err(|reason| match reason {
                        Some(reason) => Fault::new(reason.to_owned(), span),
                        None => unfit(value, of, span),
                    })
                }
                Some(ExtendedType::Enum(known)) => self.enum_value(known, value, origin, span),
                Some(ExtendedType::InputObject(known)) => self.object(known, value, origin, of, span),
                _ => Err(unfit(value, of, span)),
            },
        }
    }

    /// Enums are names in a document and texts in JSON.
    fn enum_value(
        &self,
        of: &EnumType,
        value: &Value,
        origin: Origin,
        span: Option<SourceSpan>,
    ) -> Coerced<Input> {
        let name = match (value, origin) {
            (Value::Enum(name), Origin::Document) => name.as_str(),
            (Value::String(text), Origin::Json) => text.as_str(),
            _ => return Err(unfit(value, &Type::Named(of.name.clone()), span)),
        };
        match of.values.get_key_value(name) {
            Some((known, _)) => Ok(Input::Enum(known.clone())),
            None => Err(self.unknown(&of.name, name, span)),
        }
    }

    fn unknown(&self, of: &str, name: &str, span: Option<SourceSpan>) -> Fault {
        Fault { error: Box::new(unknown_member(self.door, of, name)), span }
    }

    fn object(
        &self,
        of: &InputObjectType,
        value: &Value,
        origin: Origin,
        named: &Type,
        span: Option<SourceSpan>,
    ) -> Coerced<Input> {
        let Value::Object(given) = value else { return Err(unfit(value, named, span)) };
        for (at, (name, inner)) in given.iter().enumerate() {
            let span = inner.location().or(span);
            if !of.fields.contains_key(name) {
                return Err(self.unknown(&of.name, name, span));
            }
            if given[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Fault::new(format!("field \"{name}\" is given twice"), span));
            }
        }
        let mut members: Vec<(Name, Input)> = Vec::new();
        for (name, definition) in &of.fields {
            let inner = given.iter().find(|(known, _)| known == name).map(|(_, inner)| inner);
            let span = inner.and_then(|inner| inner.location()).or(span);
            if let Some(value) = self.member(definition, inner, origin, span)? {
                members.push((name.clone(), value));
            }
        }
        Ok(Input::Object(members.into()))
    }
}

impl Input {
    /// Bytes of its texts and numbers, and one for each part.
    fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Enum(_) => 1,
            Self::Number(text) | Self::Text(text) => 1 + text.len(),
            Self::List(items) => 1 + items.iter().map(Self::bytes).sum::<usize>(),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.bytes()).sum::<usize>(),
        }
    }
}

fn unfit(value: &Value, of: &Type, span: Option<SourceSpan>) -> Fault {
    let found = match value {
        Value::Null => "null",
        Value::Enum(_) => "a name",
        Value::Variable(_) => "a variable",
        Value::String(_) => "a text",
        Value::Float(_) => "a number",
        Value::Int(_) => "a whole number",
        Value::Boolean(_) => "true or false",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
    };
    Fault::new(format!("{found} stands where a value of type \"{of}\" is expected"), span)
}

#[cfg(test)]
mod tests;
