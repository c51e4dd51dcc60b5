//! Variables in the places where they are used: owns their coerced values, and the rule of the specification that
//! says where a variable may stand. It is applied inside lists and objects too, where validation looks at names of
//! types only. Does not know the types of places.

use std::collections::HashMap;

use apollo_compiler::Name;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::SourceSpan;

use super::{Coerced, Coercion, Fault, Input, Origin};
use crate::protocol::graphql::variables::Given;
use crate::query::error::ErrorCode;

/// The variables of one operation.
#[derive(Debug, Default)]
pub struct Variables(HashMap<Name, Variable>);

#[derive(Debug)]
struct Variable {
    of: Type,
    /// A default that is not null.
    has_default: bool,
    /// Absent where the request gives none and there is no default.
    value: Option<Input>,
}

/// The values of an operation's variables.
pub(super) fn variables(coercion: &Coercion<'_>, operation: &Operation, given: &Given) -> Coerced<Variables> {
    let mut variables = HashMap::with_capacity(operation.variables.len());
    for definition in &operation.variables {
        let (name, of) = (&definition.name, &definition.ty);
        let span = definition.location();
        let blamed = |fault: Fault| match fault.error.code {
            ErrorCode::InvalidDocument => {
                Fault::new(format!("variable \"${name}\": {}", fault.error.message), span)
            }
            // A column that is not there is told in the words of every door.
            _ => Fault { span, ..fault },
        };
        let value = match (given.get(name.as_str()), &definition.default_value) {
            (Some(value), _) => Some(coercion.value(of, value, Origin::Json).map_err(blamed)?),
            (None, Some(default)) => Some(coercion.value(of, default, Origin::Document).map_err(blamed)?),
            (None, None) if of.is_non_null() => {
                return Err(Fault::new(format!("variable \"${name}\" is required"), span));
            }
            (None, None) => None,
        };
        let has_default = definition.default_value.as_ref().is_some_and(|default| !default.is_null());
        variables.insert(name.clone(), Variable { of: of.as_ref().clone(), has_default, value });
    }
    Ok(Variables(variables))
}

impl Variables {
    /// The value of a variable in a place of some type; `None` where it is absent.
    pub(super) fn used(
        &self,
        name: &Name,
        place: &Type,
        place_has_default: bool,
        span: Option<SourceSpan>,
    ) -> Coerced<Option<Input>> {
        let Some(variable) = self.0.get(name) else {
            return Err(Fault::new(format!("variable \"${name}\" is not defined"), span));
        };
        if !variable.may_stand(place, place_has_default) {
            let of = &variable.of;
            let message =
                format!("variable \"${name}\" of type \"{of}\" stands where \"{place}\" is expected");
            return Err(Fault::new(message, span));
        }
        match &variable.value {
            Some(Input::Null) if place.is_non_null() => {
                Err(Fault::new(format!("variable \"${name}\" must not be null here"), span))
            }
            value => Ok(value.clone()),
        }
    }
}

impl Variable {
    /// Whether it may stand in such a place, whatever its value is.
    fn may_stand(&self, place: &Type, place_has_default: bool) -> bool {
        if place.is_non_null() && !self.of.is_non_null() {
            let has_default = self.has_default || place_has_default;
            return has_default && self.of.is_assignable_to(&place.clone().nullable());
        }
        self.of.is_assignable_to(place)
    }
}
