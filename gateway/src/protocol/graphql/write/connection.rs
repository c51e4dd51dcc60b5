//! Pages as JSON: owns their rows, their edges and what is said of them. Does not write rows themselves.

use arrow_json::EncoderOptions;

use super::row::BoundRow;
use super::{Place, append_key, append_text};
use crate::protocol::graphql::found::Level;
use crate::protocol::graphql::output::{ConnectionMember, EdgeMember, Object, PageMember};
use crate::query::error::QueryError;

/// How much is written in one go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

impl Part {
    /// All of it.
    pub(super) const WHOLE: Self = Self { rows: usize::MAX, bytes: usize::MAX };
}

/// The pages of a level, bound once for all of them. Without a level there are none.
pub(super) struct BoundConnection<'a> {
    type_name: &'a str,
    level: Option<&'a Level>,
    members: Vec<(&'a str, Member<'a>)>,
}

enum Member<'a> {
    TypeName,
    Edges(&'a str, Vec<(&'a str, Edge<'a>)>),
    Nodes(BoundRow<'a>),
    PageInfo(&'a Object<PageMember>),
    TotalCount,
}

enum Edge<'a> {
    TypeName,
    Cursor,
    Node(BoundRow<'a>),
}

impl<'a> BoundConnection<'a> {
    /// Binds what is asked of pages to the rows of a level.
    ///
    /// # Errors
    /// `internal`: the rows lack a column.
    pub(super) fn of(
        object: &'a Object<ConnectionMember>,
        level: Option<&'a Level>,
        options: &'a EncoderOptions,
    ) -> Result<Self, QueryError> {
        let bind = |(key, member): &'a (String, ConnectionMember)| {
            let member = match member {
                ConnectionMember::TypeName => Member::TypeName,
                ConnectionMember::TotalCount => Member::TotalCount,
                ConnectionMember::PageInfo(page) => Member::PageInfo(page),
                ConnectionMember::Nodes(nodes) => Member::Nodes(BoundRow::of(nodes, level, options)?),
                ConnectionMember::Edges(edges) => {
                    let bound = edges.members.iter().map(|(key, member)| {
                        let edge = match member {
                            EdgeMember::TypeName => Edge::TypeName,
                            EdgeMember::Cursor => Edge::Cursor,
                            EdgeMember::Node(node) => Edge::Node(BoundRow::of(node, level, options)?),
                        };
                        Ok((key.as_str(), edge))
                    });
                    Member::Edges(&edges.type_name, bound.collect::<Result<_, QueryError>>()?)
                }
            };
            Ok((key.as_str(), member))
        };
        let members = object.members.iter().map(bind).collect::<Result<_, QueryError>>()?;
        Ok(Self { type_name: &object.type_name, level, members })
    }

    /// Appends a part of a page, and says where the next one starts.
    ///
    /// # Errors
    /// `internal`.
    pub(super) fn append(
        &mut self,
        page: Option<usize>,
        from: Place,
        size: Part,
        out: &mut Vec<u8>,
    ) -> Result<Option<Place>, QueryError> {
        let shown = self.level.zip(page);
        if from == Place::default() {
            out.push(b'{');
        }
        for (at, (key, member)) in self.members.iter_mut().enumerate().skip(from.member) {
            let row = if at == from.member { from.row } else { 0 };
            if row == 0 {
                append_key(at, key, out);
            }
            let next = match member {
                Member::TypeName => {
                    append_text(self.type_name, out);
                    None
                }
                Member::TotalCount => {
                    let rows = shown.map_or(Ok(0), |(level, page)| level.total_rows(page))?;
                    append_text(&rows.to_string(), out);
                    None
                }
                Member::PageInfo(object) => {
                    page_info(object, shown, out)?;
                    None
                }
                Member::Nodes(bound) => rows(shown, row, size, out, |at, out| bound.append(at, out))?,
                Member::Edges(type_name, bound) => {
                    rows(shown, row, size, out, |at, out| edge(type_name, bound, shown, at, out))?
                }
            };
            if let Some(row) = next {
                return Ok(Some(Place { member: at, row }));
            }
        }
        out.push(b'}');
        Ok(None)
    }
}

/// Rows of a page from one on, as many as make a part; says with which to go on.
pub(super) fn rows(
    shown: Option<(&Level, usize)>,
    from: usize,
    size: Part,
    out: &mut Vec<u8>,
    mut append: impl FnMut(usize, &mut Vec<u8>) -> Result<(), QueryError>,
) -> Result<Option<usize>, QueryError> {
    if from == 0 {
        out.push(b'[');
    }
    let enough = out.len().saturating_add(size.bytes);
    let rows = shown.map_or(0..0, |(level, page)| level.rows(page));
    for (at, row) in rows.enumerate().skip(from) {
        if at > from && (at - from >= size.rows || out.len() >= enough) {
            return Ok(Some(at));
        }
        if at > 0 {
            out.push(b',');
        }
        append(row, out)?;
    }
    out.push(b']');
    Ok(None)
}

fn edge(
    type_name: &str,
    bound: &mut [(&str, Edge<'_>)],
    shown: Option<(&Level, usize)>,
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), QueryError> {
    out.push(b'{');
    for (at, (key, member)) in bound.iter_mut().enumerate() {
        append_key(at, key, out);
        match member {
            Edge::TypeName => append_text(type_name, out),
            Edge::Node(node) => node.append(row, out)?,
            Edge::Cursor => {
                let (level, page) = shown.ok_or_else(|| QueryError::internal("an edge without a page"))?;
                append_text(&level.cursor(page, row)?, out);
            }
        }
    }
    out.push(b'}');
    Ok(())
}

fn page_info(
    object: &Object<PageMember>,
    shown: Option<(&Level, usize)>,
    out: &mut Vec<u8>,
) -> Result<(), QueryError> {
    out.push(b'{');
    for (at, (key, member)) in object.members.iter().enumerate() {
        append_key(at, key, out);
        match member {
            PageMember::TypeName => append_text(&object.type_name, out),
            PageMember::HasNextPage => {
                append_flag(shown.is_some_and(|(level, page)| level.has_next(page)), out);
            }
            PageMember::HasPreviousPage => {
                append_flag(shown.is_some_and(|(level, _)| level.has_previous()), out);
            }
            PageMember::StartCursor | PageMember::EndCursor => {
                let first = *member == PageMember::StartCursor;
                let cursor = shown.map_or(Ok(None), |(level, page)| level.end(page, first))?;
                append_cursor(cursor.as_deref(), out);
            }
            PageMember::NextCursor => {
                append_cursor(shown.and_then(|(level, _)| level.next_cursor()), out);
            }
            PageMember::NoCursor => append_cursor(None, out),
        }
    }
    out.push(b'}');
    Ok(())
}

fn append_cursor(cursor: Option<&str>, out: &mut Vec<u8>) {
    match cursor {
        Some(cursor) => append_text(cursor, out),
        None => out.extend_from_slice(b"null"),
    }
}

pub(super) fn append_flag(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}
