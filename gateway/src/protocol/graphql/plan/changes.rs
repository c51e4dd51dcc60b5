//! Subscriptions: owns the way from one to what is followed of a table and the form of each event. Does not follow.

use apollo_compiler::executable::Operation;

use super::{ChangesPlan, Level, Planner, TYPE_NAME};
use crate::engine::statement::Select;
use crate::protocol::graphql::condition::condition;
use crate::protocol::graphql::errors::DoorError;
use crate::protocol::graphql::output::{ChangeMember, Object};
use crate::protocol::graphql::schema::Root;
use crate::protocol::graphql::selection::Selected;
use crate::query::error::{ErrorCode, QueryError};

impl<'d> Planner<'d> {
    /// Plans a subscription.
    ///
    /// # Errors
    /// `invalid_document`: not exactly one field; and as for [`Planner::plan`].
    pub(super) fn subscription(&self, operation: &'d Operation) -> Result<ChangesPlan, DoorError> {
        let fields = self.selections.of(&operation.selection_set.ty, &[&operation.selection_set])?;
        let [field] = &fields[..] else {
            let message = "a subscription has exactly one field";
            return Err(QueryError::new(ErrorCode::InvalidDocument, message).into());
        };
        let Some(Root::Changes(place)) = self.door.root(field.name()) else {
            return Err(self.unplanned(field));
        };
        let table = &self.door.tables()[place];
        let filter = condition(table, field.arguments.get("where"), &self.limits.statements)
            .map_err(|error| self.blame(field, error))?;
        // Of each event.
        let rows = self.limits.change_rows_max;
        self.spend_rows(field, rows, 1)?;
        let mut level = Level::new(table, field.key.to_owned(), 1, rows);
        let output = self.change(field, &mut level)?;
        let columns = Some(level.column_names());
        let statement = Select { table: table.name.clone(), columns, filter, ..Select::default() };
        Ok(ChangesPlan { key: field.key.to_owned(), statement, output, below: level.below })
    }

    fn change(
        &self,
        change: &Selected<'d>,
        level: &mut Level<'d>,
    ) -> Result<Object<ChangeMember>, DoorError> {
        let (of, depth) = (format!("{}Change", level.table.type_name), level.depth + 1);
        self.object(&of, &change.below, depth, |field| match field.name() {
            TYPE_NAME => Ok(ChangeMember::TypeName),
            "version" => Ok(ChangeMember::Version),
            "committedAt" => Ok(ChangeMember::CommittedAt),
            "more" => Ok(ChangeMember::More),
            "rows" => Ok(ChangeMember::Rows(self.row(field, depth + 1, level)?)),
            _ => Err(self.unplanned(field)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::config::graphql::GraphqlConfig;
    use crate::config::limits::LimitsConfig;
    use crate::protocol::graphql::fixture::Asked;
    use crate::protocol::graphql::output::RowMember;
    use crate::protocol::graphql::plan::Planned;

    fn planned_with(
        text: &str,
        config: &GraphqlConfig,
        limits: &LimitsConfig,
    ) -> Result<ChangesPlan, DoorError> {
        let asked = Asked::of(text);
        let selections = asked.selections(config.fields_max)?;
        match Planner::new(&asked.door, &selections, config, limits).plan(asked.operation())? {
            Planned::Subscription(changes) => Ok(*changes),
            Planned::Answer(plan) => panic!("{plan:?}"),
        }
    }

    fn planned(text: &str) -> ChangesPlan {
        planned_with(text, &GraphqlConfig::default(), &LimitsConfig::default()).unwrap()
    }

    #[test]
    fn what_is_followed_has_the_selected_columns_and_the_condition_of_a_page() {
        let changes = planned(
            "subscription { c: flightsChanged(where: {dep_delay: {gt: 60}}) \
             { __typename version more at: committedAt rows { not_ id } } }",
        );
        let of_page = "{ flights(where: {dep_delay: {gt: 60}}) { nodes { id not_ } } }";
        let asked = Asked::of(of_page);
        let limits = LimitsConfig::default();
        let filter = condition(asked.table(), asked.arguments().unwrap().get("where"), &limits.statements);
        let written =
            |filter: &Option<crate::engine::statement::Filter>| serde_json::to_string(filter).unwrap();
        assert_eq!(written(&changes.statement.filter), written(&filter.unwrap()));
        assert_eq!(changes.statement.columns.as_deref().unwrap(), ["id", "not"]);
        assert_eq!((changes.statement.table.as_str(), changes.key.as_str()), ("flights", "c"));
        assert_eq!((changes.statement.limit, changes.statement.side), (None, None));
        let keys: Vec<&str> = changes.output.members.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["__typename", "version", "more", "at", "rows"]);
        assert_eq!(changes.output.type_name, "FlightsChange");
        assert!(changes.below.is_empty());
        let without_rows = planned("subscription { flightsChanged { version } }");
        assert_eq!(without_rows.statement.columns.as_deref().unwrap(), [""; 0]);
        assert!(without_rows.statement.filter.is_none());
    }

    #[test]
    fn rows_lead_to_those_of_other_tables() {
        let changes = planned("subscription { flightsChanged { rows { id airline { name } } } }");
        let [below] = &changes.below[..] else { panic!("{changes:?}") };
        assert_eq!(
            (below.path.as_str(), below.statement.table.as_str()),
            ("flightsChanged.airline", "airlines")
        );
        assert_eq!(changes.tables_below(), ["airlines"]);
        assert_eq!(changes.statement.columns.as_deref().unwrap(), ["id", "carrier"]);
        let Some((_, ChangeMember::Rows(rows))) = changes.output.members.first() else {
            panic!("{changes:?}")
        };
        assert!(matches!(&rows.members[1].1, RowMember::One(0, _)));
    }

    #[test]
    fn an_event_has_as_many_rows_as_an_operation_may_ask_for() {
        let text = "subscription { flightsChanged { rows { airline { name } } } }";
        let with = |operation_rows_max: usize| {
            let config = GraphqlConfig { operation_rows_max, ..GraphqlConfig::default() };
            planned_with(text, &config, &LimitsConfig { change_rows_max: 7, ..LimitsConfig::default() })
        };
        assert!(with(14).is_ok());
        assert_eq!(with(13).unwrap_err().error.code, ErrorCode::DocumentTooLarge);
        let deep = |depth_max: usize| {
            let config = GraphqlConfig { depth_max, ..GraphqlConfig::default() };
            planned_with(text, &config, &LimitsConfig::default())
        };
        assert!(deep(4).is_ok());
        assert_eq!(deep(3).unwrap_err().error.code, ErrorCode::DocumentTooLarge);
    }
}
