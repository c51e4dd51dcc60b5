//! Digests of shapes: owns writing every part of one so that no two shapes read the same.

use arrow::datatypes::DataType;
use sha2::{Digest as _, Sha256};
use sluice_policies::type_name::type_name;

use super::{ShapeColumn, ShapeRelation, ShapeTable};

/// Nothing else that is hashed starts like this.
const DOMAIN: &str = "sluice visible shape 1";

pub(super) fn of(tables: &[ShapeTable], relations: &[ShapeRelation]) -> [u8; 32] {
    let mut parts = Parts(Sha256::new());
    parts.text(DOMAIN);
    parts.count(tables.len());
    for table in tables {
        parts.text(&table.name);
        parts.optional(table.description.as_deref());
        parts.optional(table.graphql_name.as_deref());
        parts.texts(&table.lookup_key);
        parts.count(table.columns.len());
        table.columns.iter().for_each(|column| parts.column(column));
    }
    parts.count(relations.len());
    for relation in relations {
        parts.text(&relation.name);
        parts.text(&relation.table);
        parts.texts(&relation.columns);
        parts.text(&relation.target);
        parts.texts(&relation.target_columns);
        parts.optional(relation.back.as_deref());
    }
    parts.0.finalize().into()
}

/// Every part is written after its length, and every list after its count.
struct Parts(Sha256);

impl Parts {
    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn optional(&mut self, text: Option<&str>) {
        self.count(usize::from(text.is_some()));
        text.into_iter().for_each(|text| self.text(text));
    }

    fn column(&mut self, column: &ShapeColumn) {
        self.text(&column.name);
        self.optional(column.description.as_deref());
        self.optional(column.graphql_name.as_deref());
        self.data_type(&column.data_type);
        self.count(column.fields.len());
        for field in &column.fields {
            self.text(&field.path);
            self.optional(field.description.as_deref());
            self.optional(field.graphql_name.as_deref());
        }
    }

    /// Names of fields are no part of a name of a type: they may hold what that is written with.
    fn data_type(&mut self, data_type: &DataType) {
        match data_type {
            DataType::Struct(fields) => {
                self.text("struct");
                self.count(fields.len());
                for field in fields {
                    self.text(field.name());
                    self.data_type(field.data_type());
                }
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                self.text("list");
                self.data_type(item.data_type());
            }
            plain => self.text(&type_name(plain)),
        }
    }
}
