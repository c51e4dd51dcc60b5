//! Schemas that are kept: owns one for each different thing that roles see, within a bound of memory. Roles that see
//! the same share one. Does not decide what a role sees.

use std::sync::Arc;

use moka::sync::Cache;
use tokio::sync::Mutex;

use super::schema::DoorSchema;
use crate::config::graphql::GraphqlConfig;
use crate::query::error::QueryError;
use crate::query::shape::VisibleShape;

/// Memory of a schema for each byte of its text, tables and maps included. Measured over 200 tables of 40 columns.
const MEMORY_FACTOR: usize = 18;

/// The schemas of all roles.
#[derive(Debug)]
pub struct Schemas {
    kept: Cache<[u8; 32], Arc<DoorSchema>>,
    /// Making a schema takes far more memory than keeping it: one at a time.
    making: Mutex<()>,
    config: GraphqlConfig,
}

impl Schemas {
    /// None yet.
    pub fn new(config: GraphqlConfig) -> Self {
        let kept = Cache::builder()
            .max_capacity(config.schemas_bytes_max)
            .weigher(|_, schema: &Arc<DoorSchema>| weight(schema.text_bytes()))
            .build();
        Self { kept, making: Mutex::new(()), config }
    }

    /// The schema of a shape, made now if it is not kept.
    ///
    /// # Errors
    /// `result_too_large`, as for [`DoorSchema::build`].
    pub async fn of(&self, shape: &Arc<VisibleShape>) -> Result<Arc<DoorSchema>, QueryError> {
        if let Some(kept) = self.kept.get(shape.digest()) {
            return Ok(kept);
        }
        let _turn = self.making.lock().await;
        // Somebody may have made it meanwhile.
        if let Some(kept) = self.kept.get(shape.digest()) {
            return Ok(kept);
        }
        let (seen, config) = (Arc::clone(shape), self.config.clone());
        let made = tokio::task::spawn_blocking(move || DoorSchema::build(&seen, &config));
        let made = Arc::new(made.await.map_err(QueryError::internal)??);
        for left_out in made.left_out() {
            tracing::warn!(%left_out, "part of a schema is left out");
        }
        self.kept.insert(*shape.digest(), Arc::clone(&made));
        Ok(made)
    }
}

fn weight(text_bytes: usize) -> u32 {
    u32::try_from(text_bytes.saturating_mul(MEMORY_FACTOR)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::protocol::graphql::fixture::flights;
    use crate::query::error::ErrorCode;

    #[tokio::test]
    async fn equal_shapes_share_one_schema() {
        let schemas = Schemas::new(GraphqlConfig::default());
        let first = schemas.of(&Arc::new(flights())).await.unwrap();
        let second = schemas.of(&Arc::new(flights())).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let other = VisibleShape::new(flights().tables, Vec::new());
        assert!(!Arc::ptr_eq(&first, &schemas.of(&Arc::new(other)).await.unwrap()));
    }

    #[tokio::test]
    async fn a_schema_over_the_limit_is_refused_and_one_at_it_is_not() {
        let shape = Arc::new(flights());
        let bytes = Schemas::new(GraphqlConfig::default()).of(&shape).await.unwrap().text_bytes();
        let with = |schema_bytes_max| Schemas::new(GraphqlConfig { schema_bytes_max, ..Default::default() });
        assert!(with(bytes).of(&shape).await.is_ok());
        assert_eq!(with(bytes - 1).of(&shape).await.unwrap_err().code, ErrorCode::ResultTooLarge);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_not_kept() {
        let config = GraphqlConfig { schemas_bytes_max: 1, ..Default::default() };
        let (schemas, shape) = (Schemas::new(config), Arc::new(flights()));
        let first = schemas.of(&shape).await.unwrap();
        schemas.kept.run_pending_tasks();
        assert!(!Arc::ptr_eq(&first, &schemas.of(&shape).await.unwrap()));
    }
}
