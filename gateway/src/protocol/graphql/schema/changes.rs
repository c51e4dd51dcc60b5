//! The types of what commits add to one table as text: owns the field of subscriptions and the type of its events. Does
//! not resolve names.

use super::sdl::{Sdl, member};
use super::tables::DoorTable;

/// The field of subscriptions.
pub(super) fn root_field(table: &DoorTable) -> String {
    let (field, of) = (&table.field, &table.type_name);
    member(None, &format!("{field}Changed(where: {of}Where): {of}Change"))
}

/// The type of its events.
pub(super) fn write(sdl: &mut Sdl, table: &DoorTable) {
    let of = &table.type_name;
    let lines = [
        member(Some("The version that the commit made."), "version: Int64!"),
        member(Some("When that was."), "committedAt: Timestamp!"),
        member(Some("There are further rows of this commit: they come next."), "more: Boolean!"),
        member(
            Some(
                "Rows that the commit added. Null where that can't be told: what was read before is out of date.",
            ),
            &format!("rows: [{of}!]"),
        ),
    ];
    sdl.block("type", &format!("{of}Change"), None, lines);
}
