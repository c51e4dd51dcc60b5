//! `sluice serve`: starts the gateway and drains it when asked to stop.

use super::CliError;
use crate::app::{App, shutdown};
use crate::config::Config;
use crate::telemetry;

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> Result<(), CliError> {
    telemetry::install_logs(&config.telemetry).map_err(CliError::Logs)?;
    let app = App::start(config).await?;
    shutdown::requested().await.map_err(CliError::Signals)?;
    app.shutdown().await;
    Ok(())
}
