//! What one caller sees of one version of one table: owns the set of loaded policies and the
//! effective policy that it gives. Does not read tables, and evaluates nothing.
//!
//! Rules are written against the columns that were known when the set was loaded. At every
//! version they are compiled again: columns are followed by their column-mapping ids where there
//! are some, and by exact name where there are none. A table that has ids at one end and none at
//! the other has no column in common with itself. A rule that names a column which the version
//! does not have makes that version not found.

mod align;
mod compile;
mod load;
mod masks;
mod role;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow_schema::{ArrowError, DataType, Field, SchemaRef};

use crate::column_mask::{ColumnMask, MaskError, apply_nested, nested_output_type};
use crate::diagnostic::Diagnostic;
use crate::fingerprint::Fingerprint;
use crate::keys::KeyRing;
use crate::principal::Principal;
use crate::row_filter::{BoundExpression, Claims, RowFilter};

use compile::Compiler;
use role::{Role, TablePolicy};

/// A version of a table, as far as policies look at it.
#[derive(Debug, Clone)]
pub struct TableShape {
    /// Logical columns with their raw types.
    pub schema: SchemaRef,
    /// Tags by column, or by dotted path of a field inside structs (`items.price` through a list,
    /// too; `items.element.price` means the same).
    pub tags: BTreeMap<String, Vec<String>>,
    /// Delta column-mapping ids by dotted path, as in `tags`; empty when the table has none.
    pub column_ids: BTreeMap<String, i64>,
}

/// Every loaded policy: immutable, cheap to share, replaced whole.
#[derive(Debug, Clone)]
pub struct PolicySet {
    roles: Arc<BTreeMap<String, Role>>,
    mask_keys: Arc<KeyRing>,
    /// Tables as they were when their policies were first bound to them.
    known: BTreeMap<String, Arc<TableShape>>,
    expressions: Vec<PolicyExpression>,
}

/// A row filter or expression mask with its place, for an engine to type-check at load. Claims
/// are bound to sample values of the right types.
#[derive(Debug, Clone)]
pub struct PolicyExpression {
    /// The role that it is of.
    pub role: String,
    /// The table that it is of.
    pub table: String,
    /// The masked column; `None` for a row filter.
    pub masked_column: Option<String>,
    /// The expression.
    pub expression: BoundExpression,
}

/// What one caller sees of one version of one table.
#[derive(Debug, Clone)]
pub struct EffectivePolicy {
    /// Visible columns in table order; never empty.
    pub columns: Vec<VisibleColumn>,
    /// Visible rows. Refers to raw columns, hidden ones included.
    pub row_filter: RowFilter,
    /// Equal exactly for callers with equal rights.
    pub fingerprint: Fingerprint,
    /// Every row is visible, so that counts and sizes of the table tell nothing.
    pub unfiltered: bool,
}

/// A column that the caller sees.
#[derive(Debug, Clone)]
pub struct VisibleColumn {
    /// Place in the schema of the shape.
    pub index: usize,
    /// Name in the schema of the shape.
    pub name: String,
    /// Mask of the whole column.
    pub mask: Option<ColumnMask>,
    /// Masks of fields inside the column, by path below it, in the order in which they apply; the
    /// empty path is the column itself. Only where `mask` is none.
    pub nested: Vec<(Vec<String>, ColumnMask)>,
}

impl VisibleColumn {
    /// True when any value of the column is not shown as it is.
    pub fn is_masked(&self) -> bool {
        self.mask.is_some() || !self.nested.is_empty()
    }

    /// The column as the caller sees it: masked type, nullable when masked, and without the raw
    /// column's metadata.
    pub fn output_field(&self, raw: &Field) -> Result<Field, MaskError> {
        let data_type = match &self.mask {
            Some(mask) => mask.output_type(raw.data_type())?,
            None => self.nested.iter().try_fold(raw.data_type().clone(), |data_type, (path, mask)| {
                nested_output_type(&data_type, path, mask)
            })?,
        };
        Ok(Field::new(&self.name, data_type, raw.is_nullable() || self.is_masked()))
    }

    /// The masked values. An expression mask is the engine's to evaluate and an error here.
    pub fn apply(&self, raw: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match &self.mask {
            Some(mask) => mask.apply(raw),
            None => self
                .nested
                .iter()
                .try_fold(Arc::clone(raw), |array, (path, mask)| apply_nested(&array, path, mask)),
        }
    }
}

impl PolicySet {
    /// Reads and checks policy files against every table that can be read. `columns: '*'` comes
    /// to mean the columns in `shapes`. A table that is named in a rule but is not in `shapes`
    /// stays not found until [`PolicySet::rebind`] gives its shape. All problems are reported,
    /// in order of place.
    pub fn load(
        files: &[PathBuf],
        mask_keys: Arc<KeyRing>,
        shapes: &BTreeMap<String, TableShape>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let roles = load::read_roles(files)?;
        let empty =
            Self { roles: Arc::new(roles), mask_keys, known: BTreeMap::new(), expressions: Vec::new() };
        empty.rebind(shapes)
    }

