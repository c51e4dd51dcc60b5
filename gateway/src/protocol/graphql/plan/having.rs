//! `having` and `orderBy` of groups: owns what their members stand for, which is computed if the document asks for it
//! nowhere else. Does not build trees.

use apollo_compiler::Name;

use super::outputs::{Measured, Outputs};
use crate::config::limits::StatementLimits;
use crate::engine::statement::{Filter, OrderKey};
use crate::protocol::graphql::condition::{Compared, Subject, condition_on, is_null, unknown};
use crate::protocol::graphql::input::Input;
use crate::protocol::graphql::order::{sorted, unfit};
use crate::protocol::graphql::schema::groups::FUNCTIONS;
use crate::protocol::graphql::schema::scalars::Kind;
use crate::query::error::{ErrorCode, QueryError};

/// No result has fields inside it, and no other type matters to conditions.
static PLAIN: Kind = Kind::Decimal;

/// The condition on groups; none where there is no `having`, or it is null.
///
/// # Errors
/// As for [`condition_on`].
pub(super) fn condition(
    outputs: &mut Outputs<'_>,
    given: Option<&Input>,
    limits: &StatementLimits,
) -> Result<Option<Filter>, QueryError> {
    condition_on(outputs, given, limits)
}

/// The sort keys of groups.
///
/// # Errors
/// `invalid_request`: an item names nothing or several things, or a key that rows are not grouped by;
/// `expression_too_large`: more keys than `limits` allow.
pub(super) fn order(
    outputs: &mut Outputs<'_>,
    given: Option<&Input>,
    limits: &StatementLimits,
) -> Result<Vec<OrderKey>, QueryError> {
    sorted(given, limits, |members| sorted_by(outputs, members))
}

impl<'k> Subject<'k> for Outputs<'k> {
    fn compared<'i>(
        &mut self,
        member: &Name,
        inner: &'i [(Name, Input)],
    ) -> Result<Vec<Compared<'k, 'i>>, QueryError> {
        if member == "count" {
            let column = self.measure(Measured::Rows);
            return Ok(vec![Compared { kind: &PLAIN, column, operators: inner }]);
        }
        let function = function(member).ok_or_else(|| unknown(member))?;
        let mut compared = Vec::with_capacity(inner.len());
        for (field, operators) in inner {
            let operators = match operators {
                Input::Object(operators) => operators,
                Input::Null => return Err(is_null(field)),
                _ => return Err(unknown(field)),
            };
            let column = self.table().column_place(field).ok_or_else(|| unknown(field))?;
            let column = self.measure(Measured::Column { function, column });
            compared.push(Compared { kind: &PLAIN, column, operators });
        }
        Ok(compared)
    }
}

/// The column that an item of an order goes by.
fn sorted_by(outputs: &mut Outputs<'_>, members: &[(Name, Input)]) -> Result<String, QueryError> {
    let says_how = |name: &Name| name == "descending" || name == "nullsFirst";
    let mut named = members
        .iter()
        .filter(|(name, value)| !says_how(name) && !matches!(value, Input::Null | Input::Bool(false)));
    let (Some((name, value)), None) = (named.next(), named.next()) else {
        let message =
            "an item of an order of groups names one of \"key\", \"count\" and the functions, and one only";
        return Err(QueryError::new(ErrorCode::InvalidRequest, message)
            .with_hint("give \"orderBy\" a list to order by several"));
    };
    match (name.as_str(), value) {
        ("count", _) => Ok(outputs.measure(Measured::Rows)),
        ("key", Input::Enum(field)) => outputs.key(field),
        (_, Input::Enum(field)) => {
            let function = function(name).ok_or_else(unfit)?;
            let column = outputs.table().column_place(field).ok_or_else(unfit)?;
            Ok(outputs.measure(Measured::Column { function, column }))
        }
        _ => Err(unfit()),
    }
}

