//! A table's columns at one version: owns the mapping between logical and physical columns and the
//! check of what types can be served. Does not read data.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, Field, FieldRef, Fields, Schema, SchemaRef};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::schema::{
    ColumnMetadataKey, DataType, MetadataValue, PrimitiveType, StructField, StructType,
};
use delta_kernel::table_features::ColumnMappingMode;

use crate::data_file::StatsLayout;
use crate::error::CatalogError;

/// Metadata key under which Parquet field ids stand in [`Column::physical`].
pub const PARQUET_FIELD_ID: &str = "PARQUET:field_id";

/// How data files name the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnMapping {
    /// By the logical name.
    None,
    /// By the physical name.
    Name,
    /// By the Parquet field id.
    Id,
}

/// A top-level column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Logical name.
    pub name: String,
    /// As callers know it.
    pub field: FieldRef,
    /// As data files hold it: physical names at every level, and the Parquet field id in the
    /// metadata under [`PARQUET_FIELD_ID`] where columns are mapped.
    pub physical: FieldRef,
    /// Identity that survives renaming, where columns are mapped.
    pub id: Option<i64>,
    /// Its values stand in the log, not in the files.
    pub partition: bool,
    /// The comment in the table's own schema.
    pub description: Option<String>,
}

/// The columns of one version, shared by the versions that have the same.
#[derive(Debug)]
pub(crate) struct TableSchema {
    pub(crate) schema: SchemaRef,
    pub(crate) columns: Vec<Column>,
    pub(crate) column_ids: BTreeMap<String, i64>,
    pub(crate) partition_columns: Vec<String>,
    pub(crate) partition_physical_names: Vec<String>,
    pub(crate) mapping: ColumnMapping,
    pub(crate) stats_layout: Arc<StatsLayout>,
}

impl TableSchema {
    pub(crate) fn new(
        logical: &StructType,
        partition_columns: &[String],
        mode: ColumnMappingMode,
    ) -> Result<Self, CatalogError> {
        let mut columns = Vec::new();
        let mut ids = PathIds::default();
        let mut leaves = Vec::new();
        for field in logical.fields() {
            check_type(field.data_type())?;
            let arrow: Field =
                field.try_into_arrow().map_err(|error| CatalogError::Schema { reason: error.to_string() })?;
            let arrow = bare(&arrow);
            let partition = partition_columns.iter().any(|name| name == field.name());
            let mut logical_path = Vec::new();
            let mut physical_path = Vec::new();
            visit(
                field,
                mode,
                &mut logical_path,
                &mut physical_path,
                false,
                &mut |found, logical, physical, leaf| {
                    ids.add(logical.join("."), column_id(found));
                    if leaf && !partition {
                        leaves.push((logical.to_vec(), physical.to_vec()));
                    }
                },
            );
            columns.push(Column {
                name: field.name().clone(),
                physical: Arc::new(physical_field(field, &arrow, mode)),
                field: Arc::new(arrow),
                id: column_id(field),
                partition,
                description: text(field, "comment"),
            });
        }
        let physical_name = |name: &String| {
            let column = columns.iter().find(|column| column.name == *name);
            column.map(|column| column.physical.name().clone()).ok_or_else(|| CatalogError::Schema {
                reason: format!("partition column \"{name}\" does not exist"),
            })
        };
        let partition_physical_names =
            partition_columns.iter().map(physical_name).collect::<Result<_, _>>()?;
        Ok(Self {
            schema: Arc::new(Schema::new(columns.iter().map(|c| Arc::clone(&c.field)).collect::<Fields>())),
            columns,
            column_ids: ids.unambiguous(),
            partition_columns: partition_columns.to_vec(),
            partition_physical_names,
            mapping: match mode {
                ColumnMappingMode::None => ColumnMapping::None,
                ColumnMappingMode::Name => ColumnMapping::Name,
                ColumnMappingMode::Id => ColumnMapping::Id,
            },
            stats_layout: Arc::new(StatsLayout::new(&leaves)),
        })
    }
}

/// Ids by dotted path; a path that names two columns (`a.b` beside `b` in `a`) has none.
#[derive(Default)]
struct PathIds(HashMap<String, Vec<Option<i64>>>);

impl PathIds {
    fn add(&mut self, path: String, id: Option<i64>) {
        self.0.entry(path).or_default().push(id);
    }

    fn unambiguous(self) -> BTreeMap<String, i64> {
        let single = |(path, ids): (String, Vec<Option<i64>>)| match ids.as_slice() {
            [Some(id)] => Some((path, *id)),
            _ => None,
        };
        self.0.into_iter().filter_map(single).collect()
    }
}

