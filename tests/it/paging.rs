//! Paging: owns the promise that a walk over a pinned version meets every row exactly once, in
//! order, in both directions, whatever is written meanwhile; and what becomes of bad cursors.

mod asked;
mod cursors;
mod floats;
mod groups;
mod keys;
mod model;
mod pins;
mod row_cursors;
mod sides;
mod stage;
mod walks;
