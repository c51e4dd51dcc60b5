//! Shapes that were built before: owns how long one holds. A shape holds for a role while the policies are the same
//! set, the role's tables are the same, and each has the same schema. Commits that change no schema keep it, so that
//! a table written to every second costs a comparison of addresses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::SchemaRef;
use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::table::Table;
use sluice_policies::table_policy::PolicySet;

use super::VisibleShape;

/// What a table was when a shape was built from it.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    /// `None` while it cannot be read. Kept alive here, so that no other schema gets its address.
    schema: Option<SchemaRef>,
}

impl Source {
    /// The table as it is.
    pub(super) fn of(table: &Table) -> Self {
        let schema = table.current().map(|snapshot| Arc::clone(snapshot.schema()));
        Self { name: table.name().to_owned(), schema }
    }

    /// The table as this version has it.
    pub(super) fn read(table: &Table, snapshot: &Snapshot) -> Self {
        Self { name: table.name().to_owned(), schema: Some(Arc::clone(snapshot.schema())) }
    }

    fn is(&self, other: &Self) -> bool {
        let same_schema = match (&self.schema, &other.schema) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            _ => false,
        };
        same_schema && self.name == other.name
    }
}

/// The last shape of each role, of one set of policies.
#[derive(Debug, Default)]
pub(in crate::query) struct ShapeMemo(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    policies: Option<Arc<PolicySet>>,
    roles: HashMap<String, (Vec<Source>, Arc<VisibleShape>)>,
}

impl ShapeMemo {
    /// The role's shape, if it was built from just these.
    pub(super) fn get(
        &self,
        policies: &Arc<PolicySet>,
        role: &str,
        sources: &[Source],
    ) -> Option<Arc<VisibleShape>> {
        let remembered = self.lock();
        remembered.policies.as_ref().filter(|known| Arc::ptr_eq(known, policies))?;
        let (built_from, shape) = remembered.roles.get(role)?;
        let same = built_from.len() == sources.len() && built_from.iter().zip(sources).all(|(a, b)| a.is(b));
        same.then(|| Arc::clone(shape))
    }

    /// Remembers a role's shape. Roles are those of the policies, so that they are not counted here.
    pub(super) fn keep(
        &self,
        policies: Arc<PolicySet>,
        role: &str,
        sources: Vec<Source>,
        shape: Arc<VisibleShape>,
    ) {
        let mut remembered = self.lock();
        if !remembered.policies.as_ref().is_some_and(|known| Arc::ptr_eq(known, &policies)) {
            remembered.roles.clear();
            remembered.policies = Some(policies);
        }
        remembered.roles.insert(role.to_owned(), (sources, shape));
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeMap;
    use std::fs;

    use arrow::datatypes::Schema;
    use sluice_policies::keys::KeyRing;

    use super::*;

    fn policies() -> Arc<PolicySet> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policies.yaml");
        fs::write(&file, "version: 1\nroles: { analyst: { tables: {} } }\n").unwrap();
        Arc::new(PolicySet::load(&[file], Arc::new(KeyRing::generate("k")), &BTreeMap::new()).unwrap())
    }

    fn source(name: &str, schema: Option<&SchemaRef>) -> Source {
        Source { name: name.to_owned(), schema: schema.map(Arc::clone) }
    }

    #[test]
    fn a_shape_holds_until_a_schema_a_table_or_the_policies_change() {
        let (one, other) = (Arc::new(Schema::empty()), Arc::new(Schema::empty()));
        let (memo, set) = (ShapeMemo::default(), policies());
        let shape = Arc::new(VisibleShape::new(Vec::new(), Vec::new()));
        let sources = || vec![source("a", Some(&one)), source("b", None)];
        assert!(memo.get(&set, "analyst", &sources()).is_none());
        memo.keep(Arc::clone(&set), "analyst", sources(), Arc::clone(&shape));
        assert!(Arc::ptr_eq(&memo.get(&set, "analyst", &sources()).unwrap(), &shape));
        for changed in [
            vec![source("a", Some(&other)), source("b", None)],
            vec![source("a", Some(&one)), source("b", Some(&one))],
            vec![source("a", Some(&one)), source("c", None)],
            vec![source("a", Some(&one))],
        ] {
            assert!(memo.get(&set, "analyst", &changed).is_none(), "{changed:?}");
        }
        assert!(memo.get(&set, "partner", &sources()).is_none());
        assert!(memo.get(&policies(), "analyst", &sources()).is_none());
        memo.keep(policies(), "partner", sources(), shape);
        assert!(memo.get(&set, "analyst", &sources()).is_none());
    }
}
