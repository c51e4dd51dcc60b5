//! The demo: owns the making of a lake of real tables with its configuration, policies, keys and
//! tokens under one directory. Does not serve it; what it leaves there serves without it too.

mod config;
mod flights;
mod lake;
mod progress;
mod table_writer;
mod tokens;
mod tpch;
mod welcome;

use std::error::Error;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sluice_catalog::error::CatalogError;
use sluice_policies::diagnostic::Diagnostic;
use sluice_policies::keys::KeyRingError;

use crate::config::Config;

pub use self::welcome::welcome;

/// Where the demo lives and listens.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Directory of the lake, configuration, keys and tokens; made when missing.
    pub data_dir: PathBuf,
    /// Address of the REST door; port 0 picks a free one.
    pub http_addr: SocketAddr,
    /// Address of the gRPC door; port 0 picks a free one.
    pub grpc_addr: SocketAddr,
}

/// What can go wrong while the demo is prepared.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or directory cannot be read or written.
    #[error("cannot use \"{path}\": {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The lake's place is taken by something that the demo did not make.
    #[error("\"{path}\" exists and was not made by the demo; choose another --data-dir")]
    Foreign {
        /// The directory in the way.
        path: PathBuf,
    },
    /// The embedded data cannot be decoded.
    #[error("cannot decode the rows of demo table \"{table}\": {source}")]
    Data {
        /// Demo table.
        table: &'static str,
        /// The cause.
        source: arrow::error::ArrowError,
    },
    /// A demo table cannot be written.
    #[error("cannot write demo table \"{table}\": {source}")]
    Commit {
        /// Demo table.
        table: &'static str,
        /// The cause.
        source: CatalogError,
    },
    /// A key ring of the demo cannot be written.
    #[error("{0}: {cause}", cause = source_of(.0))]
    KeyRing(#[from] KeyRingError),
    /// A key ring of the demo cannot be read.
    #[error("{0}")]
    Keys(Diagnostic),
    /// A demo token cannot be minted.
    #[error("cannot mint a demo token: {0}")]
    Token(#[from] sluice_policies::token::MintError),
    /// The configuration under the directory was edited and is no longer valid.
    #[error("the demo's configuration is not valid:\n{}", lines(.0))]
    Config(Vec<Diagnostic>),
}

fn source_of(error: &dyn Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|one| format!("  {one}")).collect::<Vec<String>>().join("\n")
}

impl DemoError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// Makes what is missing under the demo's directory and loads its configuration.
///
/// The lake is made once and reused; keys, configuration and policies are written once and
/// may be edited; tokens are minted anew each time. Two processes that prepare the same
/// directory wait for each other.
///
/// # Errors
///
/// Says which file or table could not be made.
pub async fn prepare(options: &DemoOptions) -> Result<Config, DemoError> {
    let data_dir = options.data_dir.as_path();
    fs::create_dir_all(data_dir).map_err(DemoError::io(data_dir))?;
    let data_dir = fs::canonicalize(data_dir).map_err(DemoError::io(data_dir))?;
    let lock = lock(&data_dir).await?;
    lake::ensure(&data_dir).await?;
    config::write_missing(&data_dir)?;
    tokens::mint_all(&data_dir)?;
    drop(lock);
    config::load(&data_dir, options)
}

/// Holds the directory against other processes until dropped.
async fn lock(data_dir: &Path) -> Result<File, DemoError> {
    let path = data_dir.join(".lock");
    let file = File::create(&path).map_err(DemoError::io(&path))?;
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    match waiting {
        Ok(locked) => locked.map_err(DemoError::io(&path)),
        Err(stopped) => Err(DemoError::Io { path, source: std::io::Error::other(stopped) }),
    }
}
