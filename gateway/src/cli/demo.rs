//! `sluice demo`: prepares the demo, serves it and says how to use it. Does not make the lake.

use super::{CliError, DemoArgs, output};
use crate::app::App;
use crate::app::shutdown::StopSignals;
use crate::config::serving::TelemetryConfig;
use crate::demo::{DemoOptions, prepare, welcome};
use crate::telemetry;

/// Serves the demo until SIGTERM or SIGINT.
pub(super) async fn run(args: DemoArgs) -> Result<(), CliError> {
    let DemoArgs { data_dir, http_addr, grpc_addr } = args;
    let options = DemoOptions { data_dir, http_addr, grpc_addr };
    let mut config = prepare(&options).await?;
    // The welcome is what a reader of the demo should see; each query's line would bury it.
    if config.telemetry.log_filter == TelemetryConfig::default().log_filter {
        config.telemetry.log_filter = "warn,buoyant_kernel=off".to_owned();
    }
    telemetry::install_logs(&config.telemetry).map_err(CliError::Logs)?;
    let mut stop = StopSignals::listen().map_err(CliError::Signals)?;
    let graphql = config.graphql.clone();
    let app = tokio::select! {
        started = App::start(config) => started?,
        () = stop.received() => return Ok(()),
    };
    output::say(welcome(app.http_addr, app.grpc_addr, &graphql, &options.data_dir)?)?;
    stop.received().await;
    app.shutdown().await;
    Ok(())
}
