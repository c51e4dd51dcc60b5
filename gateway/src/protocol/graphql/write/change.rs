//! What a commit added as JSON: owns the object that tells of it. Does not write rows themselves.

use arrow_json::EncoderOptions;

use super::connection::{Part, append_flag, rows};
use super::row::BoundRow;
use super::{Place, append_key, append_text};
use crate::protocol::graphql::found::{ChangeFacts, Level};
use crate::protocol::graphql::output::{ChangeMember, Object};
use crate::protocol::http::table_version::timestamp;
use crate::query::error::QueryError;

/// A change, bound to its rows.
pub(super) struct BoundChange<'a> {
    type_name: &'a str,
    facts: ChangeFacts,
    level: &'a Level,
    members: Vec<(&'a str, Member<'a>)>,
}

enum Member<'a> {
    TypeName,
    Version,
    CommittedAt,
    More,
    Rows(BoundRow<'a>),
}

impl<'a> BoundChange<'a> {
    /// Binds what is asked of a change to the rows of a level.
    ///
    /// # Errors
    /// `internal`: the rows lack a column.
    pub(super) fn of(
        object: &'a Object<ChangeMember>,
        facts: ChangeFacts,
        level: &'a Level,
        options: &'a EncoderOptions,
    ) -> Result<Self, QueryError> {
        let bind = |(key, member): &'a (String, ChangeMember)| {
            let member = match member {
                ChangeMember::TypeName => Member::TypeName,
                ChangeMember::Version => Member::Version,
                ChangeMember::CommittedAt => Member::CommittedAt,
                ChangeMember::More => Member::More,
                ChangeMember::Rows(row) => {
                    Member::Rows(BoundRow::of(row, facts.has_rows.then_some(level), options)?)
                }
            };
            Ok((key.as_str(), member))
        };
        let members = object.members.iter().map(bind).collect::<Result<_, QueryError>>()?;
        Ok(Self { type_name: &object.type_name, facts, level, members })
    }

    /// Appends a part of it, and says where the next one starts.
    ///
    /// # Errors
    /// `internal`.
    pub(super) fn append(
        &mut self,
        from: Place,
        size: Part,
        out: &mut Vec<u8>,
    ) -> Result<Option<Place>, QueryError> {
        if from == Place::default() {
            out.push(b'{');
        }
        let (facts, level) = (self.facts, self.level);
        for (at, (key, member)) in self.members.iter_mut().enumerate().skip(from.member) {
            let row = if at == from.member { from.row } else { 0 };
            if row == 0 {
                append_key(at, key, out);
            }
            match member {
                Member::TypeName => append_text(self.type_name, out),
                Member::Version => append_text(&facts.version.to_string(), out),
                Member::CommittedAt => append_text(&timestamp(facts.committed_at), out),
                Member::More => append_flag(facts.more, out),
                Member::Rows(_) if !facts.has_rows => out.extend_from_slice(b"null"),
                Member::Rows(bound) => {
                    let next = rows(Some((level, 0)), row, size, out, |at, out| bound.append(at, out))?;
                    if let Some(row) = next {
                        return Ok(Some(Place { member: at, row }));
                    }
                }
            }
        }
        out.push(b'}');
        Ok(None)
    }
}