    /// The same policies with tables added that were not known before; known ones keep the
    /// columns that they had. On an error nothing is added: call it a table at a time where one
    /// unfit table must not keep others out.
    pub fn rebind(&self, shapes: &BTreeMap<String, TableShape>) -> Result<Self, Vec<Diagnostic>> {
        let mut bound = self.clone();
        let mut problems = Vec::new();
        for (table, shape) in shapes {
            if self.known.contains_key(table) {
                continue;
            }
            let shape = Arc::new(shape.clone());
            for (role_name, role) in self.roles.iter() {
                let Some(policy) = role.table(table) else { continue };
                let compiler = self.compiler(role, table, policy, &shape, &shape, Claims::Sample);
                match compiler.compile() {
                    Ok(effective) => {
                        bound.expressions.extend(expressions_of(role_name, table, &effective));
                    }
                    Err(found) => problems.extend(found),
                }
            }
            bound.known.insert(table.clone(), shape);
        }
        if problems.is_empty() {
            return Ok(bound);
        }
        problems.sort();
        problems.dedup();
        Err(problems)
    }

    /// Every role, in name order.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// Whether there is such a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// What the policy file says of the role.
    pub fn description(&self, role: &str) -> Option<&str> {
        self.roles.get(role)?.description.as_deref()
    }

    /// Whether the role sees tables that cannot be read.
    pub fn is_administrator(&self, role: &str) -> bool {
        self.roles.get(role).is_some_and(|role| role.administrator)
    }

    /// Whether the role may read older versions of a table that it is granted.
    pub fn may_time_travel(&self, role: &str, table: &str) -> bool {
        self.roles.get(role).is_some_and(|role| {
            role.table(table).is_some_and(|policy| policy.time_travel.unwrap_or(role.time_travel))
        })
    }

    /// Whether the role is granted the table at all. That does not yet mean that it can be seen
    /// at some version: [`PolicySet::effective`] decides that.
    pub fn grants(&self, role: &str, table: &str) -> bool {
        self.roles.get(role).is_some_and(|role| role.table(table).is_some())
    }

    /// Granted tables in name order: those that rules name and, under a grant of every table,
    /// those that are known.
    pub fn granted_tables(&self, role: &str) -> Vec<&str> {
        let Some(role) = self.roles.get(role) else { return Vec::new() };
        let named = role.tables.keys();
        let every = if role.any_table.is_some() { Some(self.known.keys()) } else { None };
        let mut tables: Vec<&str> = named.chain(every.into_iter().flatten()).map(String::as_str).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Grants of tables that are not there, at their places: they grant nothing until the table
    /// appears.
    pub fn grants_of_missing_tables(&self, is_there: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for role in self.roles.values() {
            for (table, policy) in role.tables.iter().filter(|(table, _)| !is_there(table)) {
                found.push(policy.place.problem(format!("table \"{table}\" is not in the catalog")));
            }
        }
        found.sort();
        found
    }

    /// Whether the table's columns are bound, so that it can be seen by anyone.
    pub fn is_bound(&self, table: &str) -> bool {
        self.known.contains_key(table)
    }

    /// What the caller sees of this version; `None` when the table is not granted, is not bound,
    /// shows no column, or has a rule that does not compile against this version: not found.
    pub fn effective(
        &self,
        principal: &Principal,
        table: &str,
        shape: &TableShape,
    ) -> Option<EffectivePolicy> {
        let role = self.roles.get(&principal.role)?;
        let policy = role.table(table)?;
        let known = self.known.get(table)?;
        let claims = Claims::Of(&principal.claims);
        self.compiler(role, table, policy, known, shape, claims).compile().ok()
    }

    /// Every row filter and expression mask of every bound table.
    pub fn expressions(&self) -> impl Iterator<Item = &PolicyExpression> {
        self.expressions.iter()
    }

    fn compiler<'a>(
        &'a self,
        role: &'a Role,
        table: &'a str,
        policy: &'a TablePolicy,
        known: &'a TableShape,
        current: &'a TableShape,
        claims: Claims<'a>,
    ) -> Compiler<'a> {
        Compiler { role, table, policy, known, current, claims, mask_keys: &self.mask_keys }
    }
}

fn expressions_of(role: &str, table: &str, effective: &EffectivePolicy) -> Vec<PolicyExpression> {
    let of = |masked_column: Option<&str>, expression: &BoundExpression| PolicyExpression {
        role: role.to_string(),
        table: table.to_string(),
        masked_column: masked_column.map(str::to_string),
        expression: expression.clone(),
    };
    let mut found = Vec::new();
    if let RowFilter::Expression(expression) = &effective.row_filter {
        found.push(of(None, expression));
    }
    for column in &effective.columns {
        if let Some(ColumnMask::Expression(expression)) = &column.mask {
            found.push(of(Some(&column.name), expression));
        }
    }
    found
}

/// Fields of a struct, or of the structs in a list; `None` for every other type.
fn inner_fields(data_type: &DataType) -> Option<(&arrow_schema::Fields, usize)> {
    match data_type {
        DataType::Struct(fields) => Some((fields, 0)),
        DataType::List(item) | DataType::LargeList(item) => {
            inner_fields(item.data_type()).map(|(fields, lists)| (fields, lists + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