fn function(member: &Name) -> Option<usize> {
    FUNCTIONS.iter().position(|function| member == function.field)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::protocol::graphql::fixture::Asked;

    /// The condition as text, and the names of what is computed for it.
    fn having(text: &str, limits: &StatementLimits) -> Result<(String, Vec<String>), QueryError> {
        let asked = Asked::of(&format!("{{ flightsAggregate(having: {text}) {{ nodes {{ count }} }} }}"));
        let arguments = asked.arguments().unwrap();
        let mut outputs = Outputs::new(asked.table(), None).unwrap();
        let made = condition(&mut outputs, arguments.get("having"), limits)?;
        let (_, measures) = outputs.into_statement();
        Ok((
            serde_json::to_string(&made).unwrap(),
            measures.into_iter().map(|measure| measure.alias).collect(),
        ))
    }

    fn compared(column: &str, op: &str, operand: &str) -> String {
        format!("{{\"Compare\":{{\"column\":\"{column}\",\"op\":\"{op}\",\"value\":{operand}}}}}")
    }

    fn number(digits: &str) -> String {
        format!("{{\"One\":{{\"Number\":\"{digits}\"}}}}")
    }

    #[test]
    fn members_are_taken_in_the_order_of_the_schema() {
        let (made, computed) = having(
            "{max: {odd_name: {like: \"a%\"}, day: {eq: \"2013-01-31\"}}, countOf: {position: {gt: 2}}, count: {ge: 1, lt: 9.5}, \
             or: [{avg: {fare: {le: \"1.10\"}}}, {not: {min: {on_time: {isNull: true}}}}]}",
            &StatementLimits::default(),
        )
        .unwrap();
        let text = |value: &str| format!("{{\"One\":{{\"Text\":\"{value}\"}}}}");
        let parts = [
            format!(
                "{{\"Or\":[{},{{\"Not\":{}}}]}}",
                compared("avg_fare", "Le", &number("1.10")),
                compared("min_on_time", "IsNull", "\"None\"")
            ),
            compared("count", "Lt", &number("9.5")),
            compared("count", "Ge", &number("1")),
            compared("count_position", "Gt", &number("2")),
            compared("max_day", "Eq", &text("2013-01-31")),
            compared("max_odd name", "Like", &text("a%")),
        ];
        assert_eq!(made, format!("{{\"Tree\":{{\"And\":[{}]}}}}", parts.join(",")));
        assert_eq!(
            computed,
            ["count", "count_position", "avg_fare", "min_on_time", "max_day", "max_odd name"]
        );
    }

    #[test]
    fn nothing_is_asked_of_what_has_nothing_in_it() {
        let limits = StatementLimits::default();
        assert_eq!(having("{sum: {}}", &limits).unwrap().0, "{\"Tree\":{\"And\":[]}}");
        assert_eq!(having("null", &limits).unwrap().0, "null");
    }

    #[test]
    fn null_is_never_compared_with() {
        for text in ["{sum: null}", "{sum: {stops: null}}", "{count: {gt: null}}", "{count: null}"] {
            let refused = having(text, &StatementLimits::default()).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidExpression, "{text}");
        }
    }

    #[test]
    fn parts_and_keys_are_limited_as_they_are_of_rows() {
        let limits = |nodes_max| StatementLimits { nodes_max, ..StatementLimits::default() };
        let text = "{sum: {stops: {gt: 1}, id: {gt: 1}}}";
        assert!(having(text, &limits(3)).is_ok());
        assert_eq!(having(text, &limits(2)).unwrap_err().code, ErrorCode::ExpressionTooLarge);
        let asked =
            Asked::of("{ flightsAggregate(orderBy: [{count: true}, {min: day}]) { nodes { count } } }");
        let arguments = asked.arguments().unwrap();
        let of = |order_columns_max| {
            let limits = StatementLimits { order_columns_max, ..StatementLimits::default() };
            order(&mut Outputs::new(asked.table(), None).unwrap(), arguments.get("orderBy"), &limits)
        };
        assert_eq!(of(2).unwrap().len(), 2);
        assert_eq!(of(1).unwrap_err().code, ErrorCode::ExpressionTooLarge);
    }
}
