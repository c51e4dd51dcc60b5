//! From a configuration to the parts of a gateway, opened and checked: owns the order, bottom up,
//! and the collecting of every problem. Starts nothing; `check` and `policy explain` use it too.

mod key_rings;
mod relations;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use sluice_catalog::catalog::Catalog;
use sluice_catalog::store::Stores;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::keys::KeyRing;
use sluice_policies::table_policy::{PolicySet, TableShape};
use sluice_policies::token::TokenVerifier;
use tracing::debug;

use super::allowed_documents::AllowedDocuments;
use super::own_thread;
use crate::config::Config;
use crate::config::limits::LimitsConfig;
use crate::engine::authorized::shape;
use crate::engine::secured::check;
use crate::engine::session::{Engine, EngineConfig};
use crate::query::cursor::order_key;

/// The parts, opened.
#[derive(Debug)]
pub struct Assembly {
    /// Verifies tokens.
    pub verifier: Arc<TokenVerifier>,
    /// Seals cursors.
    pub cursor_keys: Arc<KeyRing>,
    /// Keys of hash masks.
    pub mask_keys: Arc<KeyRing>,
    /// What exists.
    pub catalog: Arc<Catalog>,
    /// The engine.
    pub engine: Arc<Engine>,
    /// Who may see what.
    pub policies: PolicySet,
    /// The only documents that run; any do without.
    pub(super) documents: Option<AllowedDocuments>,
}

impl Assembly {
    /// What is wrong with the ring that tokens are minted with.
    pub fn signing_problems(&self, config: &Config) -> Vec<Diagnostic> {
        key_rings::signing_problems(config, &self.cursor_keys, &self.mask_keys)
    }
}

/// Opens every part. A table that cannot be read is not a problem here: the rest serves.
///
/// # Errors
/// Every problem that can be found, in order of place.
pub async fn assemble(config: &Config) -> Result<Assembly, Vec<Diagnostic>> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    for problem in config.problems() {
        problems.push(config.field_problem(&problem.path, &problem.message));
    }
    if !problems.is_empty() {
        // Some values cannot even be tried.
        return Err(problems);
    }
    debug!("opening keys");
    let cursor_keys = keep(key_rings::open(config, "cursor", config.keys.cursor.as_deref()), &mut problems);
    let mask_keys = keep(key_rings::open(config, "mask", config.keys.mask.as_deref()), &mut problems);
    if let (Some(cursor_keys), Some(mask_keys)) = (&cursor_keys, &mask_keys) {
        problems.extend(key_rings::shared(config, cursor_keys, mask_keys));
    }
    let verifier = TokenVerifier::load(&config.tokens, &config.base_dir);
    let verifier = keep(verifier.map_err(|found| placed(config, found)), &mut problems);
    let documents = keep(AllowedDocuments::load(config).await, &mut problems);
    debug!("starting the engine");
    let order_key = cursor_keys.as_deref().and_then(|keys| order_key(keys.current())).unwrap_or_default();
    let engine = keep(start_engine(config, order_key), &mut problems);
    debug!("opening the catalog");
    let catalog = keep(open_catalog(config).await, &mut problems);
    problems.extend(catalog.iter().flat_map(|catalog| relations::problems(config, catalog)));
    if let (Some(mask_keys), Some(engine), Some(catalog)) = (mask_keys, engine, catalog) {
        debug!("loading policies");
        let loaded = load_policies(config.policies.files.clone(), &mask_keys, &catalog, &engine).await;
        let policies = keep(loaded, &mut problems);
        problems.extend(policies.iter().flat_map(|policies| undefined_roles(config, policies)));
        if let (Some(cursor_keys), Some(verifier), Some(policies), Some(documents), true) =
            (cursor_keys, verifier, policies, documents, problems.is_empty())
        {
            let verifier = Arc::new(verifier);
            return Ok(Assembly { verifier, cursor_keys, mask_keys, catalog, engine, policies, documents });
        }
    }
    problems.sort();
    problems.dedup();
    Err(problems)
}

