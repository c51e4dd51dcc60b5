//! `sluice serve`: starts the gateway and drains it when asked to stop. Does not put the parts together.

use super::CliError;
use crate::app::App;
use crate::app::shutdown::StopSignals;
use crate::config::Config;
use crate::telemetry;

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> Result<(), CliError> {
    telemetry::install_logs(&config.telemetry).map_err(CliError::Logs)?;
    let mut stop = StopSignals::listen().map_err(CliError::Signals)?;
    let app = tokio::select! {
        started = App::start(config) => started?,
        () = stop.received() => return Ok(()),
    };
    stop.received().await;
    app.shutdown().await;
    Ok(())
}
