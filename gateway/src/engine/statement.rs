//! What a caller asks for, in the words of the engine: owns the statement types that every
//! door builds. Does not parse filter text, resolve names, or know who is asking.

mod per_key;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use per_key::{PerKey, keyed_filter};

/// One question over the caller's tables. Doors translate into this and nothing else.
#[derive(Debug, Clone)]
pub enum Statement {
    /// A page of rows of one table.
    Select(Select),
    /// Groups of one table: all of them, or a page.
    Aggregate(Aggregate),
    /// One row by primary key.
    Lookup(Lookup),
    /// One read-only `SELECT` over any of the caller's tables.
    Sql(Sql),
}

/// A page of rows. Defaults: every visible column, no filter, file order, the configured page size.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// Table name as the caller wrote it.
    pub table: String,
    /// Columns to return, in this order; `None` is every visible column.
    pub columns: Option<Vec<String>>,
    /// Rows to keep.
    pub filter: Option<Filter>,
    /// Sort keys, most significant first; empty is file order.
    pub order: Vec<OrderKey>,
    /// Rows a page; `None` is the configured default.
    pub limit: Option<usize>,
    /// Opaque position from an earlier page.
    pub cursor: Option<String>,
    /// Side of the cursor to read; `None` is the one that the cursor goes on to, and the first page without one.
    pub side: Option<Side>,
    /// Count every matching row as well.
    pub count_exact: bool,
    /// Give a cursor for every row as well.
    pub row_cursors: bool,
    /// Answer for each of these keys, in place of one page.
    pub per_key: Option<PerKey>,
}

/// A side of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The rows after it; without a cursor, the first of all.
    After,
    /// The rows before it; without a cursor, the last of all.
    Before,
}

/// A boolean condition, as text or as a tree; both mean the same and are checked the same.
#[derive(Debug, Clone, Serialize)]
pub enum Filter {
    /// A SQL boolean expression over the table's visible columns.
    Text(String),
    /// The structured form.
    Tree(FilterNode),
}

/// A structured condition.
#[derive(Debug, Clone, Serialize)]
pub enum FilterNode {
    /// Every part holds. Empty is true.
    And(Vec<FilterNode>),
    /// Some part holds. Empty is false.
    Or(Vec<FilterNode>),
    /// The part does not hold.
    Not(Box<FilterNode>),
    /// `column op value`.
    Compare {
        /// Column name, or a dotted path into a struct.
        column: String,
        /// Operator.
        op: CompareOp,
        /// One value; several for `In`, `NotIn` (any number) and `Between` (two); none for
        /// `IsNull` and `IsNotNull`.
        value: Operand,
    },
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Operand {
    /// Nothing.
    None,
    /// One value.
    One(Literal),
    /// Several values.
    Many(Vec<Literal>),
}

/// A plain value as its author wrote it: a number keeps every digit until the type that it meets
/// is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Literal {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A JSON number, in its own digits.
    Number(String),
    /// Text.
    Text(String),
}

/// Operators of the structured filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `IN (...)`
    In,
    /// `NOT IN (...)`
    NotIn,
    /// `BETWEEN a AND b`
    Between,
    /// SQL `LIKE`
    Like,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

/// One sort key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderKey {
    /// Column name; in an aggregate, an output name.
    pub column: String,
    /// Largest first.
    pub descending: bool,
    /// Nulls (and then NaN) before values; by default they come last in either direction.
    pub nulls_first: bool,
}

/// A grouped result: all groups, of which more than may be answered are an error and never a silent cut, or with
/// `limit` a page of them.
#[derive(Debug, Clone, Default)]
pub struct Aggregate {
    /// Table name as the caller wrote it.
    pub table: String,
    /// Group keys, in output order.
    pub group_by: Vec<GroupKey>,
    /// Measures, in output order after the group keys.
    pub measures: Vec<Measure>,
    /// Rows to aggregate.
    pub filter: Option<Filter>,
    /// Condition over the output columns.
    pub having: Option<Filter>,
    /// Order over the output columns; ties and the empty order go by the group keys.
    pub order: Vec<OrderKey>,
    /// Groups a page; `None` is all of them.
    pub limit: Option<usize>,
    /// Opaque position from an earlier page; goes with `limit`.
    pub cursor: Option<String>,
}

/// One group key.
#[derive(Debug, Clone, Serialize)]
pub enum GroupKey {
    /// The column itself.
    Column {
        /// Column name.
        column: String,
        /// Output name; the column's own name when absent.
        alias: Option<String>,
    },
    /// A date or timestamp cut to a unit.
    DateTrunc {
        /// `year`, `quarter`, `month`, `week`, `day`, `hour`, `minute` or `second`.
        unit: String,
        /// Column name.
        column: String,
        /// Output name.
        alias: String,
    },
}

impl GroupKey {
    /// A key under the name that its author gave it; a truncated column is `{column}_{unit}` without one.
    pub fn new(column: String, unit: Option<String>, alias: Option<String>) -> Self {
        match unit {
            None => Self::Column { column, alias },
            Some(unit) => {
                let alias = alias.unwrap_or_else(|| format!("{column}_{unit}"));
                Self::DateTrunc { unit, column, alias }
            }
        }
    }
}

/// One measure.
#[derive(Debug, Clone, Serialize)]
pub struct Measure {
    /// Function.
    pub function: MeasureFunction,
    /// Operand; `None` only for `Count`, which then counts rows.
    pub column: Option<String>,
    /// Output name.
    pub alias: String,
}

impl Measure {
    /// A measure under the name that its author gave it; `{function}_{column}` without one, or `count`.
    pub fn new(function: MeasureFunction, column: Option<String>, alias: Option<String>) -> Self {
        let alias = alias.unwrap_or_else(|| match &column {
            Some(column) => format!("{}_{column}", function.as_str()),
            None => function.as_str().to_owned(),
        });
        Self { function, column, alias }
    }
}

/// Functions of a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum MeasureFunction {
    /// Rows, or non-null values of the column.
    Count,
    /// Distinct non-null values.
    CountDistinct,
    /// Sum.
    Sum,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Mean.
    Avg,
}

impl MeasureFunction {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountDistinct => "count_distinct",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
        }
    }
}

/// One row by primary key.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Table name as the caller wrote it.
    pub table: String,
    /// Columns to return, in this order; `None` is every visible column.
    pub columns: Option<Vec<String>>,
    /// Key parts as text, in the order of the declared primary key.
    pub key: Vec<String>,
}

/// A SQL query.
#[derive(Debug, Clone)]
pub struct Sql {
    /// One `SELECT` statement.
    pub text: String,
    /// Values of `$1`, `$2`, ....
    pub params: Vec<Literal>,
}

/// Which version of the named tables a request reads. Anything but `Latest` needs the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionSelector {
    /// The newest that the catalog holds.
    #[default]
    Latest,
    /// Exactly this one. Over several tables, each at this number.
    Version(u64),
    /// The newest that was committed at or before this time.
    AsOf(DateTime<Utc>),
}
