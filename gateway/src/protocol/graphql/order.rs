//! `orderBy` as sort keys: owns the way from a coerced input to the keys that every door builds. Does not coerce
//! values or know which types have an order.

use apollo_compiler::Name;

use super::input::Input;
use super::schema::tables::DoorTable;
use crate::config::limits::StatementLimits;
use crate::engine::statement::OrderKey;
use crate::query::error::{ErrorCode, QueryError};

/// The sort keys of rows of a table; none where there is no `orderBy`, or it is null or empty.
///
/// # Errors
/// `expression_too_large`: more keys than `limits` allow.
pub fn order(
    table: &DoorTable,
    given: Option<&Input>,
    limits: &StatementLimits,
) -> Result<Vec<OrderKey>, QueryError> {
    sorted(given, limits, |members| {
        let Some(Input::Enum(field)) = member(members, "column") else { return Err(unfit()) };
        Ok(table.column(field).ok_or_else(unfit)?.name.clone())
    })
}

/// The sort keys of an order; `column` says which column an item of it names.
///
/// # Errors
/// As for [`order`], and those of `column`.
pub fn sorted(
    given: Option<&Input>,
    limits: &StatementLimits,
    mut column: impl FnMut(&[(Name, Input)]) -> Result<String, QueryError>,
) -> Result<Vec<OrderKey>, QueryError> {
    let Some(Input::List(items)) = given else { return Ok(Vec::new()) };
    if items.len() > limits.order_columns_max {
        let message = format!("the order has more than {} columns", limits.order_columns_max);
        return Err(QueryError::new(ErrorCode::ExpressionTooLarge, message));
    }
    let key = |item: &Input| {
        let Input::Object(members) = item else { return Err(unfit()) };
        Ok(OrderKey {
            column: column(members)?,
            descending: member(members, "descending") == Some(&Input::Bool(true)),
            nulls_first: member(members, "nullsFirst") == Some(&Input::Bool(true)),
        })
    };
    items.iter().map(key).collect()
}

/// Coercion lets nothing else pass.
pub fn unfit() -> QueryError {
    QueryError::internal("a sort key that the schema does not have")
}

fn member<'i>(members: &'i [(Name, Input)], name: &str) -> Option<&'i Input> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::protocol::graphql::fixture::Asked;

    fn keys(text: &str, limits: &StatementLimits) -> Result<Vec<OrderKey>, QueryError> {
        let asked = Asked::of(&format!("{{ flights(orderBy: {text}) {{ totalCount }} }}"));
        order(asked.table(), asked.arguments().unwrap().get("orderBy"), limits)
    }

    fn key(column: &str, descending: bool, nulls_first: bool) -> OrderKey {
        OrderKey { column: column.to_owned(), descending, nulls_first }
    }

    #[test]
    fn keys_name_columns_as_statements_do() {
        let limits = StatementLimits::default();
        let text = "[{column: dep_delay, descending: true, nullsFirst: true}, {column: odd_name}]";
        assert_eq!(
            keys(text, &limits).unwrap(),
            [key("dep_delay", true, true), key("odd name", false, false)]
        );
        assert_eq!(keys("{column: id}", &limits).unwrap(), [key("id", false, false)]);
        assert_eq!(keys("[]", &limits).unwrap(), []);
        assert_eq!(keys("null", &limits).unwrap(), []);
    }

    #[test]
    fn as_many_keys_as_are_allowed_are_taken_and_one_more_is_not() {
        let limits = StatementLimits { order_columns_max: 1, ..StatementLimits::default() };
        assert!(keys("[{column: id}]", &limits).is_ok());
        let refused = keys("[{column: id}, {column: dep_delay}]", &limits).unwrap_err();
        assert_eq!(refused.code, ErrorCode::ExpressionTooLarge);
    }
}
