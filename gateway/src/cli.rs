//! The command line: owns the commands, their options and examples, and the exit code. Each
//! command has a file of its own; only files below this one print.

mod check;
mod claims;
mod demo;
mod explain;
mod output;
mod serve;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sluice_policies::diagnostic::Diagnostic;

use crate::app::StartError;
use crate::config::Config;

/// Stack of a connection thread. Debug builds keep large futures on it.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// How long the process waits for threads that still read, once it is done.
const END_WAIT: Duration = Duration::from_secs(1);

/// Serves gold-layer Delta tables: filtered and masked by role, paged by cursor.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100)]
#[command(after_help = "Examples:\n  sluice demo\n  sluice check --config sluice.yaml\n  \
                        sluice serve --config sluice.yaml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a demo lake (first start only) and serves it.
    #[command(
        after_help = "Examples:\n  sluice demo\n  sluice demo --data-dir /tmp/lake --http-addr 127.0.0.1:0 \
                      \\\n    --grpc-addr 127.0.0.1:0"
    )]
    Demo(DemoArgs),
    /// Serves the tables of a configuration until SIGTERM or SIGINT.
    #[command(after_help = "Example:\n  sluice serve --config /etc/sluice/sluice.yaml")]
    Serve(ConfigArgs),
    /// Checks configuration, policies and every table; exits with 1 when something is wrong.
    #[command(
        after_help = "Example:\n  sluice check --config sluice.yaml && sluice serve --config sluice.yaml"
    )]
    Check(ConfigArgs),
    /// Mints a token with the configuration's signing key and prints it.
    #[command(
        after_help = "Examples:\n  sluice token --config sluice.yaml --role analyst\n  sluice token --config \
                            sluice.yaml --role partner \\\n    --claim 'carriers=[\"UA\",\"B6\"]' --ttl 15m --subject acme"
    )]
    Token(TokenArgs),
    /// Looks at policies.
    #[command(
        subcommand,
        after_help = "Example:\n  sluice policy explain --config sluice.yaml --role analyst --table flights"
    )]
    Policy(PolicyCommand),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Prints what a role sees of a table: rows, masks and hidden columns, in words and as SQL.
    #[command(after_help = "Example:\n  sluice policy explain --config sluice.yaml --role partner \\\n    \
                            --claim 'carriers=[\"UA\",\"B6\"]' --table flights")]
    Explain(ExplainArgs),
}

#[derive(Debug, clap::Args)]
struct DemoArgs {
    /// Directory of the lake, its configuration, keys and tokens.
    #[arg(long, default_value = ".sluice/demo", value_name = "DIR")]
    data_dir: PathBuf,
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    http_addr: SocketAddr,
    /// Address to listen on for gRPC; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:50051", value_name = "ADDR")]
    grpc_addr: SocketAddr,
}

#[derive(Debug, clap::Args)]
struct ConfigArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, clap::Args)]
struct RoleArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Role.
    #[arg(long)]
    role: String,
    /// Claim, repeatable. The value is JSON when it parses as JSON, else a string.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claims::parse)]
    claims: Vec<claims::Claim>,
}

/// The times of a token are whole seconds.
fn life(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(life) if life < Duration::from_secs(1) => Err("a token lives for a second at least".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

#[derive(Debug, clap::Args)]
struct TokenArgs {
    #[command(flatten)]
    role: RoleArgs,
    /// Life of the token.
    #[arg(long, default_value = "1h", value_parser = life)]
    ttl: Duration,
    /// Subject of the token.
    #[arg(long, default_value = "sluice-cli")]
    subject: String,
}

#[derive(Debug, clap::Args)]
struct ExplainArgs {
    #[command(flatten)]
    role: RoleArgs,
    /// Table.
    #[arg(long)]
    table: String,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{} found:\n{}", check::counted(.0.len(), "problem"), output::lines(.0))]
    Problems(Vec<Diagnostic>),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Demo(#[from] crate::demo::DemoError),
    #[error("cannot start threads: {0}")]
    Threads(#[source] std::io::Error),
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] std::io::Error),
    #[error("cannot set up logs: {0}")]
    Logs(#[source] tracing_subscriber::util::TryInitError),
    #[error("cannot print: {0}")]
    Print(#[source] std::io::Error),
    #[error("the configuration has no \"signing\" section, which names the key to sign with")]
    NoSigning,
    #[error("cannot mint the token: {0}")]
    Mint(#[from] sluice_policies::token::MintError),
    #[error("claim \"{0}\" is given more than once")]
    ClaimTwice(String),
    #[error("no policy is defined for role \"{role}\" (there are {known})")]
    UnknownRole { role: String, known: String },
    #[error("table \"{table}\" is not in the catalog (there are {known})")]
    UnknownTable { table: String, known: String },
    #[error("table \"{table}\" cannot be read: {reason}")]
    TableUnavailable { table: String, reason: String },
}

/// Runs the command that the process was started with. Exit code 1 means that it failed, 2 that
/// the command line was not understood.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .thread_name("sluice")
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(CliError::Threads)
        .and_then(|runtime| {
            let outcome = runtime.block_on(dispatch(cli.command));
            // A read that hangs with its store would hold the process up for ever.
            runtime.shutdown_timeout(END_WAIT);
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<(), CliError> {
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(load(&args.config)?).await,
        Command::Check(args) => check::run(load(&args.config)?).await,
        Command::Token(args) => token::run(&load(&args.role.config)?, args),
        Command::Policy(PolicyCommand::Explain(args)) => explain::run(load(&args.role.config)?, args).await,
    }
}

fn load(path: &std::path::Path) -> Result<Config, CliError> {
    Config::load(path).map_err(CliError::Problems)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in Cli::command().get_subcommands() {
            let leaves: Vec<&clap::Command> =
                if command.has_subcommands() { command.get_subcommands().collect() } else { vec![command] };
            for leaf in leaves {
                let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("sluice "), "{} has no example", leaf.get_name());
            }
        }
    }

    #[test]
    fn claims_are_json_or_text() {
        let cli = Cli::parse_from([
            "sluice",
            "token",
            "--config",
            "c",
            "--role",
            "r",
            "--claim",
            "a=[\"x\"]",
            "--claim",
            "b=x=y",
            "--ttl",
            "90s",
        ]);
        let Command::Token(args) = cli.command else { panic!("not a token command") };
        assert_eq!(args.ttl, Duration::from_secs(90));
        let claims = claims::collect(args.role.claims).unwrap();
        assert_eq!(claims["a"], serde_json::json!(["x"]));
        assert_eq!(claims["b"], serde_json::json!("x=y"));
    }
}
