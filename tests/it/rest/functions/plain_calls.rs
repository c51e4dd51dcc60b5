//! One plain call of every function that a caller may name: the list promises them all, so that all
//! of them answer.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, Int64Builder, MapBuilder, RecordBatch, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use sluice_tests::delta::HandTable;
use sluice_tests::gateway::{Setup, run};

use super::listed;
use crate::accounts;

/// Function and arguments, over the columns of the accounts, or those of the nested table.
const SCALAR: [(&str, &str); 100] = [
    ("coalesce", "null, 1"),
    ("nullif", "1, 2"),
    ("nvl", "null, 1"),
    ("nvl2", "1, 2, 3"),
    ("greatest", "1, 2"),
    ("least", "1, 2"),
    ("abs", "-1"),
    ("acos", "0.5"),
    ("acosh", "1.5"),
    ("asin", "0.5"),
    ("asinh", "0.5"),
    ("atan", "0.5"),
    ("atan2", "1.0, 2.0"),
    ("atanh", "0.5"),
    ("cbrt", "8.0"),
    ("ceil", "0.5"),
    ("cos", "0.5"),
    ("cosh", "0.5"),
    ("cot", "0.5"),
    ("degrees", "1.0"),
    ("exp", "1.0"),
    ("floor", "0.5"),
    ("gcd", "4, 6"),
    ("isnan", "score"),
    ("iszero", "score"),
    ("lcm", "4, 6"),
    ("ln", "2.0"),
    ("log", "2.0, 8.0"),
    ("log10", "10.0"),
    ("log2", "8.0"),
    ("nanvl", "score, 1.0"),
    ("pi", ""),
    ("power", "2.0, 3.0"),
    ("radians", "1.0"),
    ("round", "1.25, 1"),
    ("signum", "-2.0"),
    ("sin", "0.5"),
    ("sinh", "0.5"),
    ("sqrt", "4.0"),
    ("tan", "0.5"),
    ("tanh", "0.5"),
    ("trunc", "1.5"),
    ("ascii", "'a'"),
    ("bit_length", "'a'"),
    ("btrim", "' a '"),
    ("character_length", "email"),
    ("chr", "65"),
    ("contains", "email, '@'"),
    ("ends_with", "email, 'e'"),
    ("find_in_set", "'b', 'a,b'"),
    ("initcap", "tenant"),
    ("left", "email, 2"),
    ("lower", "email"),
    ("ltrim", "' a'"),
    ("octet_length", "email"),
    ("regexp_like", "day_text, '^2'"),
    ("reverse", "email"),
    ("right", "email, 2"),
    ("rtrim", "'a '"),
    ("split_part", "email, '@', 1"),
    ("starts_with", "email, 'p'"),
    ("strpos", "email, '@'"),
    ("substr", "email, 2, 3"),
    ("substr_index", "email, '@', 1"),
    ("to_hex", "id"),
    ("translate", "email, 'ab', 'ba'"),
    ("upper", "email"),
    ("current_date", ""),
    ("current_time", ""),
    ("date_bin", "interval '15 minutes', now(), timestamp '2024-01-01T00:00:00'"),
    ("date_part", "'year', born"),
    ("date_trunc", "'month', born"),
    ("from_unixtime", "id"),
    ("make_date", "2024, 2, 29"),
    ("now", ""),
    ("to_date", "'2024-02-29'"),
    ("to_local_time", "now()"),
    ("to_timestamp", "'2024-02-29T00:00:00Z'"),
    ("to_timestamp_micros", "id"),
    ("to_timestamp_millis", "id"),
    ("to_timestamp_nanos", "id"),
    ("to_timestamp_seconds", "id"),
    ("to_unixtime", "born"),
    ("array_distance", "[1.0, 2.0], [2.0, 3.0]"),
    ("array_element", "[1, 2], 1"),
    ("array_has", "[1, 2], 1"),
    ("array_has_all", "[1, 2], [1]"),
    ("array_has_any", "[1, 2], [1]"),
    ("array_length", "[1, 2]"),
    ("array_max", "[1, 2]"),
    ("array_min", "[1, 2]"),
    ("array_ndims", "[1, 2]"),
    ("array_position", "[1, 2], 2"),
    ("array_slice", "[1, 2], 1, 1"),
    ("cardinality", "[1, 2]"),
    ("empty", "[1, 2]"),
    ("get_field", "named, 'a'"),
    ("map_extract", "pairs, 'a'"),
    ("map_keys", "pairs"),
    ("map_values", "pairs"),
];

