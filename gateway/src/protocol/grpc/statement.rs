//! From messages to questions: owns the meaning of every field of a request but conditions, orders and values. Does
//! not ask.

use chrono::DateTime;
use sluice_proto::v1::version_selector::Selector;
use sluice_proto::v1::{
    AggregateRequest, Condition, DateUnit, GroupKey as GroupKeyMessage, Literal as LiteralMessage,
    LookupRequest, Measure as MeasureMessage, MeasureFunction as FunctionMessage, RowFormat, RowsRequest,
    Side as SideMessage, SqlRequest, StreamRowsRequest, StreamSqlRequest, VersionSelector as VersionMessage,
};

use super::condition::{filter, order};
use super::literal::literal;
use super::refusal::Refusal;
use crate::config::limits::LimitsConfig;
use crate::engine::statement::{
    Aggregate, Filter, GroupKey, Literal, Lookup, Measure, MeasureFunction, Select, Side, Sql, Statement,
};
use crate::protocol::row_limit::row_limit;
use crate::query::error::{ErrorCode, QueryError};
use crate::query::request::VersionSelector;

/// How rows are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// As typed values.
    Values,
    /// As one Arrow IPC stream.
    ArrowIpc,
    /// As the typed values of one row, without which there is no answer.
    Row,
}

/// A question and how its answer is to come.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) statement: Statement,
    pub(super) version: VersionSelector,
    pub(super) format: Format,
    /// The field whose text the place of a mistake counts in, where there is one only.
    pub(super) text_field: Option<&'static str>,
}

