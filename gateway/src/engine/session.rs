//! One DataFusion runtime for the process and one bare session a query: owns the memory pool,
//! the spill area, the metadata cache and the session settings. A session
//! has the allow-listed functions and nothing else: no tables, no file formats, no variables.

use std::hash::Hasher;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use siphasher::sip128::{Hasher128, SipHasher24};
use sluice_catalog::snapshot::Snapshot;

use super::abandoned;
use super::error::EngineError;
use super::expression::ExactFields;
use super::functions;
use super::functions::guarded::Guarded;
use super::threads::Threads;
use crate::config::limits::StatementLimits;

/// Rows of a batch where nothing asks for fewer.
const BATCH_ROWS: usize = 8192;

/// What the engine may use.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Memory of all running queries together, in bytes.
    pub memory_bytes_max: usize,
    /// Resident memory of the process past which heavy queries fail, in bytes; 0 turns it off.
    pub resident_bytes_max: u64,
    /// Disk for spilling, in bytes; 0 turns spilling off.
    pub spill_bytes_max: u64,
    /// Where spilled data goes; the system's temporary directory when absent.
    pub spill_dir: Option<PathBuf>,
    /// Partitions that one heavy query is split into.
    pub partitions: usize,
    /// Threads that plan and run light queries, and as many for heavy ones.
    pub threads: usize,
    /// Key of the order in which rows come out of tables whose physical order is secret.
    pub order_key: [u8; 16],
    /// How large a statement may be.
    pub statements: StatementLimits,
    /// Most rows of an answer that does not page.
    pub result_rows_max: usize,
    /// Most bytes of an answer that does not page.
    pub result_bytes_max: usize,
}

impl EngineConfig {
    /// The order of one table's rows: those of tables of one layout must not fit each other.
    pub(super) fn order_key_of(&self, table_id: &str) -> [u8; 16] {
        order_key_of(&self.order_key, table_id)
    }
}

/// As [`EngineConfig::order_key_of`], of another key than the engine's.
pub(super) fn order_key_of(order_key: &[u8; 16], table_id: &str) -> [u8; 16] {
    let mut hasher = SipHasher24::new_with_key(order_key);
    hasher.write(table_id.as_bytes());
    hasher.finish128().as_bytes()
}

/// The process-wide engine.
#[derive(Debug)]
pub struct Engine {
    pub(super) config: EngineConfig,
    runtime_env: Arc<RuntimeEnv>,
    threads: Threads,
    function_names: Vec<String>,
}

impl Engine {
    /// Builds the pool, the spill area and the threads.
    ///
    /// # Errors
    /// When the spill directory cannot be used or threads cannot be started.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let pool =
            TrackConsumersPool::new(FairSpillPool::new(config.memory_bytes_max), std::num::NonZeroUsize::MIN);
        let mode = match (&config.spill_dir, config.spill_bytes_max) {
            (_, 0) => DiskManagerMode::Disabled,
            (Some(dir), _) => DiskManagerMode::Directories(vec![dir.clone()]),
            (None, _) => DiskManagerMode::OsTmpDirectory,
        };
        let disk = DiskManagerBuilder::default()
            .with_mode(mode)
            .with_max_temp_directory_size(config.spill_bytes_max);
        let runtime_env = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(|e| EngineError::Internal(Box::new(e)))?;
        let threads = Threads::start(config.threads).map_err(|e| EngineError::Internal(Box::new(e)))?;
        Ok(Self { config, runtime_env, threads, function_names: functions::names() })
    }

    /// The engine's own threads: planning, scanning and encoding run there, never on the
    /// threads that serve connections.
    pub fn threads(&self) -> tokio::runtime::Handle {
        self.threads.light()
    }

    /// Those for queries that give way to all others.
    pub fn heavy_threads(&self) -> tokio::runtime::Handle {
        self.threads.heavy()
    }

    pub(super) fn function_names(&self) -> &[String] {
        &self.function_names
    }

    /// Makes the snapshot's store known under its own URL, one a table, and returns that URL.
    pub(super) fn store_url(&self, snapshot: &Snapshot) -> Result<ObjectStoreUrl, EngineError> {
        let url = ObjectStoreUrl::parse(snapshot.store_url().as_str())
            .map_err(|e| EngineError::Internal(Box::new(e)))?;
        self.runtime_env.register_object_store(url.as_ref(), Arc::clone(snapshot.store()));
        Ok(url)
    }

    /// A session for policy expressions: trusted text, so that `concat` exists there.
    pub(super) fn policy_session(&self) -> SessionState {
        let mut state = self.session(1);
        for function in functions::policy_only() {
            let _ = state.register_udf(function);
        }
        state
    }

    /// A session without tables. `partitions` is how many ways operators split their input.
    pub(super) fn session(&self, partitions: usize) -> SessionState {
        self.session_with_batches(partitions, BATCH_ROWS)
    }

    /// The same with batches of at most `batch_rows` rows.
    pub(super) fn session_with_batches(&self, partitions: usize, batch_rows: usize) -> SessionState {
        let mut config = SessionConfig::new()
            .with_batch_size(batch_rows)
            .with_target_partitions(partitions)
            .with_create_default_catalog_and_schema(true)
            .with_information_schema(false);
        let options = config.options_mut();
        options.catalog.default_catalog = "lake".to_owned();
        options.catalog.default_schema = "gold".to_owned();
        options.sql_parser.enable_ident_normalization = false;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.sql_parser.default_null_ordering = "nulls_last".to_owned();
        options.execution.enable_recursive_ctes = false;
        options.execution.collect_statistics = false;
        options.execution.time_zone = Some("UTC".to_owned());
        options.execution.parquet.coerce_int96 = Some("us".to_owned());
        options.execution.parquet.schema_force_view_types = false;
        // A filter of keys that hidden rows have would show in the time that a lookup takes.
        options.execution.parquet.bloom_filter_on_read = false;
        // The engine's two plans differ on whether `x IS NOT TRUE` can be null, which groups of it then fail on.
        options.execution.skip_physical_aggregate_schema_check = true;
        options.execution.enable_file_stream_work_stealing = false;
        SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime_env))
            .with_analyzer_rule(Arc::new(Guarded))
            .with_optimizer_rules(abandoned::rules())
            .with_physical_optimizer_rules(physical_rules())
            .with_expr_planners(expr_planners())
            .with_scalar_functions(functions::scalar())
            .with_aggregate_functions(functions::aggregate())
            .with_window_functions(functions::window())
            .build()
    }
}

/// The first that plans an expression is asked.
fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(ExactFields::default())];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}

/// The engine's own rules without those that push filters and projections down: the barrier takes none, and on
/// their way to it they take columns of one name, of both sides of a join, for one column.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let is_kept = |name: &str| !name.starts_with("FilterPushdown") && name != "ProjectionPushdown";
    rules.retain(|rule| is_kept(rule.name()));
    rules
}
