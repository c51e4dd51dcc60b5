//! Deletion vectors in the log itself: owns their bytes. Knows one bitmap with one container, which holds any of the
//! first 65,536 rows of a file and fewer than 4,097 of them.

use serde_json::{Value, json};

/// Of vectors that are roaring bitmaps, one for each upper half of the row numbers.
const MAGIC: u32 = 1_681_511_377;
/// Of a bitmap without runs.
const COOKIE: u32 = 12_346;
/// From the cookie to the row numbers.
const HEADER_BYTES: u32 = 16;
const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// The `deletionVector` of an `add` that deletes these rows, which are in order.
pub(super) fn inline(rows: &[u16]) -> Value {
    assert!((1..=4_096).contains(&rows.len()), "rows of one small container");
    let last = u16::try_from(rows.len() - 1).expect("a count of rows");
    let mut bytes: Vec<u8> = Vec::new();
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(COOKIE.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(last.to_le_bytes());
    bytes.extend(HEADER_BYTES.to_le_bytes());
    bytes.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    let size = bytes.len();
    bytes.resize(size.next_multiple_of(4), 0);
    json!({
        "storageType": "i", "pathOrInlineDv": z85(&bytes), "sizeInBytes": size, "cardinality": rows.len(),
    })
}

/// Base 85 in the alphabet of ZeroMQ, four bytes in five digits.
fn z85(bytes: &[u8]) -> String {
    let mut text = String::new();
    for four in bytes.chunks_exact(4) {
        let number = four.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        for power in [85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1] {
            text.push(char::from(DIGITS[(number / power % 85) as usize]));
        }
    }
    text
}

#[test]
fn digits_are_those_of_the_specification() {
    assert_eq!(z85(&[0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]), "HelloWorld");
}