/// Takes a field, its logical and its physical path, and whether it is a leaf.
type FieldVisitor<'a> = dyn FnMut(&StructField, &[String], &[String], bool) + 'a;

/// Step of a path into the items of a list.
const ITEM: &str = "element";

/// Visits a field and the fields of structs below it, in lists too. What is in a list is no leaf: there
/// are no statistics of it.
fn visit(
    field: &StructField,
    mode: ColumnMappingMode,
    logical: &mut Vec<String>,
    physical: &mut Vec<String>,
    in_list: bool,
    visitor: &mut FieldVisitor<'_>,
) {
    let depth = logical.len();
    logical.push(field.name().clone());
    physical.push(field.physical_name(mode).to_owned());
    let is_struct = matches!(field.data_type(), DataType::Struct(_));
    visitor(field, logical, physical, !is_struct && !in_list);
    let mut inner = field.data_type();
    while let DataType::Array(list) = inner {
        logical.push(ITEM.to_owned());
        physical.push(ITEM.to_owned());
        inner = list.element_type();
    }
    if let DataType::Struct(inner) = inner {
        for child in inner.fields() {
            visit(child, mode, logical, physical, in_list || !is_struct, visitor);
        }
    }
    logical.truncate(depth);
    physical.truncate(depth);
}

fn check_type(data_type: &DataType) -> Result<(), CatalogError> {
    let refuse = |name: &str| Err(CatalogError::UnsupportedFeature { features: vec![name.to_owned()] });
    match data_type {
        DataType::Primitive(PrimitiveType::IntervalYearMonth | PrimitiveType::IntervalDayTime) => {
            refuse("interval type")
        }
        DataType::Primitive(_) => Ok(()),
        DataType::Array(array) => check_type(array.element_type()),
        DataType::Map(map) => check_type(map.key_type()).and_then(|()| check_type(map.value_type())),
        DataType::Struct(inner) => inner.fields().try_for_each(|field| check_type(field.data_type())),
        DataType::Variant(_) => refuse("variantType"),
    }
}

fn physical_field(field: &StructField, logical: &Field, mode: ColumnMappingMode) -> Field {
    let data_type = physical_type(field.data_type(), logical.data_type(), mode);
    let physical = Field::new(field.physical_name(mode), data_type, logical.is_nullable());
    match (mode, column_id(field)) {
        (ColumnMappingMode::None, _) | (_, None) => physical,
        (ColumnMappingMode::Id | ColumnMappingMode::Name, Some(id)) => {
            physical.with_metadata(HashMap::from([(PARQUET_FIELD_ID.to_owned(), id.to_string())]))
        }
    }
}

fn physical_type(kernel: &DataType, logical: &ArrowType, mode: ColumnMappingMode) -> ArrowType {
    match (kernel, logical) {
        (DataType::Struct(inner), ArrowType::Struct(fields)) => ArrowType::Struct(
            inner.fields().zip(fields).map(|(child, field)| physical_field(child, field, mode)).collect(),
        ),
        (DataType::Array(array), ArrowType::List(element)) => {
            ArrowType::List(retyped(element, physical_type(array.element_type(), element.data_type(), mode)))
        }
        (DataType::Map(map), ArrowType::Map(entries, sorted)) => {
            let ArrowType::Struct(parts) = entries.data_type() else {
                return logical.clone();
            };
            let kinds = [map.key_type(), map.value_type()];
            let parts: Fields = kinds
                .into_iter()
                .zip(parts)
                .map(|(kind, part)| retyped(part, physical_type(kind, part.data_type(), mode)))
                .collect();
            ArrowType::Map(retyped(entries, ArrowType::Struct(parts)), *sorted)
        }
        _ => logical.clone(),
    }
}

fn retyped(field: &FieldRef, data_type: ArrowType) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The field without the metadata of the log at any level.
fn bare(field: &Field) -> Field {
    let bare_ref = |field: &FieldRef| Arc::new(bare(field));
    let data_type = match field.data_type() {
        ArrowType::Struct(fields) => ArrowType::Struct(fields.iter().map(bare_ref).collect()),
        ArrowType::List(element) => ArrowType::List(bare_ref(element)),
        ArrowType::Map(entries, sorted) => ArrowType::Map(bare_ref(entries), *sorted),
        other => other.clone(),
    };
    Field::new(field.name(), data_type, field.is_nullable())
}

fn column_id(field: &StructField) -> Option<i64> {
    match field.metadata.get(ColumnMetadataKey::ColumnMappingId.as_ref()) {
        Some(MetadataValue::Number(id)) => Some(*id),
        _ => None,
    }
}

fn text(field: &StructField, key: &str) -> Option<String> {
    match field.metadata.get(key) {
        Some(MetadataValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}
