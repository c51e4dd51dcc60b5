//! `sluice token`: mints a token with the configuration's own signing key. Does not sign.

use std::time::SystemTime;

use sluice_policies::keys::KeyRing;
use sluice_policies::token::{MintSpec, mint};

use super::{CliError, TokenArgs, claims, output};
use crate::config::Config;

/// Prints the token and nothing else.
pub(super) fn run(config: &Config, args: TokenArgs) -> Result<(), CliError> {
    let signing = config.signing.as_ref().ok_or(CliError::NoSigning)?;
    let ring = KeyRing::load(&signing.key_file).map_err(|problem| CliError::Problems(vec![problem]))?;
    let spec = MintSpec {
        issuer: signing.issuer.clone(),
        audience: signing.audience.clone(),
        subject: args.subject,
        role: Some(args.role.role),
        roles: Vec::new(),
        claims: claims::collect(args.role.claims)?,
        ttl: args.ttl,
    };
    output::say(mint(ring.current(), &spec, SystemTime::now())?)
}
