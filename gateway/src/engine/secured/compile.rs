//! From an effective policy to a secured table: owns the compilation of filters and masks
//! against one version's schema. What does not compile there makes the version not exist for
//! the caller; the complaint is for the load-time check and the log, never for the caller.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::PhysicalExpr;
use sluice_catalog::snapshot::Snapshot;
use sluice_catalog::table::Table;
use sluice_policies::column_mask::{ColumnMask, nested_output_type};
use sluice_policies::row_filter::{BoundExpression, ClaimValue, RowFilter};
use sluice_policies::table_policy::{EffectivePolicy, VisibleColumn};

use super::{Masking, SecuredColumn, SecuredTable, VisibleRows};
use crate::engine::error::{Complaint, EngineError};
use crate::engine::expression::infallible::{is_infallible, is_safe_comparison, proves};
use crate::engine::expression::{from_ast, settle};
use crate::engine::relabel::{nullable_deep, nullable_field};
use crate::engine::session::Engine;

impl SecuredTable {
    /// Compiles `policy` for one version of a table.
    ///
    /// # Errors
    /// A filter or mask that does not type-check against this version or that could fail on some
    /// row.
    pub fn compile(
        engine: &Engine,
        table: Arc<Table>,
        snapshot: Arc<Snapshot>,
        policy: &EffectivePolicy,
    ) -> Result<Self, EngineError> {
        let compiler = Compiler::new(engine, &snapshot)?;
        let rows = compiler.rows(&policy.row_filter)?;
        let columns =
            policy.columns.iter().map(|column| compiler.column(column)).collect::<Result<Vec<_>, _>>()?;
        let fields: Vec<Field> =
            columns.iter().map(|c| Field::new(&c.name, c.data_type.clone(), true)).collect();
        let order_is_secret = order_is_secret(table.definition(), &snapshot, &columns);
        Ok(Self {
            name: table.name().to_owned(),
            schema: Arc::new(Schema::new(fields)),
            columns: columns.into(),
            rows,
            fingerprint: policy.fingerprint,
            unfiltered: policy.unfiltered,
            order_is_secret,
            table,
            snapshot,
        })
    }
}

/// A clustering or partition column that this caller sees masked or not at all.
fn order_is_secret(
    definition: &sluice_catalog::definition::TableDefinition,
    snapshot: &Snapshot,
    columns: &[SecuredColumn],
) -> bool {
    let clear = |name: &str| columns.iter().any(|c| c.name == name && matches!(c.mask, Masking::Clear));
    let clustered = definition.clustered_by.iter().any(|name| !clear(name));
    clustered || snapshot.columns().iter().any(|c| c.partition && !clear(&c.name))
}

/// Every raw column of a snapshot as the engine reads it: nullable at every level.
pub(in crate::engine) fn raw_schema(snapshot: &Snapshot) -> SchemaRef {
    Arc::new(Schema::new(snapshot.columns().iter().map(|c| nullable_field(&c.field)).collect::<Vec<_>>()))
}

pub(super) struct Compiler {
    state: SessionState,
    raw: SchemaRef,
    df: DFSchema,
}

impl Compiler {
    pub(super) fn new(engine: &Engine, snapshot: &Snapshot) -> Result<Self, EngineError> {
        let raw = raw_schema(snapshot);
        let df = DFSchema::try_from(Arc::clone(&raw)).map_err(EngineError::planning)?;
        Ok(Self { state: engine.policy_session(), raw, df })
    }

    fn rows(&self, filter: &RowFilter) -> Result<VisibleRows, EngineError> {
        match filter {
            RowFilter::All => Ok(VisibleRows::All),
            RowFilter::Nothing => Ok(VisibleRows::Nothing),
            RowFilter::Expression(bound) => {
                let (expr, data_type) = self.expression(bound)?;
                if data_type != DataType::Boolean {
                    return Err(invalid(format!("a row filter must be boolean, this one is {data_type}")));
                }
                let can_skip =
                    |name: &str| self.raw.field_with_name(name).is_ok_and(|f| proves(f.data_type()));
                let safe = split_conjunction_owned(expr.clone())
                    .into_iter()
                    .filter(|part| is_safe_comparison(part, &can_skip));
                let skipping = match conjunction(safe) {
                    Some(part) => Some(self.physical(part)?.0),
                    None => None,
                };
                let (predicate, used) = self.physical(expr)?;
                Ok(VisibleRows::Where { predicate, used, skipping })
            }
        }
    }

