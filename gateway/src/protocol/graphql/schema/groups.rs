//! What rows of a table can be grouped by, and what can be computed of a group: owns which columns are keys, the units
//! that times are cut to, and which columns each function takes. Does not write types down.

use std::collections::HashSet;

use super::naming::Spelled;
use super::scalars::Kind;
use super::tables::{DoorColumn, LeftOut, Part};
use crate::engine::statement::MeasureFunction;

/// One thing that rows can be grouped by.
#[derive(Debug)]
pub struct DoorGroupKey {
    /// Name in GraphQL.
    pub field: String,
    /// The column, by its place among the columns.
    pub column: usize,
    /// What its values are cut to.
    pub unit: Option<&'static str>,
    /// Type of the key.
    pub kind: Kind,
}

/// A function over a column of a group.
#[derive(Debug)]
pub struct Function {
    /// Name of the fields that stand for it.
    pub field: &'static str,
    /// The function that statements know.
    pub function: MeasureFunction,
    /// The columns that it takes.
    pub takes: Takes,
    /// What the name of the type of its results ends in.
    pub results: &'static str,
}

/// A kind of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// All of them.
    Any,
    /// Numbers.
    Numbers,
    /// What has an order: no lists, no structs and nothing that is shown as it is in JSON.
    Values,
}

/// All functions, in the order of the schema, which is the order in which statements have them.
pub static FUNCTIONS: [Function; 6] = [
    function("countOf", MeasureFunction::Count, Takes::Any, "Counts"),
    function("countDistinct", MeasureFunction::CountDistinct, Takes::Any, "Counts"),
    function("sum", MeasureFunction::Sum, Takes::Numbers, "Sums"),
    function("avg", MeasureFunction::Avg, Takes::Numbers, "Means"),
    function("min", MeasureFunction::Min, Takes::Values, "Values"),
    function("max", MeasureFunction::Max, Takes::Values, "Values"),
];

const fn function(
    field: &'static str,
    function: MeasureFunction,
    takes: Takes,
    results: &'static str,
) -> Function {
    Function { field, function, takes, results }
}

const DAYS: [&str; 5] = ["year", "quarter", "month", "week", "day"];
const TIMES: [&str; 8] = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"];

impl Takes {
    /// Whether a column of that type is one of them.
    pub fn has(self, kind: &Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Numbers => matches!(kind, Kind::Int | Kind::Int64 | Kind::Float | Kind::Decimal),
            Self::Values => !matches!(kind, Kind::Json | Kind::List(_) | Kind::Struct(_)),
        }
    }

    /// What the name of the enum of these columns ends in.
    pub(super) const fn columns(self) -> &'static str {
        match self {
            Self::Any => "Column",
            Self::Numbers => "NumberColumn",
            Self::Values => "ValueColumn",
        }
    }

    /// What the name of the condition on results for these columns ends in.
    pub(super) const fn having(self) -> &'static str {
        match self {
            Self::Any => "CountsHaving",
            Self::Numbers => "NumbersHaving",
            Self::Values => "ValuesHaving",
        }
    }
}

impl Function {
    /// The type of its result for a column, as the schema writes it.
    pub(super) fn result(&self, kind: &Kind) -> String {
        match (self.function, kind) {
            (MeasureFunction::Count | MeasureFunction::CountDistinct, _) => "Int64!".to_owned(),
            (MeasureFunction::Sum, Kind::Int) => Kind::Int64.output(),
            (MeasureFunction::Avg, Kind::Int | Kind::Int64) => Kind::Float.output(),
            (_, kind) => kind.output(),
        }
    }

    /// The input that a condition on its result takes.
    pub(super) fn filter(&self, kind: &Kind) -> String {
        match self.function {
            MeasureFunction::Min | MeasureFunction::Max => kind.filter(),
            _ => NUMBER_FILTER.to_owned(),
        }
    }
}

/// The input that numbers are compared by, whatever their type.
pub(super) const NUMBER_FILTER: &str = "NumberFilter";

/// What rows can be grouped by, in table order. A column keeps its name against one that is cut to a unit.
pub(super) fn group_keys(
    table: &str,
    columns: &[DoorColumn],
    left_out: &mut Vec<LeftOut>,
) -> Vec<DoorGroupKey> {
    let taken: HashSet<&str> = columns.iter().map(|column| column.field.as_str()).collect();
    let mut keys: Vec<DoorGroupKey> = Vec::new();
    for (place, column) in columns.iter().enumerate().filter(|(_, column)| Takes::Values.has(&column.kind)) {
        let (field, kind) = (column.field.clone(), column.kind.clone());
        keys.push(DoorGroupKey { field, column: place, unit: None, kind });
        let (units, kind) = match column.kind {
            Kind::Date => (&DAYS[..], Kind::LocalTimestamp),
            Kind::Timestamp => (&TIMES[..], Kind::Timestamp),
            Kind::LocalTimestamp => (&TIMES[..], Kind::LocalTimestamp),
            _ => continue,
        };
        for &unit in units {
            // Of a column that is called "_", two underscores would come first.
            let field = Spelled::of(&format!("{}_{unit}", column.field), None).name;
            if taken.contains(field.as_str()) {
                let part = Part::Unit(column.name.clone(), unit);
                left_out.push(LeftOut { table: table.to_owned(), part, taken: field });
                continue;
            }
            keys.push(DoorGroupKey { field, column: place, unit: Some(unit), kind: kind.clone() });
        }
    }
    keys
}
