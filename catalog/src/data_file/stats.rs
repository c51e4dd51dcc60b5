//! File statistics: owns their compact form, one text buffer and one small record a column, so
//! that a hundred thousand files stay reasonable. Proves nothing from them; that is the engine's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::log::json::Entries;

/// Where the statistics of each leaf column are kept; shared by all files of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StatsLayout {
    /// Position by dotted logical path. A path that names two columns is left out.
    by_logical_path: HashMap<String, usize>,
    /// Position by physical name, level by level.
    tree: HashMap<String, Node>,
    columns: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Leaf(usize),
    Struct(HashMap<String, Node>),
}

/// Statistics of one file.
#[derive(Debug, Clone)]
pub struct FileStats {
    /// Rows in the file, deleted ones included.
    pub num_records: Option<u64>,
    /// Minima and maxima are values of rows that are not deleted. Otherwise they only bound them,
    /// and null counts may be off.
    pub tight_bounds: bool,
    layout: Arc<StatsLayout>,
    /// JSON tokens of all minima and maxima, one after the other.
    text: Box<str>,
    /// By position in the layout, cut after the last column that has any.
    columns: Box<[Extent]>,
}

/// Where a column's tokens lie in the text; an empty one is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    min_at: u32,
    max_at: u32,
    end: u32,
    null_count: Option<u64>,
}

/// Statistics of one column in one file, as the writer put them down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnStats<'a> {
    /// JSON token of the smallest value. Writers may cut strings and timestamps short.
    pub min: Option<&'a str>,
    /// JSON token of the largest value. Writers may cut timestamps to the millisecond below.
    pub max: Option<&'a str>,
    /// Nulls in the column.
    pub null_count: Option<u64>,
}

impl ColumnStats<'_> {
    /// The minimum as a JSON value. Digits beyond double precision are lost: use the token where
    /// they matter.
    pub fn min_value(&self) -> Option<Value> {
        serde_json::from_str(self.min?).ok()
    }

    /// The maximum as a JSON value, with the same caution.
    pub fn max_value(&self) -> Option<Value> {
        serde_json::from_str(self.max?).ok()
    }
}

impl StatsLayout {
    /// A layout over leaf columns, each with its logical and its physical path, in schema order.
    pub(crate) fn new(leaves: &[(Vec<String>, Vec<String>)]) -> Self {
        let mut layout = Self { columns: leaves.len(), ..Self::default() };
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (position, (logical, physical)) in leaves.iter().enumerate() {
            let path = logical.join(".");
            let count = seen.entry(path.clone()).or_default();
            *count += 1;
            if *count == 1 {
                layout.by_logical_path.insert(path, position);
            } else {
                layout.by_logical_path.remove(&path);
            }
            insert(&mut layout.tree, physical, position);
        }
        layout
    }

    /// Position of a leaf column, for [`FileStats::column_at`].
    pub fn position(&self, dotted_path: &str) -> Option<usize> {
        self.by_logical_path.get(dotted_path).copied()
    }
}

fn insert(level: &mut HashMap<String, Node>, path: &[String], position: usize) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        level.insert(name.clone(), Node::Leaf(position));
    } else if let Node::Struct(below) =
        level.entry(name.clone()).or_insert_with(|| Node::Struct(HashMap::new()))
    {
        insert(below, rest, position);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStats<'a> {
    num_records: Option<u64>,
    tight_bounds: Option<bool>,
    #[serde(borrow)]
    min_values: Option<&'a RawValue>,
    #[serde(borrow)]
    max_values: Option<&'a RawValue>,
    #[serde(borrow)]
    null_count: Option<&'a RawValue>,
}

impl FileStats {
    /// Reads the `stats` text of an add action. `None` when it makes no sense: a file without
    /// statistics is merely never skipped.
    pub(crate) fn parse(text: &str, layout: &Arc<StatsLayout>, has_deletions: bool) -> Option<Self> {
        let raw: RawStats<'_> = serde_json::from_str(text).ok()?;
        let mut minima: Vec<&str> = vec![""; layout.columns];
        let mut maxima = minima.clone();
        let mut nulls: Vec<Option<u64>> = vec![None; layout.columns];
        if let Some(values) = raw.min_values {
            walk(values, &layout.tree, &mut |at, token| set(&mut minima, at, scalar(token)))?;
        }
        if let Some(values) = raw.max_values {
            walk(values, &layout.tree, &mut |at, token| set(&mut maxima, at, scalar(token)))?;
        }
        if let Some(values) = raw.null_count {
            walk(values, &layout.tree, &mut |at, token| set(&mut nulls, at, token.parse().ok()))?;
        }
        let known = (0..layout.columns)
            .rev()
            .find(|at| !minima[*at].is_empty() || !maxima[*at].is_empty() || nulls[*at].is_some())
            .map_or(0, |last| last + 1);
        let mut buffer = String::new();
        let mut columns = Vec::with_capacity(known);
        for at in 0..known {
            let min_at = offset(&buffer)?;
            buffer.push_str(minima[at]);
            let max_at = offset(&buffer)?;
            buffer.push_str(maxima[at]);
            columns.push(Extent { min_at, max_at, end: offset(&buffer)?, null_count: nulls[at] });
        }
        Some(Self {
            num_records: raw.num_records,
            tight_bounds: raw.tight_bounds.unwrap_or(!has_deletions),
            layout: Arc::clone(layout),
            text: buffer.into_boxed_str(),
            columns: columns.into_boxed_slice(),
        })
    }

