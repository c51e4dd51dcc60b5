//! Sealing: what goes in comes out, and nothing else gets in.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use sluice_policies::keys::KeyRing;

use super::position::{GroupPlace, SealedPosition};
use super::walk::{SealedWalk, Walk};
use super::{Cursor, CursorSealer, Digest};
use crate::config::cursors::CursorConfig;
use crate::engine::page::{Boundary, Place, Position};
use crate::query::error::ErrorCode;

const LAST: Place = Place { file: u32::MAX, row: i64::MAX };

fn walk(table: &str) -> Walk {
    Walk {
        table: table.to_owned(),
        version: 3,
        table_id: Digest::of(&[3; 32]),
        travels: false,
        question: Digest::of(&[1; 32]),
        fingerprint: Digest::of(&[2; 32]),
    }
}

fn cursor(key: &str) -> Cursor {
    Cursor {
        walk: walk("flights"),
        position: SealedPosition::Key { key: key.to_owned(), place: "A".repeat(16) },
        backward: true,
        expires_ms: u64::MAX,
    }
}

fn sealer() -> CursorSealer {
    CursorSealer::new(Arc::new(KeyRing::generate("k1")), &CursorConfig::default())
}

#[test]
fn a_sealed_cursor_opens_to_itself() {
    let sealer = sealer();
    let text = sealer.seal("k1", &cursor("AAAA")).unwrap().unwrap();
    assert_eq!(sealer.open(&text).unwrap(), (cursor("AAAA"), "k1".to_owned()));
}

#[test]
fn every_flipped_character_is_refused() {
    let sealer = sealer();
    let text = sealer.seal("k1", &cursor("AAAA")).unwrap().unwrap();
    for at in 0..text.len() {
        let mut forged = text.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(sealer.open(&forged).unwrap_err().code, ErrorCode::CursorInvalid, "at {at}");
    }
    for cut in 0..text.len() {
        assert_eq!(sealer.open(&text[..cut]).unwrap_err().code, ErrorCode::CursorInvalid);
    }
}

#[test]
fn another_ring_refuses_even_under_the_same_id() {
    let text = sealer().seal("k1", &cursor("AAAA")).unwrap().unwrap();
    assert_eq!(sealer().open(&text).unwrap_err().code, ErrorCode::CursorInvalid);
}

#[test]
fn a_cursor_past_its_end_is_expired() {
    let sealer = sealer();
    let text = sealer.seal("k1", &Cursor { expires_ms: 1, ..cursor("AAAA") }).unwrap().unwrap();
    assert_eq!(sealer.open(&text).unwrap_err().code, ErrorCode::CursorExpired);
}

#[test]
fn a_cursor_over_the_longest_is_not_made() {
    let (roomy, wanted) = (sealer(), cursor(&"A".repeat(3_000)));
    let bytes = roomy.seal("k1", &wanted).unwrap().unwrap().len();
    for (bytes_max, fits) in [(bytes, true), (bytes - 1, false), (2_000, false)] {
        let sealer = CursorSealer { bytes_max, ..sealer() };
        assert_eq!(sealer.seal("k1", &wanted).unwrap().is_some(), fits, "{bytes_max}");
    }
}

#[test]
fn a_place_fits_the_shortest_cursors_whatever_the_names() {
    let key_id = "k".repeat(64);
    let sealer = CursorSealer {
        keys: Arc::new(KeyRing::generate(&key_id)),
        bytes_max: crate::config::cursors::CURSOR_BYTES_FLOOR,
        ..sealer()
    };
    let walk = SealedWalk::new(&sealer, &key_id, Walk { version: u64::MAX, ..walk(&"t".repeat(128)) });
    let boundary = Boundary { place: LAST, key: Some(vec![0; 4_096]) };
    let text = walk.beside(&boundary, true).unwrap();
    assert_eq!(sealer.open(&text).unwrap().0.position(true), Some(Position::KeyOf(LAST)));
    assert!(walk.among_groups(GroupPlace { skip: 0, asked_at_us: 0, settled: true }).is_ok());
}

#[test]
fn lengths_of_short_values_do_not_show() {
    let sealer = sealer();
    let short = sealer.seal("k1", &cursor("A")).unwrap().unwrap();
    let longer = sealer.seal("k1", &cursor("AAAAAAAAAAAAAAAA")).unwrap().unwrap();
    assert_eq!(short.len(), longer.len());
}

#[test]
fn cursors_of_rows_have_one_length_and_go_on_after_them() {
    let sealer = sealer();
    let walk = SealedWalk::new(&sealer, "k1", walk("flights"));
    for in_file_order in [true, false] {
        let first = walk.at(Place { file: 0, row: 0 }, in_file_order).unwrap();
        let last = walk.at(LAST, in_file_order).unwrap();
        assert_eq!(first.len(), last.len());
        let (cursor, _) = sealer.open(&last).unwrap();
        let position = if in_file_order { Position::Row(LAST) } else { Position::KeyOf(LAST) };
        assert!(!cursor.backward);
        assert_eq!([cursor.position(false), cursor.position(true)], [Some(position.clone()), Some(position)]);
    }
}

#[test]
fn cursors_of_groups_have_one_length_and_continue_no_rows() {
    let sealer = sealer();
    let walk = SealedWalk::new(&sealer, "k1", walk("flights"));
    let place = |skip| GroupPlace { skip, asked_at_us: 1, settled: true };
    let first = walk.among_groups(place(1)).unwrap();
    let last = walk.among_groups(place(u64::MAX)).unwrap();
    assert_eq!(first.len(), last.len());
    let (cursor, _) = sealer.open(&last).unwrap();
    assert_eq!(cursor.position.group(), Some(place(u64::MAX)));
    assert_eq!([cursor.position(false), cursor.position(true)], [None, None]);
}

#[test]
fn a_key_serves_the_side_that_it_was_made_for() {
    let sealer = sealer();
    let walk = SealedWalk::new(&sealer, "k1", walk("flights"));
    for backward in [false, true] {
        let text = walk.beside(&Boundary { place: LAST, key: Some(vec![7]) }, backward).unwrap();
        let (cursor, _) = sealer.open(&text).unwrap();
        assert_eq!(cursor.position(backward), Some(Position::Key(vec![7])));
        assert_eq!(cursor.position(!backward), Some(Position::KeyOf(LAST)));
    }
}

#[test]
fn a_cursor_of_another_walk_is_refused() {
    let own = walk("flights");
    let repeat = "repeat the question";
    assert!(own.check(&own, repeat).is_ok());
    let other = Digest::of(&[9; 32]);
    for (walk, about) in [
        (walk("planes"), "question"),
        (Walk { table_id: other.clone(), ..walk("flights") }, "question"),
        (Walk { question: other.clone(), ..walk("flights") }, "question"),
        (Walk { version: 4, ..walk("flights") }, "version"),
        (Walk { fingerprint: other, ..walk("flights") }, "policy"),
    ] {
        let refused = own.check(&walk, repeat).unwrap_err();
        assert_eq!(refused.code, ErrorCode::CursorMismatch);
        assert_eq!(refused.hint.as_deref() == Some(repeat), about == "question");
        assert!(refused.message.contains(about), "{}", refused.message);
    }
}
