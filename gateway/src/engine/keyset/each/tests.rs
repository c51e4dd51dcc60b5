//! Tests of the first rows of each group, against those of each group alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::super::{Key, KeyEncoder, Wanted};
use super::*;
use crate::engine::row_size::row_bytes;
use crate::engine::scan::{FILE, ROW};

const GROUPS: u32 = 5;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("value", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new(FILE, DataType::UInt32, false),
        Field::new(ROW, DataType::Int64, false),
    ]))
}

fn encoder(ordered: bool) -> Arc<KeyEncoder> {
    let key = Key { column: 0, descending: true, nulls_first: false };
    let keys = if ordered { vec![key] } else { Vec::new() };
    Arc::new(KeyEncoder::new(&schema(), keys, false).unwrap())
}

/// Rows from `first` on, full of ties, of texts of these lengths.
fn random_batch(
    random: &mut StdRng,
    first: i64,
    rows: usize,
    lengths: &[usize],
) -> (RecordBatch, UInt32Array) {
    let values: Int64Array =
        (0..rows).map(|_| [None, Some(1), Some(2)].choose(random).copied().unwrap()).collect();
    let texts: StringArray =
        (0..rows).map(|_| lengths.choose(random).map(|length| "x".repeat(*length))).collect();
    let files = UInt32Array::from(vec![0; rows]);
    let numbers: Int64Array = (first..).take(rows).map(Some).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(values), Arc::new(texts), Arc::new(files), Arc::new(numbers)];
    let groups = (0..rows).map(|_| Some(random.random_range(0..GROUPS))).collect();
    (RecordBatch::try_new(schema(), columns).unwrap(), groups)
}

fn push(first: &mut FirstOfEach, encoder: &KeyEncoder, batch: &RecordBatch, groups: &UInt32Array) {
    first.push(batch, groups, &encoder.encode(batch).unwrap(), &row_bytes(batch)).unwrap();
}

/// The rows of one group of a batch.
fn of_group(batch: &RecordBatch, groups: &UInt32Array, group: u32) -> RecordBatch {
    let mask: BooleanArray = groups.iter().map(|number| Some(number == Some(group))).collect();
    filter_record_batch(batch, &mask).unwrap()
}

#[expect(clippy::print_stdout, reason = "the seed of a random test")]
fn seeded() -> StdRng {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn each_group_has_what_it_has_alone() {
    let mut random = seeded();
    for round in 0..300 {
        let encoder = encoder(random.random_bool(0.7));
        let rows_max = [1, 2, 3, 8, 1_000][random.random_range(0..5)];
        let bytes_max = [1, 60, 300, 5_000, usize::MAX][random.random_range(0..5)];
        let lengths: &[usize] = [&[0][..], &[0, 10, 100], &[1_000]].choose(&mut random).unwrap();
        let mut each = FirstOfEach::new(schema(), GROUPS as usize, rows_max, bytes_max);
        let wanted = Wanted { rows: rows_max, bytes: bytes_max, after: None };
        let alone = || super::super::First::new(Arc::clone(&encoder), schema(), wanted.clone());
        let mut alone: Vec<_> = (0..GROUPS).map(|_| alone()).collect();
        let mut seen = vec![0; GROUPS as usize];
        let mut batches = Vec::new();
        for number in 0..random.random_range(0..8) {
            let rows = random.random_range(0..80);
            batches.push(random_batch(&mut random, number * 100, rows, lengths));
        }
        // They come from several readers at once.
        while !batches.is_empty() {
            let (batch, groups) = batches.swap_remove(random.random_range(0..batches.len()));
            push(&mut each, &encoder, &batch, &groups);
            for group in 0..GROUPS {
                let own = of_group(&batch, &groups, group);
                seen[group as usize] += own.num_rows() as u64;
                alone[group as usize].push(own).unwrap();
            }
            let stored: usize = each.batches.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(stored, each.stored.rows);
        }
        let (rows, found) = each.finish().unwrap();
        for (group, (found, alone)) in found.iter().zip(alone).enumerate() {
            let own = rows.slice(found.rows.start, found.rows.len());
            assert_eq!(own, alone.finish().unwrap(), "round {round}, group {group}");
            assert_eq!(found.bytes, row_bytes(&own));
            assert_eq!(found.seen, seen[group]);
        }
    }
}

#[test]
fn only_what_contends_can_change_what_is_found() {
    let mut random = seeded();
    for _ in 0..100 {
        let encoder = encoder(true);
        let mut each = FirstOfEach::new(schema(), GROUPS as usize, 3, 200);
        let mut less = FirstOfEach::new(schema(), GROUPS as usize, 3, 200);
        for number in 0..5 {
            let (batch, groups) = random_batch(&mut random, number * 100, 60, &[0, 40]);
            let contend = less.contend(&groups, &encoder.encode(&batch).unwrap());
            push(&mut each, &encoder, &batch, &groups);
            let groups = arrow::compute::filter(&groups, &contend).unwrap();
            let groups = groups.as_any().downcast_ref::<UInt32Array>().unwrap();
            push(&mut less, &encoder, &filter_record_batch(&batch, &contend).unwrap(), groups);
        }
        assert_eq!(each.finish().unwrap().0, less.finish().unwrap().0);
    }
}

#[test]
fn a_group_is_full_with_its_rows_or_past_its_bytes_and_stays_so() {
    let mut random = seeded();
    let encoder = encoder(false);
    let (batch, _) = random_batch(&mut random, 0, 6, &[100]);
    let group = |number: u32, rows| UInt32Array::from(vec![number; rows]);
    let mut each = FirstOfEach::new(schema(), 2, 3, 250);
    push(&mut each, &encoder, &batch.slice(3, 1), &group(0, 1));
    assert_eq!(each.full(), 0, "one row of 124 bytes");
    push(&mut each, &encoder, &batch.slice(4, 1), &group(0, 1));
    assert_eq!(each.full(), 0, "two rows of 248 bytes");
    push(&mut each, &encoder, &batch.slice(5, 1), &group(0, 1));
    assert_eq!(each.full(), 1, "three rows");
    // Earlier ones take the place of these.
    push(&mut each, &encoder, &batch.slice(0, 3), &group(0, 3));
    assert_eq!((each.full(), each.held().rows), (1, 3));
    push(&mut each, &encoder, &batch, &group(1, 6));
    assert_eq!((each.full(), each.held().rows), (2, 6));
    let (rows, found) = each.finish().unwrap();
    assert_eq!(rows.slice(0, 3), batch.slice(0, 3));
    assert_eq!(rows.slice(3, 3), batch.slice(0, 3));
    assert_eq!(found[1].seen, 6);
}

#[test]
fn rows_that_are_held_no_more_do_not_stay_in_memory() {
    let mut random = seeded();
    let encoder = encoder(false);
    let mut each = FirstOfEach::new(schema(), GROUPS as usize, 2, 100_000);
    // From the last row to the first, so that each batch displaces the one before.
    for number in (0..200).rev() {
        let (batch, groups) = random_batch(&mut random, number * 100, 100, &[1_000]);
        push(&mut each, &encoder, &batch, &groups);
        assert!(each.held().rows <= 2 * GROUPS as usize);
        assert!(each.stored.bytes <= 2 * each.held().bytes + 100_000, "{:?}", each.stored);
    }
}
