//! `sluice demo`: prepares the demo, serves it and says how to use it.

use super::{CliError, DemoArgs, output};
use crate::app::{App, shutdown};
use crate::config::serving::TelemetryConfig;
use crate::demo::{DemoOptions, prepare, welcome};
use crate::telemetry;

/// Serves the demo until SIGTERM or SIGINT.
pub(super) async fn run(args: DemoArgs) -> Result<(), CliError> {
    let options = DemoOptions { data_dir: args.data_dir, http_addr: args.http_addr };
    let mut config = prepare(&options).await?;
    // The welcome is what a reader of the demo should see; each query's line would bury it.
    if config.telemetry.log_filter == TelemetryConfig::default().log_filter {
        config.telemetry.log_filter = "warn".to_owned();
    }
    telemetry::install_logs(&config.telemetry).map_err(CliError::Logs)?;
    let app = App::start(config).await?;
    output::say(welcome(app.http_addr, &options.data_dir));
    shutdown::requested().await.map_err(CliError::Signals)?;
    app.shutdown().await;
    Ok(())
}