/// Problems of issuers, which do not know of the file that declares them, at their places in it.
fn placed(config: &Config, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let of_issuer = |problem: Diagnostic| {
        let issuer = problem.message.split('"').nth(1).unwrap_or_default();
        match problem.file == config.base_dir {
            true => config.issuer_problem(issuer, &problem.message),
            false => problem,
        }
    };
    problems.into_iter().map(of_issuer).collect()
}

fn keep<T>(outcome: Result<T, Vec<Diagnostic>>, problems: &mut Vec<Diagnostic>) -> Option<T> {
    match outcome {
        Ok(part) => Some(part),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

/// Role names of the configuration that no policy file defines.
fn undefined_roles(config: &Config, policies: &PolicySet) -> Vec<Diagnostic> {
    let undefined = config.tokens.anonymous_role.iter().filter(|role| !policies.has_role(role));
    let problem = |role: &String| {
        let message = format!("is \"{role}\", which no policy file defines");
        config.field_problem(&["tokens", "anonymous_role"], &message)
    };
    undefined.map(problem).collect()
}

fn start_engine(config: &Config, order_key: [u8; 16]) -> Result<Arc<Engine>, Vec<Diagnostic>> {
    Engine::new(engine_config(&config.limits, order_key)).map(Arc::new).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        vec![config.field_problem(&["limits"], &format!("do not let the engine start: {error}{cause}"))]
    })
}

fn engine_config(limits: &LimitsConfig, order_key: [u8; 16]) -> EngineConfig {
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = if limits.engine_threads == 0 { (4 * cores).max(8) } else { limits.engine_threads };
    EngineConfig {
        memory_bytes_max: limits.memory_bytes_max,
        resident_bytes_max: limits.resident_bytes_max.saturating_add(limits.resident_bytes_max / 4),
        spill_bytes_max: limits.spill_bytes_max,
        spill_dir: limits.spill_dir.clone(),
        partitions: cores.min(threads),
        threads,
        order_key,
        statements: limits.statements.clone(),
        result_rows_max: limits.result_rows_max,
        result_bytes_max: limits.result_bytes_max,
    }
}

async fn open_catalog(config: &Config) -> Result<Arc<Catalog>, Vec<Diagnostic>> {
    let opened = Catalog::open(config.catalog.clone(), &config.base_dir, Stores::new()).await;
    opened.map_err(|faults| {
        faults.iter().map(|fault| config.field_problem(&["catalog"], &fault.to_string())).collect()
    })
}

/// Loads policy files against the tables as they are, and has the engine type-check them. Parsing
/// and planning recurse: they run on the engine's threads, whose stacks are large enough.
pub(super) async fn load_policies(
    files: Vec<PathBuf>,
    mask_keys: &Arc<KeyRing>,
    catalog: &Arc<Catalog>,
    engine: &Arc<Engine>,
) -> Result<PolicySet, Vec<Diagnostic>> {
    let first = files.first().cloned().unwrap_or_default();
    let (mask_keys, catalog, for_check) = (Arc::clone(mask_keys), Arc::clone(catalog), Arc::clone(engine));
    let loaded = own_thread::run(engine.threads(), move || {
        let policies = PolicySet::load(&files, mask_keys, &shapes(&catalog))?;
        let problems = check(&for_check, &policies, &catalog, |_| true);
        if problems.is_empty() { Ok(policies) } else { Err(problems) }
    });
    loaded.await.unwrap_or_else(|| Err(vec![Diagnostic::file(&first, "could not be checked")]))
}

/// The shape of every table that can be read.
pub(super) fn shapes(catalog: &Catalog) -> BTreeMap<String, TableShape> {
    let tables = catalog.tables();
    let readable = tables.iter().filter_map(|table| Some((table, table.current()?)));
    readable.map(|(table, snapshot)| (table.name().to_owned(), shape(table, &snapshot))).collect()
}