/// A page of rows.
///
/// # Errors
/// A field that does not hold, by its path.
pub(super) fn rows(asked: RowsRequest, limits: &LimitsConfig) -> Result<Question, Refusal> {
    let select = Select {
        table: asked.table,
        columns: columns(asked.select),
        filter: condition(asked.r#where, "where", limits)?,
        order: order(asked.order).map_err(|refusal| refusal.inside("order"))?,
        limit: limit(asked.limit)?,
        cursor: some_text(asked.cursor),
        side: side(asked.side)?,
        count_exact: asked.count_exact,
        row_cursors: false,
        per_key: None,
    };
    let text_field = matches!(select.filter, Some(Filter::Text(_))).then_some("where.text");
    let (version, format) = (version(asked.version)?, format(asked.format)?);
    Ok(Question { statement: Statement::Select(select), version, format, text_field })
}

/// All groups, or a page of them.
///
/// # Errors
/// A field that does not hold, by its path.
pub(super) fn aggregate(asked: AggregateRequest, limits: &LimitsConfig) -> Result<Question, Refusal> {
    let keys = asked.group_by.into_iter().enumerate();
    let measures = asked.measures.into_iter().enumerate();
    let aggregate = Aggregate {
        table: asked.table,
        group_by: keys
            .map(|(at, key)| group_key(key).map_err(|refusal| refusal.inside(&format!("group_by[{at}]"))))
            .collect::<Result<Vec<GroupKey>, Refusal>>()?,
        measures: measures
            .map(|(at, one)| measure(one).map_err(|refusal| refusal.inside(&format!("measures[{at}]"))))
            .collect::<Result<Vec<Measure>, Refusal>>()?,
        filter: condition(asked.r#where, "where", limits)?,
        having: condition(asked.having, "having", limits)?,
        order: order(asked.order).map_err(|refusal| refusal.inside("order"))?,
        limit: limit(asked.limit)?,
        cursor: some_text(asked.cursor),
    };
    let text_field = match (&aggregate.filter, &aggregate.having) {
        (Some(Filter::Text(_)), None | Some(Filter::Tree(_))) => Some("where.text"),
        (None | Some(Filter::Tree(_)), Some(Filter::Text(_))) => Some("having.text"),
        _ => None,
    };
    let (version, format) = (version(asked.version)?, format(asked.format)?);
    Ok(Question { statement: Statement::Aggregate(aggregate), version, format, text_field })
}

/// One row by key.
///
/// # Errors
/// A field that does not hold, by its path.
pub(super) fn lookup(asked: LookupRequest) -> Result<Question, Refusal> {
    let parts = literals(asked.key, "key")?.into_iter().enumerate();
    let key = parts.map(|(at, part)| key_text(part).map_err(|refusal| refusal.inside(&format!("key[{at}]"))));
    let lookup = Lookup {
        table: asked.table,
        columns: columns(asked.select),
        key: key.collect::<Result<Vec<String>, Refusal>>()?,
    };
    let version = version(asked.version)?;
    Ok(Question { statement: Statement::Lookup(lookup), version, format: Format::Row, text_field: None })
}

/// A query.
///
/// # Errors
/// A field that does not hold, by its path.
pub(super) fn sql(asked: SqlRequest) -> Result<Question, Refusal> {
    let sql = Sql { text: asked.sql, params: literals(asked.params, "params")? };
    let (version, format) = (version(asked.version)?, format(asked.format)?);
    Ok(Question { statement: Statement::Sql(sql), version, format, text_field: Some("sql") })
}

/// All rows of a table.
///
/// # Errors
/// A field that does not hold, by its path.
pub(super) fn stream_rows(asked: StreamRowsRequest, limits: &LimitsConfig) -> Result<Question, Refusal> {
    let StreamRowsRequest { table, select, r#where, order, limit, version, format } = asked;
    let page =
        RowsRequest { table, select, r#where, order, limit, version, format, ..RowsRequest::default() };
    rows(page, limits)
}

/// A query whose rows are streamed.
///
/// # Errors
/// A field that does not hold, by its path.
pub(super) fn stream_sql(asked: StreamSqlRequest) -> Result<Question, Refusal> {
    let StreamSqlRequest { sql: text, params, version, format } = asked;
    sql(SqlRequest { sql: text, params, version, format })
}

/// Which version is to be read.
///
/// # Errors
/// `invalid_request`: a time that is none.
pub(super) fn version(asked: Option<VersionMessage>) -> Result<VersionSelector, Refusal> {
    match asked.and_then(|version| version.selector) {
        None => Ok(VersionSelector::Latest),
        Some(Selector::Version(version)) => Ok(VersionSelector::Version(version)),
        Some(Selector::AsOf(at)) => {
            let nanos = u32::try_from(at.nanos).ok();
            let time = nanos.and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos));
            let refused = || Refusal::of_field(invalid("\"as_of\" is not a time"), "version.as_of");
            time.map(VersionSelector::AsOf).ok_or_else(refused)
        }
    }
}

fn condition(
    asked: Option<Condition>,
    field: &str,
    limits: &LimitsConfig,
) -> Result<Option<Filter>, Refusal> {
    let read = asked.map(|condition| filter(condition, &limits.statements)).transpose();
    read.map_err(|refusal| refusal.inside(field))
}

fn literals(values: Vec<LiteralMessage>, field: &str) -> Result<Vec<Literal>, Refusal> {
    let values = values.into_iter().enumerate();
    values
        .map(|(at, value)| {
            let value = literal(value, ErrorCode::InvalidRequest);
            value.map_err(|refusal| refusal.inside(&format!("{field}[{at}]")))
        })
        .collect()
}

/// As the REST door's path writes it.
fn key_text(part: Literal) -> Result<String, Refusal> {
    match part {
        Literal::Text(text) | Literal::Number(text) => Ok(text),
        Literal::Bool(value) => Ok(value.to_string()),
        Literal::Null => Err(invalid("a part of the key is null").into()),
    }
}

fn group_key(key: GroupKeyMessage) -> Result<GroupKey, Refusal> {
    let unit = match DateUnit::try_from(key.truncate_to) {
        Ok(DateUnit::Unspecified) => None,
        Ok(DateUnit::Year) => Some("year"),
        Ok(DateUnit::Quarter) => Some("quarter"),
        Ok(DateUnit::Month) => Some("month"),
        Ok(DateUnit::Week) => Some("week"),
        Ok(DateUnit::Day) => Some("day"),
        Ok(DateUnit::Hour) => Some("hour"),
        Ok(DateUnit::Minute) => Some("minute"),
        Ok(DateUnit::Second) => Some("second"),
        Err(_) => return Err(unknown("unit", "truncate_to")),
    };
    Ok(GroupKey::new(key.column, unit.map(str::to_owned), some_text(key.alias)))
}

fn measure(measure: MeasureMessage) -> Result<Measure, Refusal> {
    let function = match FunctionMessage::try_from(measure.function) {
        Ok(FunctionMessage::Count) => MeasureFunction::Count,
        Ok(FunctionMessage::CountDistinct) => MeasureFunction::CountDistinct,
        Ok(FunctionMessage::Sum) => MeasureFunction::Sum,
        Ok(FunctionMessage::Min) => MeasureFunction::Min,
        Ok(FunctionMessage::Max) => MeasureFunction::Max,
        Ok(FunctionMessage::Avg) => MeasureFunction::Avg,
        Ok(FunctionMessage::Unspecified) | Err(_) => return Err(unknown("function", "function")),
    };
    Ok(Measure::new(function, some_text(measure.column), some_text(measure.alias)))
}

fn format(number: i32) -> Result<Format, Refusal> {
    match RowFormat::try_from(number) {
        Ok(RowFormat::Unspecified | RowFormat::Values) => Ok(Format::Values),
        Ok(RowFormat::ArrowIpc) => Ok(Format::ArrowIpc),
        Err(_) => Err(unknown("format", "format")),
    }
}

fn side(number: i32) -> Result<Option<Side>, Refusal> {
    match SideMessage::try_from(number) {
        Ok(SideMessage::Unspecified) => Ok(None),
        Ok(SideMessage::After) => Ok(Some(Side::After)),
        Ok(SideMessage::Before) => Ok(Some(Side::Before)),
        Err(_) => Err(unknown("side", "side")),
    }
}

fn limit(asked: Option<u64>) -> Result<Option<usize>, Refusal> {
    row_limit(asked).map_err(|error| Refusal::of_field(error, "limit"))
}

fn columns(select: Vec<String>) -> Option<Vec<String>> {
    (!select.is_empty()).then_some(select)
}

fn some_text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn unknown(what: &str, field: &str) -> Refusal {
    Refusal::of_field(invalid(&format!("there is no {what} that this server knows")), field)
}

fn invalid(message: &str) -> QueryError {
    QueryError::new(ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use prost_types::Timestamp;
    use sluice_proto::v1::literal::Kind;

    use super::*;

    fn code<T: std::fmt::Debug>(read: Result<T, Refusal>) -> ErrorCode {
        read.unwrap_err().error().code
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let asked = RowsRequest { table: "t".to_owned(), ..RowsRequest::default() };
        let question = rows(asked, &LimitsConfig::default()).unwrap();
        let Statement::Select(select) = question.statement else { panic!("no page") };
        assert!(select.columns.is_none() && select.filter.is_none() && select.cursor.is_none());
        assert_eq!((select.limit, select.side, question.format), (None, None, Format::Values));
        assert_eq!(question.version, VersionSelector::Latest);
        let asked = RowsRequest { limit: Some(0), ..RowsRequest::default() };
        assert_eq!(code(rows(asked, &LimitsConfig::default())), ErrorCode::InvalidRequest);
        let asked = RowsRequest { side: 3, ..RowsRequest::default() };
        assert_eq!(code(rows(asked, &LimitsConfig::default())), ErrorCode::InvalidRequest);
        let asked = RowsRequest { format: 3, ..RowsRequest::default() };
        assert_eq!(code(rows(asked, &LimitsConfig::default())), ErrorCode::InvalidRequest);
    }

    #[test]
    fn parts_of_keys_are_texts() {
        let key =
            |kind| LookupRequest { key: vec![LiteralMessage { kind: Some(kind) }], ..Default::default() };
        let text = |kind| match lookup(key(kind)).unwrap().statement {
            Statement::Lookup(lookup) => lookup.key[0].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(Kind::Int64Value(5)), "5");
        assert_eq!(text(Kind::BoolValue(true)), "true");
        assert_eq!(text(Kind::DateDays(0)), "1970-01-01");
        assert_eq!(code(lookup(key(Kind::NullValue(0)))), ErrorCode::InvalidRequest);
    }

    #[test]
    fn measures_and_keys_have_names_of_their_own() {
        let counted = measure(MeasureMessage { function: 1, ..Default::default() }).unwrap();
        assert_eq!((counted.column, counted.alias.as_str()), (None, "count"));
        let day = GroupKeyMessage { column: "t".to_owned(), truncate_to: 5, ..Default::default() };
        assert!(matches!(group_key(day).unwrap(), GroupKey::DateTrunc { alias, .. } if alias == "t_day"));
        assert_eq!(code(measure(MeasureMessage::default())), ErrorCode::InvalidRequest);
        let odd = GroupKeyMessage { truncate_to: 9, ..Default::default() };
        assert_eq!(code(group_key(odd)), ErrorCode::InvalidRequest);
    }

    #[test]
    fn times_are_checked() {
        let at =
            |nanos| Some(VersionMessage { selector: Some(Selector::AsOf(Timestamp { seconds: 0, nanos })) });
        assert!(matches!(version(at(0)), Ok(VersionSelector::AsOf(_))));
        assert_eq!(code(version(at(-1))), ErrorCode::InvalidRequest);
    }
}
