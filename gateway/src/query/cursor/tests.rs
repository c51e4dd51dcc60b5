//! Sealing: what goes in comes out, and nothing else gets in.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use sluice_policies::keys::KeyRing;

use super::{Cursor, CursorSealer, Digest, SealedPosition};
use crate::config::cursors::CursorConfig;
use crate::engine::page::{Boundary, Place, Position};
use crate::query::error::ErrorCode;

fn cursor(key: &str) -> Cursor {
    Cursor {
        table: "flights".to_owned(),
        version: 3,
        table_id: Digest::of(&[3; 32]),
        position: SealedPosition::Key(key.to_owned()),
        travels: false,
        backward: true,
        question: Digest::of(&[1; 32]),
        fingerprint: Digest::of(&[2; 32]),
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
fn a_place_is_written_in_one_length() {
    for (file, row) in [(0, 0), (0, 9), (7, 5_000), (u32::MAX, i64::MAX)] {
        let place = Place { file, row };
        let [SealedPosition::Row(text)] = &SealedPosition::beside(&Boundary { place, key: None })[..] else {
            panic!("a place is more or less than one")
        };
        assert_eq!(text.len(), 16);
        assert_eq!(SealedPosition::Row(text.clone()).position(), Some(Position::Row(place)));
    }
    for garbled in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAA"] {
        assert!(SealedPosition::Row(garbled.to_owned()).position().is_none());
    }
}

#[test]
fn a_key_comes_before_its_place_and_both_continue() {
    let place = Place { file: 1, row: 2 };
    let sealed = SealedPosition::beside(&Boundary { place, key: Some(vec![0, 255]) });
    let positions: Vec<_> = sealed.iter().map(|sealed| sealed.position().unwrap()).collect();
    assert_eq!(positions, [Position::Key(vec![0, 255]), Position::KeyOf(place)]);
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
    let place = Place { file: u32::MAX, row: i64::MAX };
    let sealed = SealedPosition::beside(&Boundary { place, key: Some(vec![0; 4_096]) });
    let longest = Cursor { table: "t".repeat(128), position: sealed[1].clone(), ..cursor("") };
    assert!(sealer.seal(&key_id, &longest).unwrap().is_some());
}

#[test]
fn lengths_of_short_values_do_not_show() {
    let sealer = sealer();
    let short = sealer.seal("k1", &cursor("A")).unwrap().unwrap();
    let longer = sealer.seal("k1", &cursor("AAAAAAAAAAAAAAAA")).unwrap().unwrap();
    assert_eq!(short.len(), longer.len());
}
