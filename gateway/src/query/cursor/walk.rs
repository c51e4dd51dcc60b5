//! What all cursors of one page have in common: owns the name of a question at a pinned version, and making cursors
//! of its rows and groups. Does not choose them.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::position::{GroupPlace, SealedPosition};
use super::{Cursor, CursorSealer, Digest};
use crate::engine::page::{Boundary, Place};
use crate::engine::secured::SecuredTable;
use crate::query::error::{ErrorCode, QueryError};

/// One question at a pinned version, under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::query) struct Walk {
    /// The table's name.
    pub(in crate::query) table: String,
    /// The pinned version.
    pub(in crate::query) version: u64,
    /// Digest of the identity in the table's metadata: a table made anew under the name is another.
    pub(in crate::query) table_id: Digest,
    /// It began by asking for a version.
    pub(in crate::query) travels: bool,
    /// Digest of everything that decides which rows or groups come in which order.
    pub(in crate::query) question: Digest,
    /// Fingerprint of the policy that it is made under.
    pub(in crate::query) fingerprint: Digest,
}

impl Walk {
    /// Over the version of `table` that is read.
    pub(in crate::query) fn over(table: &SecuredTable, question: Digest, travels: bool) -> Self {
        let snapshot = table.snapshot();
        Self {
            table: table.name().to_owned(),
            version: snapshot.version(),
            table_id: Digest::of(&Sha256::digest(snapshot.table_id()).into()),
            travels,
            question,
            fingerprint: Digest::of(table.fingerprint().as_bytes()),
        }
    }

    /// Refuses a cursor of another walk; `repeat` is what to do about another question.
    ///
    /// # Errors
    /// `cursor_mismatch`, with what differs.
    pub(in crate::query) fn check(&self, cursor: &Self, repeat: &str) -> Result<(), QueryError> {
        let mismatch = |message: &str, hint: &str| {
            Err(QueryError::new(ErrorCode::CursorMismatch, message).with_hint(hint))
        };
        let same_table = self.table == cursor.table && self.table_id == cursor.table_id;
        if !same_table || self.question != cursor.question {
            return mismatch("the cursor belongs to another question", repeat);
        }
        if self.version != cursor.version {
            return Err(other_version());
        }
        if self.fingerprint != cursor.fingerprint {
            return mismatch("the cursor was made under another policy", "start again without a cursor");
        }
        Ok(())
    }
}

/// The refusal of a cursor whose version is not the one that is asked for.
pub(in crate::query) fn other_version() -> QueryError {
    QueryError::new(ErrorCode::CursorMismatch, "the cursor belongs to another version")
        .with_hint("leave out \"version\" and \"as_of\" when continuing")
}

/// A walk with what seals its cursors.
#[derive(Debug, Clone)]
pub(in crate::query) struct SealedWalk {
    sealer: CursorSealer,
    key_id: String,
    walk: Walk,
    expires_ms: u64,
}

impl SealedWalk {
    /// Of cursors that are made at this moment, under the key `key_id`.
    pub(in crate::query) fn new(sealer: &CursorSealer, key_id: &str, walk: Walk) -> Self {
        let (sealer, expires_ms) = (sealer.clone(), sealer.expiry());
        Self { sealer, key_id: key_id.to_owned(), walk, expires_ms }
    }

    /// The same of another question.
    pub(in crate::query) fn about(&self, question: Digest) -> Self {
        let walk = Walk { question, ..self.walk.clone() };
        Self { sealer: self.sealer.clone(), key_id: self.key_id.clone(), walk, expires_ms: self.expires_ms }
    }

    /// A cursor beside the outermost row of a page, going on from it.
    pub(in crate::query) fn beside(&self, boundary: &Boundary, backward: bool) -> Result<String, QueryError> {
        for position in SealedPosition::beside(boundary) {
            if let Some(text) = self.seal(position, backward)? {
                return Ok(text);
            }
        }
        Err(too_long())
    }

    /// A cursor at any row. They all have one length.
    pub(in crate::query) fn at(&self, place: Place, in_file_order: bool) -> Result<String, QueryError> {
        self.seal(SealedPosition::at(place, in_file_order), false)?.ok_or_else(too_long)
    }

    /// A cursor at a place among groups.
    pub(in crate::query) fn among_groups(&self, place: GroupPlace) -> Result<String, QueryError> {
        self.seal(SealedPosition::among_groups(place), false)?.ok_or_else(too_long)
    }

    fn seal(&self, position: SealedPosition, backward: bool) -> Result<Option<String>, QueryError> {
        let cursor = Cursor { walk: self.walk.clone(), position, backward, expires_ms: self.expires_ms };
        self.sealer.seal(&self.key_id, &cursor)
    }
}

fn too_long() -> QueryError {
    QueryError::internal("a place is too long for a cursor")
}