    fn column(&self, visible: &VisibleColumn) -> Result<SecuredColumn, EngineError> {
        let raw_type = self.raw.field(visible.index).data_type();
        let (mask, data_type) = match &visible.mask {
            None if visible.nested.is_empty() => (Masking::Clear, raw_type.clone()),
            None => {
                let mut data_type = raw_type.clone();
                for (path, mask) in &visible.nested {
                    data_type =
                        nested_output_type(&data_type, path, mask).map_err(|e| invalid(e.to_string()))?;
                }
                (Masking::Parts(visible.nested.clone()), data_type)
            }
            Some(ColumnMask::Expression(bound)) => {
                let (expr, _) = self.expression(bound)?;
                let (physical, used) = self.physical(expr)?;
                (Masking::Expression(physical, used), bound.data_type.clone())
            }
            Some(mask) => {
                let data_type = mask.output_type(raw_type).map_err(|e| invalid(e.to_string()))?;
                (Masking::Whole(Arc::new(mask.clone())), data_type)
            }
        };
        Ok(SecuredColumn {
            name: visible.name.clone(),
            raw: visible.index,
            data_type: nullable_deep(&data_type),
            mask,
        })
    }

    /// A policy's expression, typed, its claims bound as literals, and proved infallible.
    pub(super) fn expression(&self, bound: &BoundExpression) -> Result<(Expr, DataType), EngineError> {
        let expr = from_ast(&self.state, bound.ast.clone(), &self.df)?;
        let expr = bind_claims(expr, &bound.params)?;
        let expr = settle(&self.state, expr, &self.df)?;
        let type_of = |e: &Expr| e.get_type(&self.df).ok();
        if !is_infallible(&expr, &type_of) {
            return Err(invalid(format!("the expression \"{}\" could fail on some row", bound.text)));
        }
        let data_type = type_of(&expr)
            .ok_or_else(|| invalid(format!("the expression \"{}\" has no type", bound.text)))?;
        Ok((expr, data_type))
    }

    fn physical(&self, expr: Expr) -> Result<(Arc<dyn PhysicalExpr>, Vec<usize>), EngineError> {
        let mut used = BTreeSet::new();
        expr.apply(|node| {
            if let Expr::Column(column) = node {
                used.insert(self.raw.index_of(&column.name)?);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(EngineError::planning)?;
        let physical = self.state.create_physical_expr(expr, &self.df).map_err(EngineError::planning)?;
        Ok((physical, used.into_iter().collect()))
    }
}

/// Claims bind as typed literals where the placeholders stand, never as text.
fn bind_claims(expr: Expr, params: &[ClaimValue]) -> Result<Expr, EngineError> {
    expr.transform_up(|node| {
        let Expr::Placeholder(placeholder) = &node else { return Ok(Transformed::no(node)) };
        let value = placeholder
            .id
            .strip_prefix('$')
            .and_then(|n| n.parse::<usize>().ok())
            .and_then(|n| params.get(n.checked_sub(1)?))
            .ok_or_else(|| datafusion::error::DataFusionError::Plan("a claim is unbound".to_owned()))?;
        Ok(Transformed::yes(Expr::Literal(scalar(value), None)))
    })
    .data()
    .map_err(EngineError::planning)
}

fn scalar(value: &ClaimValue) -> ScalarValue {
    match value {
        ClaimValue::String(v) => ScalarValue::Utf8(Some(v.clone())),
        ClaimValue::Int(v) => ScalarValue::Int64(Some(*v)),
        ClaimValue::Float(v) => ScalarValue::Float64(Some(*v)),
        ClaimValue::Bool(v) => ScalarValue::Boolean(Some(*v)),
        ClaimValue::Date(days) => ScalarValue::Date32(Some(*days)),
        ClaimValue::TimestampMicros(v) => ScalarValue::TimestampMicrosecond(Some(*v), None),
        ClaimValue::TimestampUtcMicros(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some("UTC".into())),
        ClaimValue::Decimal128 { unscaled, precision, scale } => {
            ScalarValue::Decimal128(Some(*unscaled), *precision, *scale)
        }
    }
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidExpression(Complaint::new(message))
}
