//! Columns of the table over the fields of one data file: owns the rewriting of a scan's
//! expressions for each file that is opened. A column that the file lacks is null.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{RecordBatch, new_empty_array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::ROW;
use super::conform::conform;
use super::matching::Matching;

/// Makes an adapter for each file.
#[derive(Debug)]
pub(super) struct FileAdapters(pub(super) Matching);

impl PhysicalExprAdapterFactory for FileAdapters {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let stored = file.fields().iter().filter(|field| field.name() != ROW).map(Arc::clone).collect();
        self.0.check_file(&stored)?;
        Ok(Arc::new(FileAdapter { table, file, matching: self.0 }))
    }
}

#[derive(Debug)]
struct FileAdapter {
    table: SchemaRef,
    file: SchemaRef,
    matching: Matching,
}

impl PhysicalExprAdapter for FileAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let over_file = |node: Arc<dyn PhysicalExpr>| match node.downcast_ref::<Column>() {
            Some(column) => self.stored(column).map(Transformed::yes),
            None => Ok(Transformed::no(node)),
        };
        expr.transform(over_file).data()
    }
}

impl FileAdapter {
    /// The table's column, made of what the file has.
    fn stored(&self, column: &Column) -> Result<Arc<dyn PhysicalExpr>> {
        let wanted = self.table.field_with_name(column.name())?;
        let place = if column.name() == ROW {
            Some(self.file.index_of(ROW)?)
        } else {
            self.matching.find(self.file.fields(), wanted)?
        };
        let Some(place) = place else {
            return Ok(Arc::new(Literal::new(ScalarValue::try_from(wanted.data_type())?)));
        };
        let field = self.file.field(place);
        // The scan looks columns up by name once more; a second field of the name would be taken
        // for this one.
        if self.file.fields().iter().filter(|other| other.name() == field.name()).count() > 1 {
            return Err(DataFusionError::External("a file has two fields of one name".into()));
        }
        let stored: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), place));
        if field.data_type() == wanted.data_type() {
            return Ok(stored);
        }
        // Says what cannot be read before any row is.
        conform(&new_empty_array(field.data_type()), wanted.data_type(), self.matching)?;
        if field.data_type().is_integer() {
            // Statistics of the file can be used through a plain cast.
            return Ok(Arc::new(CastExpr::new(stored, wanted.data_type().clone(), None)));
        }
        Ok(Arc::new(Conformed { stored, target: wanted.data_type().clone(), matching: self.matching }))
    }
}

/// A file's column in the table's type.
#[derive(Debug, Eq)]
struct Conformed {
    stored: Arc<dyn PhysicalExpr>,
    target: DataType,
    matching: Matching,
}

impl PartialEq for Conformed {
    fn eq(&self, other: &Self) -> bool {
        self.stored.eq(&other.stored) && self.target == other.target && self.matching == other.matching
    }
}

impl Hash for Conformed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stored.hash(state);
        self.target.hash(state);
        self.matching.hash(state);
    }
}

impl fmt::Display for Conformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conformed({})", self.stored)
    }
}

impl PhysicalExpr for Conformed {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let stored = self.stored.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(conform(&stored, &self.target, self.matching)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.stored]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let [stored] = <[Arc<dyn PhysicalExpr>; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a stored column has one child".to_owned()))?;
        Ok(Arc::new(Self { stored, target: self.target.clone(), matching: self.matching }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