    /// Statistics of a top-level column, or of a struct's leaf by its dotted logical path.
    pub fn column(&self, dotted_path: &str) -> Option<ColumnStats<'_>> {
        self.column_at(self.layout.position(dotted_path)?)
    }

    /// The same by [`StatsLayout::position`], for loops over many files.
    pub fn column_at(&self, position: usize) -> Option<ColumnStats<'_>> {
        let extent = self.columns.get(position)?;
        let token =
            |from: u32, to: u32| self.text.get(from as usize..to as usize).filter(|token| !token.is_empty());
        Some(ColumnStats {
            min: token(extent.min_at, extent.max_at),
            max: token(extent.max_at, extent.end),
            null_count: extent.null_count,
        })
    }
}

impl PartialEq for FileStats {
    fn eq(&self, other: &Self) -> bool {
        self.num_records == other.num_records
            && self.tight_bounds == other.tight_bounds
            && self.text == other.text
            && self.columns == other.columns
            && self.layout == other.layout
    }
}

fn set<T>(values: &mut [T], at: usize, value: T) {
    if let Some(slot) = values.get_mut(at) {
        *slot = value;
    }
}

fn offset(buffer: &str) -> Option<u32> {
    u32::try_from(buffer.len()).ok()
}

/// A token that bounds values; nulls, objects and arrays do not.
fn scalar(token: &str) -> &str {
    if token == "null" || token.starts_with(['{', '[']) { "" } else { token }
}

fn walk<'a>(
    values: &'a RawValue,
    level: &HashMap<String, Node>,
    visit: &mut dyn FnMut(usize, &'a str),
) -> Option<()> {
    if values.get() == "null" {
        return Some(());
    }
    let Entries(entries) = serde_json::from_str::<Entries<'a>>(values.get()).ok()?;
    for (name, value) in entries {
        let name: Cow<'a, str> = name;
        match level.get(name.as_ref()) {
            Some(Node::Leaf(position)) => visit(*position, value.get()),
            Some(Node::Struct(below)) => walk(value, below, visit)?,
            None => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use serde_json::json;

    use super::{ColumnStats, FileStats, StatsLayout};

    fn layout() -> Arc<StatsLayout> {
        let leaf = |logical: &[&str], physical: &[&str]| {
            let own = |path: &[&str]| path.iter().map(|&part| part.to_owned()).collect::<Vec<_>>();
            (own(logical), own(physical))
        };
        Arc::new(StatsLayout::new(&[
            leaf(&["a"], &["p1"]),
            leaf(&["s", "x"], &["p2", "p3"]),
            leaf(&["s.x"], &["p4"]),
            leaf(&["late"], &["p5"]),
        ]))
    }

    #[test]
    fn values_are_found_by_logical_path_and_kept_digit_by_digit() {
        let text = r#"{"numRecords":3,"minValues":{"p1":12345678901234567890.1234567890,"p4":1},
            "maxValues":{"p1":"z\"","p2":{"p3":7}},"nullCount":{"p1":1,"p2":{"p3":0}},"tightBounds":false}"#;
        let stats = FileStats::parse(text, &layout(), false).unwrap();
        assert_eq!(stats.num_records, Some(3));
        assert!(!stats.tight_bounds);
        let a = stats.column("a").unwrap();
        assert_eq!(a.min, Some("12345678901234567890.1234567890"));
        assert_eq!(a.max_value(), Some(json!("z\"")));
        assert_eq!(a.null_count, Some(1));
        assert_eq!(stats.column("late"), None);
        assert_eq!(stats.column("nothing"), None);
    }

    #[test]
    fn a_path_that_names_two_columns_has_no_statistics() {
        let text = r#"{"minValues":{"p2":{"p3":7},"p4":1}}"#;
        assert_eq!(FileStats::parse(text, &layout(), false).unwrap().column("s.x"), None);
    }

    #[test]
    fn nulls_and_malformed_texts_bound_nothing() {
        let stats =
            FileStats::parse(r#"{"minValues":{"p1":null},"maxValues":null}"#, &layout(), true).unwrap();
        assert_eq!(stats.column("a").unwrap_or_default(), ColumnStats::default());
        assert!(!stats.tight_bounds, "with deletions, bounds are wide unless stated");
        for text in ["", "[]", "{", r#"{"numRecords":-1}"#, r#"{"minValues":[1]}"#] {
            assert!(FileStats::parse(text, &layout(), false).is_none(), "{text}");
        }
    }
}