/// Aggregate functions, by tenant.
const AGGREGATE: [(&str, &str); 34] = [
    ("approx_distinct", "id"),
    ("approx_median", "id"),
    ("avg", "id"),
    ("bit_and", "id"),
    ("bit_or", "id"),
    ("bit_xor", "id"),
    ("bool_and", "id > 1"),
    ("bool_or", "id > 1"),
    ("corr", "id, bal"),
    ("count", "id"),
    ("covar_pop", "id, bal"),
    ("covar_samp", "id, bal"),
    ("first_value", "id"),
    ("grouping", "tenant"),
    ("last_value", "id"),
    ("max", "id"),
    ("median", "id"),
    ("min", "id"),
    ("nth_value", "id, 2"),
    ("percentile_cont", "score, 0.5"),
    ("regr_avgx", "id, bal"),
    ("regr_avgy", "id, bal"),
    ("regr_count", "id, bal"),
    ("regr_intercept", "id, bal"),
    ("regr_r2", "id, bal"),
    ("regr_slope", "id, bal"),
    ("regr_sxx", "id, bal"),
    ("regr_sxy", "id, bal"),
    ("regr_syy", "id, bal"),
    ("stddev", "id"),
    ("stddev_pop", "id"),
    ("sum", "id"),
    ("var", "id"),
    ("var_pop", "id"),
];

/// Window functions, in the order of the ids.
const WINDOW: [(&str, &str); 11] = [
    ("cume_dist", ""),
    ("dense_rank", ""),
    ("first_value", "id"),
    ("lag", "id"),
    ("last_value", "id"),
    ("lead", "id, 2"),
    ("nth_value", "id, 2"),
    ("ntile", "4"),
    ("percent_rank", ""),
    ("rank", ""),
    ("row_number", ""),
];

/// A table of one row with a struct and a map.
fn write_nested(place: &Path) -> HandTable {
    let number = Field::new("a", DataType::Int64, true);
    let named = StructArray::from(vec![(Arc::new(number), Arc::new(Int64Array::from(vec![7])) as ArrayRef)]);
    let mut pairs = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    pairs.keys().append_value("a");
    pairs.values().append_value(7);
    pairs.append(true).unwrap();
    let columns: [ArrayRef; 2] = [Arc::new(named), Arc::new(pairs.finish())];
    let schema = Arc::new(Schema::new(vec![
        Field::new("named", columns[0].data_type().clone(), true),
        Field::new("pairs", columns[1].data_type().clone(), true),
    ]));
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns.to_vec()).unwrap();
    let mut table = HandTable::create(place, &schema);
    table.append(&[rows]);
    table
}

#[test]
fn every_function_of_the_list_answers() {
    run(async {
        let setup = Setup::new("plain-calls", accounts::POLICIES)
            .table(accounts::definition())
            .table(json!({ "name": "nested", "location": "nested" }));
        let _tables = (accounts::write(&setup.place("accounts")), write_nested(&setup.place("nested")));
        let gateway = setup.start().await;
        let admin = gateway.role("admin");
        let calls = |list: &[(&str, &str)], make: &dyn Fn(&str) -> String| -> Vec<String> {
            list.iter().map(|(name, arguments)| make(&format!("{name}({arguments})"))).collect()
        };
        let all = [
            calls(&SCALAR, &|call| {
                let nested = call.contains("(named") || call.contains("(pairs");
                let table = if nested { "nested" } else { "accounts" };
                format!("select {call} as x from {table} limit 3")
            }),
            calls(&AGGREGATE, &|call| format!("select {call} as x from accounts group by tenant")),
            calls(&WINDOW, &|call| format!("select {call} over (order by id) as x from accounts limit 3")),
        ]
        .concat();
        let mut silent: Vec<String> = Vec::new();
        for sql in all {
            let answer = admin.sql(&sql).await;
            if answer.status != 200 {
                silent.push(format!("{sql}: {}", answer.text()));
            }
        }
        assert!(silent.is_empty(), "{}", silent.join("\n"));
        gateway.shutdown().await;
    });
}

#[test]
fn every_function_of_the_list_is_called() {
    for (list, called) in [("SCALAR", &SCALAR[..]), ("AGGREGATE", &AGGREGATE[..]), ("WINDOW", &WINDOW[..])] {
        let called: BTreeSet<&str> = called.iter().map(|(name, _)| *name).collect();
        assert_eq!(called, listed(list).into_iter().collect(), "{list}");
    }
}
