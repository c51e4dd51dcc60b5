//! Reading a snapshot's files: owns the choice of files and the Parquet source over them, with
//! partition values and, where asked, each row's position. Knows nothing of policies: what comes
//! out is raw and stays below the barrier.

mod adapter;
mod bounds;
mod conform;
mod footers;
pub(super) mod guard;
mod matching;
mod partition;
pub(super) mod prune;
mod readers;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::SessionState;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use parquet::arrow::RowNumber;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use sluice_catalog::data_file::DataFile;
use sluice_catalog::snapshot::Snapshot;

use self::adapter::FileAdapters;
use self::footers::StoreFooters;
use self::matching::Matching;
use self::partition::partition_value;
use self::readers::{CheckedReaders, StatedRows};
use super::error::EngineError;
use super::relabel::nullable_field;
use super::session::Engine;

/// Name of the file ordinal in scan output. Callers' names never reach scan output unprojected.
pub(super) const FILE: &str = "\u{0}file";
/// Name of the row number within its file in scan output.
pub(super) const ROW: &str = "\u{0}row";

/// A file of the snapshot, and the rows of it to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScanFile {
    /// Index in the snapshot's canonical file order.
    pub(super) ordinal: usize,
    /// First row to read.
    pub(super) from_row: u64,
    /// Row to stop before; `None` reads to the end.
    pub(super) to_row: Option<u64>,
}

impl ScanFile {
    /// Every row of the file.
    pub(super) fn whole(ordinal: usize) -> Self {
        Self { ordinal, from_row: 0, to_row: None }
    }
}

/// What to read.
#[derive(Debug)]
pub(super) struct ScanSpec<'a> {
    /// The pinned snapshot.
    pub(super) snapshot: &'a Snapshot,
    /// Columns to read, as indices into the snapshot's columns.
    pub(super) columns: &'a [usize],
    /// One group a partition, each read in the order given.
    pub(super) groups: &'a [Vec<ScanFile>],
    /// Append the file ordinal and the row number.
    pub(super) positions: bool,
    /// Predicate over the logical columns, used to skip row groups and pages, never to drop rows.
    pub(super) pruning: Option<&'a Arc<dyn PhysicalExpr>>,
}

/// The raw scan: the asked columns in order under physical names, then the position columns.
pub(super) fn source(
    engine: &Engine,
    state: &SessionState,
    spec: &ScanSpec<'_>,
) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    let snapshot = spec.snapshot;
    let layout = Layout::of(snapshot);
    let table_schema = layout.table_schema();
    let footers = state.runtime_env().cache_manager.get_file_metadata_cache();
    let footers = StoreFooters::new(snapshot.store_url().host_str().unwrap_or_default(), footers);
    let matching = Matching::of(snapshot.column_mapping());
    let readers = CachedParquetFileReaderFactory::new(Arc::clone(snapshot.store()), Arc::new(footers));
    let readers = CheckedReaders { readers, store: Arc::clone(snapshot.store()), matching };
    let mut parquet = ParquetSource::new(table_schema)
        .with_table_parquet_options(state.default_table_options().parquet)
        .with_parquet_file_reader_factory(Arc::new(readers));
    if let Some(predicate) = spec.pruning {
        parquet = parquet.with_predicate(layout.physical_predicate(predicate)?);
    }
    let mut groups = Vec::with_capacity(spec.groups.len());
    for group in spec.groups {
        let files = group
            .iter()
            .map(|file| layout.partitioned_file(snapshot, *file))
            .collect::<Result<Vec<_>, _>>()?;
        groups.push(FileGroup::new(files));
    }
    let mut projection: Vec<usize> = spec.columns.iter().map(|c| layout.position[*c]).collect();
    if spec.positions {
        projection.push(layout.file_index());
        projection.push(layout.file_index() + 1);
    }
    let config = FileScanConfigBuilder::new(engine.store_url(snapshot)?, Arc::new(parquet))
        .with_file_groups(groups)
        .with_expr_adapter(Some(Arc::new(FileAdapters(matching))))
        .with_preserve_order(true)
        .with_projection_indices(Some(projection))
        .map_err(EngineError::planning)?
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// How the snapshot's columns lie in the scan's table schema: file columns, partition columns,
/// the file ordinal, the row number.
struct Layout {
    file_fields: Vec<FieldRef>,
    partition_fields: Vec<FieldRef>,
    partition_columns: Vec<usize>,
    /// Column index -> index in the table schema.
    position: Vec<usize>,
    logical: Vec<String>,
}

