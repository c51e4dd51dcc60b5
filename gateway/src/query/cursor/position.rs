//! Positions as cursors hold them: owns their written form, and which of a position's forms serves which side.
//! Does not seal them and finds no rows or groups by them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::engine::page::{Boundary, Place, Position};

/// A [`Position`] as it is written down, in base64; those of rows have the place of theirs, by which they continue to
/// either side. Places have one length, whatever they are: the digits of a number would tell how many rows lie before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::query) enum SealedPosition {
    /// By place: file and row, big-endian.
    Row(String),
    /// By key, to the side that the cursor goes on to; to the other one by the key of the row at the place, which is
    /// made for that side.
    Key {
        /// The key.
        key: String,
        /// Where its row stands.
        place: String,
    },
    /// By the key of the row at a place.
    KeyOf(String),
    /// Among groups, as [`GroupPlace`] says. One length, too.
    Group(String),
}

/// A place among the groups of an aggregate, in an order that no two of them share a place in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query) struct GroupPlace {
    /// Groups before it.
    pub(in crate::query) skip: u64,
    /// When the first page was asked for, in microseconds since 1970.
    pub(in crate::query) asked_at_us: i64,
    /// Asked again, the groups before it come in the order that they came in.
    pub(in crate::query) settled: bool,
}

impl SealedPosition {
    /// What continues beside the outermost row of a page: the best first, and last what is short
    /// whatever the row holds.
    pub(super) fn beside(boundary: &Boundary) -> Vec<Self> {
        let lasting = Self::at(boundary.place, boundary.key.is_none());
        let key = boundary
            .key
            .as_ref()
            .map(|key| Self::Key { key: URL_SAFE_NO_PAD.encode(key), place: place_in_text(boundary.place) });
        key.into_iter().chain([lasting]).collect()
    }

    /// What continues beside a row of which only the place is known.
    pub(super) fn at(place: Place, in_file_order: bool) -> Self {
        let place = place_in_text(place);
        if in_file_order { Self::Row(place) } else { Self::KeyOf(place) }
    }

    /// The position as the engine takes it, on the cursor's own side or on the other one; `None` if it is not one.
    pub(super) fn open(&self, own_side: bool) -> Option<Position> {
        match self {
            Self::Row(place) => place_from_text(place).map(Position::Row),
            Self::Key { key, .. } if own_side => URL_SAFE_NO_PAD.decode(key).ok().map(Position::Key),
            Self::Key { place, .. } | Self::KeyOf(place) => place_from_text(place).map(Position::KeyOf),
            Self::Group(_) => None,
        }
    }

    /// What continues at a place among groups.
    pub(super) fn among_groups(place: GroupPlace) -> Self {
        let mut bytes = place.skip.to_be_bytes().to_vec();
        bytes.extend_from_slice(&place.asked_at_us.to_be_bytes());
        bytes.push(u8::from(place.settled));
        Self::Group(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The place among groups; `None` if it is not one.
    pub(in crate::query) fn group(&self) -> Option<GroupPlace> {
        let Self::Group(text) = self else { return None };
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (skip, rest) = bytes.split_first_chunk()?;
        let (asked_at_us, rest) = rest.split_first_chunk()?;
        let &[settled] = rest else { return None };
        Some(GroupPlace {
            skip: u64::from_be_bytes(*skip),
            asked_at_us: i64::from_be_bytes(*asked_at_us),
            settled: settled == 1,
        })
    }
}

fn place_in_text(place: Place) -> String {
    let mut bytes = place.file.to_be_bytes().to_vec();
    bytes.extend_from_slice(&place.row.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn place_from_text(text: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (file, row) = bytes.split_first_chunk()?;
    Some(Place { file: u32::from_be_bytes(*file), row: i64::from_be_bytes(row.try_into().ok()?) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_place_is_written_in_one_length() {
        for (file, row) in [(0, 0), (0, 9), (7, 5_000), (u32::MAX, i64::MAX)] {
            let place = Place { file, row };
            let [SealedPosition::Row(text)] = &SealedPosition::beside(&Boundary { place, key: None })[..]
            else {
                panic!("a place is more or less than one")
            };
            assert_eq!(text.len(), 16);
            for own_side in [true, false] {
                let sealed = SealedPosition::Row(text.clone());
                assert_eq!(sealed.open(own_side), Some(Position::Row(place)));
            }
        }
        for garbled in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAA"] {
            assert!(SealedPosition::Row(garbled.to_owned()).open(true).is_none());
        }
    }

    #[test]
    fn a_place_among_groups_is_written_in_one_length() {
        for (skip, asked_at_us, settled) in [(0, 0, true), (9, -1, false), (u64::MAX, i64::MAX, true)] {
            let place = GroupPlace { skip, asked_at_us, settled };
            let sealed = SealedPosition::among_groups(place);
            assert_eq!(sealed.group(), Some(place));
            assert_eq!([sealed.open(true), sealed.open(false)], [None, None], "it is no place of a row");
            let SealedPosition::Group(text) = sealed else { panic!("no place among groups") };
            assert_eq!(text.len(), 23);
        }
        for garbled in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(SealedPosition::Group(garbled.to_owned()).group().is_none());
        }
        assert!(SealedPosition::Row("A".repeat(23)).group().is_none());
    }

    #[test]
    fn a_key_comes_before_its_place_and_both_continue_to_either_side() {
        let place = Place { file: 1, row: 2 };
        let sealed = SealedPosition::beside(&Boundary { place, key: Some(vec![0, 255]) });
        let open = |own_side| -> Vec<Position> {
            sealed.iter().map(|sealed| sealed.open(own_side).unwrap()).collect()
        };
        assert_eq!(open(true), [Position::Key(vec![0, 255]), Position::KeyOf(place)]);
        assert_eq!(open(false), [Position::KeyOf(place), Position::KeyOf(place)]);
    }
}
