//! Sealing: what goes in comes out, and nothing else gets in.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use sluice_policies::keys::KeyRing;

use super::{Cursor, CursorSealer, Digest, SealedPosition};
use crate::config::cursors::CursorConfig;
use crate::engine::page::Position;
use crate::query::error::ErrorCode;

fn cursor(key: &str) -> Cursor {
    Cursor {
        table: "flights".to_owned(),
        version: 3,
        table_id: "id".to_owned(),
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
    let text = sealer.seal("k1", &cursor("AAAA")).unwrap();
    assert_eq!(sealer.open(&text).unwrap(), (cursor("AAAA"), "k1".to_owned()));
}

#[test]
fn every_flipped_character_is_refused() {
    let sealer = sealer();
    let text = sealer.seal("k1", &cursor("AAAA")).unwrap();
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
    let text = sealer().seal("k1", &cursor("AAAA")).unwrap();
    assert_eq!(sealer().open(&text).unwrap_err().code, ErrorCode::CursorInvalid);
}

#[test]
fn a_cursor_past_its_end_is_expired() {
    let sealer = sealer();
    let text = sealer.seal("k1", &Cursor { expires_ms: 1, ..cursor("AAAA") }).unwrap();
    assert_eq!(sealer.open(&text).unwrap_err().code, ErrorCode::CursorExpired);
}

#[test]
fn a_place_is_written_in_one_length() {
    let places =
        [(0, 0), (0, 9), (7, 5_000), (u32::MAX, i64::MAX)].map(|(file, row)| Position::Row { file, row });
    for place in &places {
        let sealed = SealedPosition::from(place);
        assert_eq!(sealed.position().as_ref(), Some(place));
        let SealedPosition::Row(text) = sealed else { panic!("a place became a key") };
        assert_eq!(text.len(), 16);
    }
    for garbled in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAA"] {
        assert!(SealedPosition::Row(garbled.to_owned()).position().is_none());
    }
}

#[test]
fn lengths_of_short_values_do_not_show() {
    let sealer = sealer();
    let short = sealer.seal("k1", &cursor("A")).unwrap();
    let longer = sealer.seal("k1", &cursor("AAAAAAAAAAAAAAAA")).unwrap();
    assert_eq!(short.len(), longer.len());
}
