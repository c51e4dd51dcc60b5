//! Deletion vectors: inline ones, and those that can't be read.

use roaring::RoaringTreemap;
use serde_json::{Value, json};

use crate::lake::{TestTable, add_with_vector, metadata, protocol_with, remove_with_vector};

/// The magic number before a portable bitmap.
const MAGIC: u32 = 1_681_511_377;

fn inline(rows: &[u64], stated: u64) -> Value {
    let mut bytes = MAGIC.to_le_bytes().to_vec();
    rows.iter().copied().collect::<RoaringTreemap>().serialize_into(&mut bytes).unwrap();
    let size = bytes.len();
    // The encoding works on groups of four bytes.
    bytes.resize(size.next_multiple_of(4), 0);
    json!({"storageType": "i", "pathOrInlineDv": z85(&bytes), "sizeInBytes": size, "cardinality": stated})
}

fn z85(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    let mut text = String::new();
    for group in bytes.chunks(4) {
        let mut value = group.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        let mut digits = [0_u8; 5];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(value % 85) as usize];
            value /= 85;
        }
        text.extend(digits.map(char::from));
    }
    text
}

fn table(vector: &Value) -> TestTable {
    let table = TestTable::nothing();
    table.commit(0, &[protocol_with(&["deletionVectors"]), metadata("id-1", &["a"])]);
    table.commit(1, &[add_with_vector("f", vector)]);
    table
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_are_read_and_counted() {
    let table = table(&inline(&[0, 2], 2));
    let (_catalog, served) = table.open().await;
    let snapshot = served.current().unwrap();
    assert_eq!(snapshot.num_rows(), Some(1));
    let file = &snapshot.files()[0];
    let rows = snapshot.deleted_rows(file).await.unwrap().unwrap();
    assert_eq!(rows.iter().collect::<Vec<_>>(), [0, 2]);
    assert!(!file.stats.as_ref().unwrap().tight_bounds);

    let vector = inline(&[0, 1, 2], 3);
    table.commit(2, &[remove_with_vector("f", &inline(&[0, 2], 2)), add_with_vector("f", &vector)]);
    served.refresh().await.unwrap();
    let newer = served.current().unwrap();
    assert_eq!((newer.files().len(), newer.num_rows()), (1, Some(0)));
    assert_eq!(newer.deleted_rows(&newer.files()[0]).await.unwrap().unwrap().len(), 3);
    assert_eq!(snapshot.deleted_rows(file).await.unwrap().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vector_without_removing_the_first_is_refused() {
    let table = table(&inline(&[0], 1));
    let (_catalog, served) = table.open().await;
    table.commit(2, &[add_with_vector("f", &inline(&[1], 1))]);
    let error = served.refresh().await.unwrap_err().to_string();
    assert!(error.contains("listed twice"), "{error}");
    let (_catalog, fresh) = table.open().await;
    assert!(fresh.current().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_cannot_be_read_is_an_error_of_that_file() {
    let garbled =
        |text: &str| json!({"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": 4, "cardinality": 1});
    let missing = json!({"storageType": "u", "pathOrInlineDv": "vBn[lx{q8@P<9BNH/isA", "offset": 1,
        "sizeInBytes": 4, "cardinality": 1});
    for vector in [garbled(""), garbled("00000"), garbled("not z85 ~~"), missing, inline(&[0], 2)] {
        let table = table(&vector);
        let (_catalog, served) = table.open().await;
        let snapshot = served.current().unwrap();
        let error = snapshot.deleted_rows(&snapshot.files()[0]).await.unwrap_err().to_string();
        assert!(error.starts_with("deletion vector of file \"f\""), "{vector}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_deletes_rows_beyond_the_file_is_refused() {
    let table = table(&inline(&[1, 3], 2));
    let (_catalog, served) = table.open().await;
    let snapshot = served.current().unwrap();
    let error = snapshot.deleted_rows(&snapshot.files()[0]).await.unwrap_err().to_string();
    assert!(error.contains("it deletes row 3 of 3"), "{error}");
}
