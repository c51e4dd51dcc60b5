//! Rows as JSON, and what belongs to them of other tables: owns binding what is asked of rows to the columns of a batch,
//! once for all of its rows. Does not write values or pages themselves.

use arrow_json::EncoderOptions;

use super::connection::{BoundConnection, Part};
use super::value::{BoundValue, lacking};
use super::{Place, append_first, append_key, append_text};
use crate::protocol::graphql::found::{Below, Level};
use crate::protocol::graphql::output::{Object, RowMember};
use crate::query::error::QueryError;

/// The rows of a level, bound once for all of them. Without a level there are none.
pub(super) struct BoundRow<'a> {
    type_name: &'a str,
    members: Vec<(&'a str, Member<'a>)>,
}

enum Member<'a> {
    TypeName,
    Value(BoundValue<'a>),
    Inside(BoundRow<'a>),
    One(&'a Below, BoundRow<'a>),
    Many(&'a Below, BoundConnection<'a>),
}

impl<'a> BoundRow<'a> {
    /// Binds what is asked of a row to the rows of a level.
    ///
    /// # Errors
    /// `internal`: the rows lack a column.
    pub(super) fn of(
        object: &'a Object<RowMember>,
        level: Option<&'a Level>,
        options: &'a EncoderOptions,
    ) -> Result<Self, QueryError> {
        let type_name = object.type_name.as_str();
        let Some(level) = level else { return Ok(Self { type_name, members: Vec::new() }) };
        let below = |at: &usize| {
            level.below.get(*at).ok_or_else(|| QueryError::internal("rows without those that belong to them"))
        };
        let bind = |(key, member): &'a (String, RowMember)| {
            let member = match member {
                RowMember::TypeName => Member::TypeName,
                RowMember::Column(name, value) => {
                    let schema = level.batch.schema_ref();
                    let (place, _) = schema.column_with_name(name).ok_or_else(|| lacking(name))?;
                    let (field, array) = (&schema.fields()[place], level.batch.column(place));
                    Member::Value(BoundValue::of(value, field, array, options)?)
                }
                RowMember::Inside(members) => Member::Inside(Self::of(members, Some(level), options)?),
                RowMember::One(at, row) => {
                    let below = below(at)?;
                    Member::One(below, Self::of(row, below.level.as_ref(), options)?)
                }
                RowMember::Many(at, page) => {
                    let below = below(at)?;
                    Member::Many(below, BoundConnection::of(page, below.level.as_ref(), options)?)
                }
            };
            Ok((key.as_str(), member))
        };
        let members = object.members.iter().map(bind).collect::<Result<_, QueryError>>()?;
        Ok(Self { type_name, members })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// `internal`.
    pub(super) fn append(&mut self, row: usize, out: &mut Vec<u8>) -> Result<(), QueryError> {
        out.push(b'{');
        for (at, (key, member)) in self.members.iter_mut().enumerate() {
            append_key(at, key, out);
            match member {
                Member::TypeName => append_text(self.type_name, out),
                Member::Value(value) => value.append(row, out),
                Member::Inside(members) => members.append(row, out)?,
                Member::One(below, bound) => {
                    let rows = below.level.as_ref().zip(page(below, row));
                    append_first(bound, rows.map_or(0..0, |(level, page)| level.rows(page)), out)?;
                }
                Member::Many(below, bound) => {
                    bound.append(page(below, row), Place::default(), Part::WHOLE, out)?;
                }
            }
        }
        out.push(b'}');
        Ok(())
    }
}

fn page(below: &Below, row: usize) -> Option<usize> {
    below.pages.get(row).copied().flatten()
}
