//! Types of columns in GraphQL: owns which GraphQL type an Arrow type is, what it can be compared by, and how the
//! scalars are described. Does not coerce values.

use std::sync::Arc;

use arrow::datatypes::DataType;

use crate::engine::statement::CompareOp;

/// What a visible value is in GraphQL.
#[derive(Debug, Clone)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// An integer of at most 32 bits.
    Int,
    /// A wider integer, as text.
    Int64,
    /// A float; NaN and infinities are null.
    Float,
    /// A decimal number, as text.
    Decimal,
    /// Text.
    String,
    /// A day.
    Date,
    /// An instant.
    Timestamp,
    /// A time without a zone.
    LocalTimestamp,
    /// Bytes.
    Base64,
    /// Anything else.
    Json,
    /// Several values.
    List(Box<Self>),
    /// Fields.
    Struct(Arc<StructType>),
}

/// The type of a struct.
#[derive(Debug)]
pub struct StructType {
    /// Name of the type.
    pub name: String,
    /// Its fields, in their own order.
    pub fields: Vec<StructField>,
}

/// A field of a struct.
#[derive(Debug)]
pub struct StructField {
    /// Name in GraphQL.
    pub field: String,
    /// Own name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What it holds.
    pub description: Option<String>,
    /// The path by which a condition names it; `None` where none does.
    pub path: Option<String>,
}

impl StructType {
    /// The fields that conditions can be on.
    pub fn reachable(&self) -> impl Iterator<Item = &StructField> {
        self.fields.iter().filter(|field| field.path.is_some())
    }

    /// Whether a condition can ask for the struct itself: not where a field has the operator's name.
    pub fn asks_is_null(&self) -> bool {
        self.reachable().all(|field| field.field != IS_NULL)
    }
}

/// The scalars of this door beside those of the language.
pub(super) const SCALARS: [(&str, &str); 7] = [
    ("Int64", "64-bit integer, as text in answers; text or a whole number in questions."),
    ("Decimal", "Decimal number with every digit, as text in answers; text or a number in questions."),
    ("Date", "Day, such as \"2013-01-31\"."),
    ("Timestamp", "Instant in UTC, such as \"2013-01-31T05:00:00Z\"."),
    ("LocalTimestamp", "Time without a zone, such as \"2013-01-31T05:00:00\"."),
    ("Base64", "Bytes, in base64."),
    ("JSON", "Any value, as it is in JSON."),
];

/// The inputs that values are compared by, each after the scalar that it is for.
pub(super) const FILTERS: [&str; 11] = [
    "BooleanFilter",
    "IntFilter",
    "Int64Filter",
    "FloatFilter",
    "StringFilter",
    "DateFilter",
    "TimestampFilter",
    "LocalTimestampFilter",
    "DecimalFilter",
    "NumberFilter",
    "NullFilter",
];

/// Whether a value is there: the one operator that every filter has, last of all.
pub const IS_NULL: &str = "isNull";

/// The operators in the order of the schema, which is the order in which conditions are made of them.
pub const OPERATORS: [(&str, CompareOp); 10] = [
    ("eq", CompareOp::Eq),
    ("ne", CompareOp::Ne),
    ("lt", CompareOp::Lt),
    ("le", CompareOp::Le),
    ("gt", CompareOp::Gt),
    ("ge", CompareOp::Ge),
    ("in", CompareOp::In),
    ("notIn", CompareOp::NotIn),
    ("between", CompareOp::Between),
    ("like", CompareOp::Like),
];

impl Kind {
    /// What a type that is neither a list nor a struct is.
    pub(super) fn plain(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
                Self::Int
            }
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::Int64,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Decimal,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, Some(_)) => Self::Timestamp,
            DataType::Timestamp(_, None) => Self::LocalTimestamp,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Base64,
            _ => Self::Json,
        }
    }

    /// The scalar, where it is one.
    pub fn scalar(&self) -> Option<&'static str> {
        match self {
            Self::Boolean => Some("Boolean"),
            Self::Int => Some("Int"),
            Self::Int64 => Some("Int64"),
            Self::Float => Some("Float"),
            Self::Decimal => Some("Decimal"),
            Self::String => Some("String"),
            Self::Date => Some("Date"),
            Self::Timestamp => Some("Timestamp"),
            Self::LocalTimestamp => Some("LocalTimestamp"),
            Self::Base64 => Some("Base64"),
            Self::Json => Some("JSON"),
            Self::List(_) | Self::Struct(_) => None,
        }
    }

    /// The type of the field, as the schema writes it.
    pub(super) fn output(&self) -> String {
        match self {
            Self::List(item) => format!("[{}]", item.output()),
            Self::Struct(of) => of.name.clone(),
            plain => plain.scalar().unwrap_or_default().to_owned(),
        }
    }

    /// The input that a condition on the field takes.
    pub(super) fn filter(&self) -> String {
        match self {
            Self::Base64 | Self::Json | Self::List(_) => "NullFilter".to_owned(),
            Self::Struct(of) => format!("{}Where", of.name),
            plain => format!("{}Filter", plain.scalar().unwrap_or_default()),
        }
    }

    /// Whether rows can be looked up by such a value.
    pub(super) fn is_key(&self) -> bool {
        !matches!(self, Self::Base64 | Self::Json | Self::List(_) | Self::Struct(_))
    }

    /// This type and all types inside it.
    pub(super) fn walk<'k>(&'k self, visit: &mut impl FnMut(&'k Self)) {
        visit(self);
        match self {
            Self::List(item) => item.walk(visit),
            Self::Struct(of) => of.fields.iter().for_each(|field| field.kind.walk(visit)),
            _ => {}
        }
    }
}

/// What the values of a filter are: their scalar, whether they have an order, and whether they match patterns.
pub(super) fn filter_values(filter: &str) -> (Option<&str>, bool, bool) {
    match filter {
        "NullFilter" => (None, false, false),
        "NumberFilter" => (Some("Decimal"), true, false),
        "BooleanFilter" => (Some("Boolean"), false, false),
        "StringFilter" => (Some("String"), true, true),
        other => (other.strip_suffix("Filter"), true, false),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn integers_are_ints_as_far_as_their_values_fit() {
        let name = |data_type| Kind::plain(&data_type).output();
        assert_eq!(name(DataType::UInt16), "Int");
        assert_eq!(name(DataType::Int32), "Int");
        assert_eq!(name(DataType::UInt32), "Int64");
        assert_eq!(name(DataType::Int64), "Int64");
    }

    #[test]
    fn instants_are_told_from_local_times() {
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(Kind::plain(&zoned).output(), "Timestamp");
        let local = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(Kind::plain(&local).filter(), "LocalTimestampFilter");
    }

    #[test]
    fn every_filter_of_a_scalar_exists() {
        for kind in [
            Kind::Boolean,
            Kind::Int,
            Kind::Int64,
            Kind::Float,
            Kind::Decimal,
            Kind::String,
            Kind::Date,
            Kind::Timestamp,
            Kind::LocalTimestamp,
            Kind::Base64,
            Kind::Json,
            Kind::List(Box::new(Kind::Int)),
        ] {
            assert!(FILTERS.contains(&kind.filter().as_str()), "{kind:?}");
        }
    }
}
