//! The table "type after masking, by type before" of docs/policies.md, cell by cell: what it promises is
//! loaded and gives the type that it names, what it refuses is refused. Expressions have types of their own.

use std::path::Path;

use super::*;

/// What a cell says, apart from remarks after a semicolon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Same,
    Text,
    Refused,
}

const COLUMNS: [&str; 6] =
    ["null", "constant", "hash", "partial", "truncate, bucket by unit", "truncate, bucket, round by step"];

/// The rules that a column of the table stands for, with a constant of the type.
fn rules(column: &str, constant: &str) -> Vec<String> {
    let several = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
    match column {
        "null" => several(&["null: {}"]),
        "constant" => vec![format!("constant: {constant}")],
        "hash" => several(&["hash: {}", "hash: { key: other }"]),
        "partial" => several(&["partial: { keep_last: 2 }", "partial: { email: true }"]),
        "truncate, bucket by unit" => several(&["truncate: { unit: day }", "bucket: { unit: year }"]),
        "truncate, bucket, round by step" => {
            several(&["truncate: { step: 5 }", "bucket: { width: 5 }", "round: 5"])
        }
        other => panic!("no rules for {other}"),
    }
}

/// The types that a row of the table stands for, each with a constant.
fn types(row: &str) -> Vec<(DataType, &'static str)> {
    let field = || Arc::new(Field::new("item", DataType::Utf8, true));
    let stamp = |unit: TimeUnit, zone: Option<&str>| DataType::Timestamp(unit, zone.map(Arc::from));
    match row {
        "string" => vec![(DataType::Utf8, "x"), (DataType::LargeUtf8, "x"), (DataType::Utf8View, "x")],
        "Boolean" => vec![(DataType::Boolean, "true")],
        "integer (8 to 64 bits)" => {
            [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64].map(|one| (one, "7")).into()
        }
        "float (32, 64 bits)" => vec![(DataType::Float32, "1.5"), (DataType::Float64, "1.5")],
        "decimal (up to 38 digits)" => {
            vec![(DataType::Decimal128(9, 2), "'1.50'"), (DataType::Decimal128(38, 0), "'7'")]
        }
        "date" => vec![(DataType::Date32, "'2024-01-05'")],
        "timestamp, with or without zone" => vec![
            (stamp(TimeUnit::Microsecond, Some("UTC")), "'2024-01-05T00:00:00Z'"),
            (stamp(TimeUnit::Microsecond, None), "'2024-01-05T00:00:00'"),
        ],
        "binary" => vec![(DataType::Binary, "x")],
        "struct, list, map" => {
            let entries = Fields::from(vec![
                Field::new("key", DataType::Utf8, false),
                Field::new("value", DataType::Utf8, true),
            ]);
            let entry = Field::new("entries", DataType::Struct(entries.clone()), false);
            vec![
                (DataType::Struct(entries), "x"),
                (DataType::List(field()), "x"),
                (DataType::Map(Arc::new(entry), false), "x"),
            ]
        }
        other => panic!("no types for {other}"),
    }
}

/// The table's rows: what stands before the first bar, and a cell for each of [`COLUMNS`].
fn table() -> Vec<(String, Vec<Cell>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policies.md");
    let page = std::fs::read_to_string(page).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = page.lines().skip_while(|line| !line.starts_with("| type | null |"));
    assert_eq!(cells(lines.next().expect("the table"))[1..7], COLUMNS);
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(|line| {
        let cells = cells(line);
        let read = |cell: &String| match cell.split(';').next() {
            Some("same") => Cell::Same,
            Some("string") => Cell::Text,
            Some("-") => Cell::Refused,
            other => panic!("{other:?} in {line}"),
        };
        (cells[0].clone(), cells[1..7].iter().map(read).collect())
    });
    rows.collect()
}

/// What a mask makes of the type; `None` where it is refused.
fn made(text: &str, data_type: &DataType) -> Option<DataType> {
    let mask = mask_from_rule(&rule(text), data_type, &ring(), "t.c").ok()?;
    let output = mask.output_type(data_type).ok()?;
    let masked = mask.apply(&arrow::array::new_null_array(data_type, 2)).expect(text);
    assert_eq!(masked.data_type(), &output, "{text} on {data_type}");
    Some(output)
}

#[test]
fn the_documented_table_holds() {
    let table = table();
    assert_eq!(table.len(), 9, "rows are missing");
    for (row, cells) in table {
        for (data_type, constant) in types(&row) {
            for (column, cell) in COLUMNS.iter().zip(&cells) {
                for text in rules(column, constant) {
                    let expected = match cell {
                        Cell::Same => Some(data_type.clone()),
                        Cell::Text => Some(DataType::Utf8),
                        Cell::Refused => None,
                    };
                    assert_eq!(made(&text, &data_type), expected, "{text} on {data_type}");
                }
            }
        }
    }
}