impl Layout {
    fn of(snapshot: &Snapshot) -> Self {
        let columns = snapshot.columns();
        let stored = columns.iter().filter(|c| !c.partition).count();
        let mut layout = Self {
            file_fields: Vec::new(),
            partition_fields: Vec::new(),
            partition_columns: Vec::new(),
            position: Vec::new(),
            logical: columns.iter().map(|c| c.name.clone()).collect(),
        };
        for (index, column) in columns.iter().enumerate() {
            if column.partition {
                layout.position.push(stored + layout.partition_fields.len());
                layout.partition_fields.push(nullable_field(&column.physical));
                layout.partition_columns.push(index);
            } else {
                layout.position.push(layout.file_fields.len());
                layout.file_fields.push(nullable_field(&column.physical));
            }
        }
        layout
    }

    fn file_index(&self) -> usize {
        self.file_fields.len() + self.partition_fields.len()
    }

    fn table_schema(&self) -> TableSchema {
        let mut partitions = self.partition_fields.clone();
        partitions.push(Arc::new(Field::new(FILE, DataType::UInt32, false)));
        let row = Field::new(ROW, DataType::Int64, false).with_extension_type(RowNumber);
        TableSchema::builder(Arc::new(Schema::new(self.file_fields.clone())))
            .with_table_partition_cols(partitions)
            .with_virtual_columns(vec![Arc::new(row)])
            .build()
    }

    /// Rewrites a predicate from logical columns to the scan's own.
    fn physical_predicate(
        &self,
        predicate: &Arc<dyn PhysicalExpr>,
    ) -> Result<Arc<dyn PhysicalExpr>, EngineError> {
        use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
        use datafusion::physical_expr::expressions::Column;
        Arc::clone(predicate)
            .transform(|node| {
                let Some(column) = node.downcast_ref::<Column>() else {
                    return Ok(Transformed::no(node));
                };
                let Some(index) = self.logical.iter().position(|name| name == column.name()) else {
                    return Ok(Transformed::no(node));
                };
                let position = self.position[index];
                let field = self
                    .file_fields
                    .get(position)
                    .unwrap_or_else(|| &self.partition_fields[position - self.file_fields.len()]);
                Ok(Transformed::yes(Arc::new(Column::new(field.name(), position)) as _))
            })
            .data()
            .map_err(EngineError::planning)
    }

    fn partitioned_file(&self, snapshot: &Snapshot, file: ScanFile) -> Result<PartitionedFile, EngineError> {
        let data_file = &snapshot.files()[file.ordinal];
        let mut values = Vec::with_capacity(self.partition_fields.len() + 1);
        for (column, field) in self.partition_columns.iter().zip(&self.partition_fields) {
            let name = &snapshot.columns()[*column].name;
            let text = data_file.partition_values.get(name).and_then(Option::as_deref);
            values.push(partition_value(text, field.data_type())?);
        }
        let ordinal = u32::try_from(file.ordinal).map_err(|e| EngineError::Internal(Box::new(e)))?;
        values.push(ScalarValue::UInt32(Some(ordinal)));
        let mut partitioned =
            PartitionedFile::new_from_meta(object_meta(data_file)).with_partition_values(values);
        if let Some(rows) = prune::num_records(data_file) {
            partitioned = partitioned.with_extension(StatedRows(rows));
        }
        if let Some(selection) = selection(data_file, file) {
            partitioned = partitioned.with_extension(
                datafusion::datasource::physical_plan::parquet::ParquetRowSelection::new(selection),
            );
        }
        Ok(partitioned)
    }
}

fn object_meta(file: &DataFile) -> object_store::ObjectMeta {
    object_store::ObjectMeta {
        location: file.path.clone(),
        last_modified: file.modified_at,
        size: file.size_bytes,
        e_tag: None,
        version: None,
    }
}

/// The rows to decode. Without a row count from the log the whole file is decoded; the exact
/// bounds are applied above the scan in any case.
fn selection(data_file: &DataFile, file: ScanFile) -> Option<RowSelection> {
    let rows = prune::num_records(data_file)?;
    let to = file.to_row.unwrap_or(rows).min(rows);
    let from = file.from_row.min(to);
    if from == 0 && to == rows {
        return None;
    }
    let count = |n: u64| usize::try_from(n).ok();
    Some(RowSelection::from(vec![
        RowSelector::skip(count(from)?),
        RowSelector::select(count(to - from)?),
        RowSelector::skip(count(rows - to)?),
    ]))
}
