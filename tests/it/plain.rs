//! The engine without Sluice: owns DataFusion contexts over the demo's source rows, as the right
//! answer for what a role may see.

use std::path::Path;

use arrow::array::RecordBatch;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use serde_json::Value;
use sluice_tests::gateway::Gateway;
use sluice_tests::json;

/// Tables in the clear.
pub(crate) struct Plain {
    context: SessionContext,
}

impl Plain {
    /// No tables yet.
    pub(crate) fn empty() -> Self {
        let config = SessionConfig::new()
            .with_target_partitions(1)
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false);
        Self { context: SessionContext::new_with_config(config) }
    }

    /// The demo's tables, from the files that they were made of.
    pub(crate) async fn demo(gateway: &Gateway) -> Self {
        let plain = Self::empty();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/src/demo/nycflights13");
        for table in ["flights", "airlines", "airports", "planes", "weather"] {
            plain.parquet(table, &sources.join(format!("{table}.parquet"))).await;
        }
        for table in ["customer", "orders"] {
            plain.parquet(table, &gateway.directory.join("lake").join(table)).await;
        }
        plain
    }

    /// A table of Parquet files.
    pub(crate) async fn parquet(&self, table: &str, path: &Path) {
        let options = ParquetReadOptions::default();
        self.context.register_parquet(table, path.to_str().unwrap(), options).await.unwrap();
    }

    /// The result of a query, or the engine's refusal.
    pub(crate) async fn batches(&self, sql: &str) -> Result<Vec<RecordBatch>, String> {
        let planned = self.context.sql(sql).await.map_err(|error| error.to_string())?;
        planned.collect().await.map_err(|error| error.to_string())
    }

    /// The rows of a query, as the REST door would write them.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Value> {
        json::rows(&self.batches(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
    }

    /// The one number that a query counts.
    pub(crate) async fn number(&self, sql: &str) -> u64 {
        let rows = self.rows(sql).await;
        let first = rows[0].as_object().unwrap().values().next().unwrap();
        first.as_u64().unwrap_or_else(|| panic!("{sql} gives {first}"))
    }
}
