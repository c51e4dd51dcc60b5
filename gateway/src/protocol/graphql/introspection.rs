//! What a schema says of itself: owns `__schema` and `__type`, beside which a document may ask for data. Answers are
//! written as they are found, so that one costs no more memory than its bytes, and ends where it is too long. Does not
//! decide what a role's schema holds.

mod written;

use self::written::{Described, Writer};
use super::document::too_many;
use super::errors::DoorError;
use super::input::Input;
use super::schema::DoorSchema;
use super::selection::{Selected, Selections};
use crate::config::graphql::GraphqlConfig;
use crate::query::error::{ErrorCode, QueryError};

/// How often one operation may ask: an answer is as long as the schema each time.
const TIMES_MAX: usize = 2;
/// Fields inside each other. What tools ask for has some fifteen levels.
const DEPTH_MAX: usize = 32;

/// How much longer than the schema's text an answer may be: what tools ask for is some six times as long. Fields under
/// many keys, each of which answers with as much again, end here.
const LENGTH_FACTOR: usize = 32;
/// The types of introspection itself are in every answer and in no text.
const LENGTH_LEAST: usize = 1 << 20;

/// Whether a root field asks for the schema.
pub fn is_introspection(field: &Selected<'_>) -> bool {
    matches!(field.name(), "__schema" | "__type")
}

/// Whether the root fields of an operation may ask for the schema as they do.
///
/// # Errors
/// `invalid_document` where introspection is turned off, `document_too_large` where the schema is asked for too often.
pub fn check(
    fields: &[Selected<'_>],
    selections: &Selections<'_>,
    config: &GraphqlConfig,
) -> Result<(), DoorError> {
    let mut asked = fields.iter().filter(|field| is_introspection(field));
    let first = asked.next();
    if let Some(first) = first.filter(|_| !config.introspection) {
        let error = QueryError::new(ErrorCode::InvalidDocument, "introspection is turned off");
        return Err(selections.blame(first.field, error));
    }
    if asked.count() >= TIMES_MAX {
        return Err(too_many(TIMES_MAX, "fields that ask for the schema"));
    }
    Ok(())
}

/// Writes the value of one such root field. `out` gets no longer than `bytes_max`, but for a few bytes, and no longer
/// than is in proportion to the schema.
///
/// # Errors
/// `result_too_large` past the limit, `document_too_large` or `invalid_document` as for [`Selections::of`].
pub fn write(
    door: &DoorSchema,
    selections: &Selections<'_>,
    field: &Selected<'_>,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), DoorError> {
    let picked = pick(selections, field, 1)?;
    let proportionate = door.text_bytes().saturating_mul(LENGTH_FACTOR).max(LENGTH_LEAST);
    let bytes_max = bytes_max.min(out.len().saturating_add(proportionate));
    let mut writer = Writer { schema: door.schema(), out, bytes_max };
    let described = match (field.name(), field.arguments.get("name")) {
        ("__schema", _) => Some(Described::Schema),
        (_, Some(Input::Text(name))) => writer.schema.types.get(name.as_ref()).map(Described::Type),
        _ => None,
    };
    writer.object(described, &picked.below).map_err(|_| {
        let message = format!("the answer is larger than {bytes_max} bytes");
        let error =
            QueryError::new(ErrorCode::ResultTooLarge, message).with_hint("ask for less of the schema");
        selections.blame(field.field, error)
    })
}

/// A field of the answer with all that is asked below it, found once for all the objects that it is asked of.
#[derive(Debug)]
struct Picked<'d> {
    key: &'d str,
    name: &'d str,
    /// Those that are deprecated are asked for too.
    deprecated: bool,
    below: Vec<Picked<'d>>,
}

fn pick<'d>(
    selections: &Selections<'d>,
    field: &Selected<'d>,
    depth: usize,
) -> Result<Picked<'d>, DoorError> {
    if depth > DEPTH_MAX {
        let message = format!("the schema is asked for more than {DEPTH_MAX} levels deep");
        return Err(selections.blame(field.field, QueryError::new(ErrorCode::DocumentTooLarge, message)));
    }
    let of = field.field.definition.ty.inner_named_type();
    let below = selections.of(of, &field.below)?;
    Ok(Picked {
        key: field.key,
        name: &field.field.name,
        deprecated: field.arguments.get("includeDeprecated") == Some(&Input::Bool(true)),
        below: below.iter().map(|field| pick(selections, field, depth + 1)).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests;
