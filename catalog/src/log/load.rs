//! Loading a version from scratch: owns the use of the Delta kernel, the list of reader features
//! that Sluice serves, and reading the kernel's scan rows. Does not follow commits.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use delta_kernel::Snapshot as KernelSnapshot;
use delta_kernel::cancellation::{CancellationToken as KernelToken, CancelledFuture};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::scan::StatsOptions;
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::table_features::TableFeature;
use tokio_util::sync::CancellationToken;

use super::LogSource;
use super::assemble::{FileBuilder, canonical};
use super::follow::LogPosition;
use super::listing::{self, Listing};
use super::scan_rows::read_rows;
use super::spelling;
use crate::data_file::DataFile;
use crate::error::CatalogError;
use crate::schema::TableSchema;
use crate::snapshot::{Snapshot, TableMetadata};

/// Features of the protocol that concern readers and that Sluice reads rightly. Whatever is not
/// listed makes the table unavailable under the feature's name.
const READ_FEATURES: [TableFeature; 5] = [
    TableFeature::ColumnMapping,
    TableFeature::DeletionVectors,
    TableFeature::TimestampWithoutTimezone,
    TableFeature::V2Checkpoint,
    TableFeature::VacuumProtocolCheck,
];

/// A loaded version and the place in the log that it stands at.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) position: LogPosition,
}

/// Loads a version, the newest by default.
pub(crate) async fn load(source: &Arc<LogSource>, version: Option<u64>) -> Result<Loaded, CatalogError> {
    let listing = match version {
        None => listing::list_newest(&source.location).await?,
        Some(_) => listing::list(&source.location, 0).await?,
    };
    let last = listing.last_version().ok_or(CatalogError::NoLog)?;
    let version = match version {
        None if listing.has_version(last) => last,
        None => return Err(CatalogError::LogGap { version: last }),
        Some(version) if version <= last && listing.has_version(version) => version,
        Some(version) => return Err(CatalogError::VersionNotFound { version }),
    };
    if listing.commits.get(&version).is_some_and(|meta| meta.size == 0) {
        return Err(CatalogError::MalformedCommit { version, reason: "it is empty".to_owned() });
    }
    let permit = Arc::clone(&source.gate).acquire_owned().await;
    let cancel = CancellationToken::new();
    let _cancel_when_dropped = cancel.clone().drop_guard();
    let owner = Arc::clone(source);
    let has_commit = listing.commits.contains_key(&version);
    let read = move || {
        let _permit = permit;
        read_version(&owner, version, has_commit, &cancel)
    };
    let state = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| CatalogError::Task { reason: task_end(&error) })??;
    spelling::check_log(source, version, &state.files).await?;
    let committed_at = committed_at(&state, &listing, version)?;
    let position = LogPosition::new(version, listing.commits.get(&version));
    let metadata = Arc::new(state.metadata);
    let snapshot = Snapshot::new(Arc::clone(source), metadata, version, committed_at, state.files);
    Ok(Loaded { snapshot: Arc::new(snapshot), position })
}

struct VersionState {
    metadata: TableMetadata,
    files: Arc<[Arc<DataFile>]>,
    in_commit_timestamp: Option<i64>,
}

fn read_version(
    source: &LogSource,
    version: u64,
    has_commit: bool,
    cancel: &CancellationToken,
) -> Result<VersionState, CatalogError> {
    let engine = source.engine.as_ref();
    let token: Arc<dyn KernelToken> = Arc::new(Cancel(cancel.clone()));
    let kernel = KernelSnapshot::builder_for(source.kernel_root.as_str())
        .at_version(version)
        .with_cancellation_token(Some(Arc::clone(&token)))
        .build(engine)?;
    let metadata = read_metadata(&kernel)?;
    let in_commit_timestamp = match metadata.in_commit_timestamps_from {
        Some(_) if has_commit => kernel.get_in_commit_timestamp(engine)?,
        Some(_) | None => None,
    };
    let scan = kernel
        .scan_builder()
        .with_stats(StatsOptions::json_only())
        .without_row_transforms()
        .with_cancellation_token(Some(token))
        .build()?;
    let mut builder = FileBuilder::new(&source.location, &metadata.columns);
    let mut files = Vec::new();
    for batch in scan.scan_metadata(engine)? {
        let rows = batch?.scan_files.apply_selection_vector()?;
        let rows = ArrowEngineData::try_from_engine_data(rows)?;
        read_rows(rows.record_batch(), |add| {
            files.push(Arc::new(builder.build(add)?));
            Ok(())
        })?;
    }
    Ok(VersionState { files: canonical(files)?, metadata, in_commit_timestamp })
}

fn read_metadata(kernel: &SnapshotRef) -> Result<TableMetadata, CatalogError> {
    let configuration = kernel.table_configuration();
    let features = configuration.protocol().reader_features().unwrap_or_default();
    let unsupported: Vec<String> =
        features.iter().filter(|feature| !READ_FEATURES.contains(feature)).map(ToString::to_string).collect();
    let declared = configuration.metadata();
    let columns =
        TableSchema::new(&kernel.schema(), declared.partition_columns(), configuration.column_mapping_mode());
    // Some writers declare the type on every table. Where no column has it, there is nothing to read.
    let only_declared = unsupported == [TableFeature::VariantType.to_string()] && columns.is_ok();
    if !unsupported.is_empty() && !only_declared {
        return Err(CatalogError::UnsupportedFeature { features: unsupported });
    }
    let properties = kernel.table_properties();
    let enabled = configuration.is_feature_enabled(&TableFeature::InCommitTimestamp);
    Ok(TableMetadata {
        table_id: declared.id().to_owned(),
        description: declared.description().map(str::to_owned),
        columns: columns?,
        in_commit_timestamps_from: enabled
            .then(|| properties.in_commit_timestamp_enablement_version.unwrap_or(0)),
    })
}

fn committed_at(
    state: &VersionState,
    listing: &Listing,
    version: u64,
) -> Result<DateTime<Utc>, CatalogError> {
    if let Some(millis) = state.in_commit_timestamp {
        return DateTime::from_timestamp_millis(millis).ok_or_else(|| CatalogError::MalformedCommit {
            version,
            reason: "its timestamp is out of range".to_owned(),
        });
    }
    let times = listing.commit_times();
    if let Ok(at) = times.binary_search_by_key(&version, |(version, _)| *version)
        && let Some((_, time)) = times.get(at)
    {
        return Ok(*time);
    }
    // Log cleanup removes the commit that a checkpoint covers; the checkpoint came soon after it.
    let checkpoint = listing.checkpoints.get(&version).ok_or(CatalogError::VersionNotFound { version })?;
    Ok(listing::following_time(None, checkpoint.last_modified))
}

fn task_end(error: &tokio::task::JoinError) -> String {
    if error.is_panic() { "it panicked".to_owned() } else { "it was cancelled".to_owned() }
}

/// Lets the kernel see that nobody waits for it any more.
struct Cancel(CancellationToken);

impl KernelToken for Cancel {
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn cancelled_future(&self) -> CancelledFuture<'_> {
        Box::pin(self.0.cancelled())
    }
}
