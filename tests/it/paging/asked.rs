//! Questions that no door asks: owns asking the pipeline itself.

use std::collections::BTreeMap;

use sluice_gateway::engine::statement::{Select, Statement};
use sluice_gateway::query::caller::Caller;
use sluice_gateway::query::error::QueryError;
use sluice_gateway::query::request::{Pins, Request, VersionSelector};
use sluice_gateway::query::response::Delivery;
use sluice_policies::principal::Principal;
use sluice_tests::gateway::Gateway;

/// Who asks about the table `t`, and where.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) role: &'static str,
}

impl Asked<'_> {
    fn caller(&self) -> Caller {
        self.gateway.service().count(Principal::local(self.role, BTreeMap::new())).unwrap()
    }

    pub(super) fn request(&self, select: Select) -> Request {
        Request {
            caller: self.caller(),
            statement: Statement::Select(Select { table: "t".to_owned(), ..select }),
            version: VersionSelector::Latest,
            pins: None,
            request_id: "asked".to_owned(),
            deadline: None,
        }
    }

    pub(super) fn pins(&self, tables: &[&str]) -> Pins {
        self.gateway.service().pins(&self.caller(), tables)
    }

    pub(super) async fn select(&self, select: Select) -> Result<Delivery, QueryError> {
        self.gateway.service().execute(self.request(select)).await
    }
}
