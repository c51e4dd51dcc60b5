//! The way in, the same for every door over HTTP: owns the order of authentication, the subject's rate and what
//! the connection learns of its request. Reads no body.

use axum::http::header::AUTHORIZATION;
use axum::http::{Extensions, HeaderMap};

use super::auth::{AuthError, Authenticator};
use super::connection::RequestInFlight;
use crate::query::QueryService;
use crate::query::caller::Caller;
use crate::query::error::QueryError;

/// Why a request was turned away.
#[derive(Debug)]
pub enum EntryError {
    /// By who sent it.
    Auth(AuthError),
    /// By how many its subject sent.
    Rate(QueryError),
}

/// Whoever is refused here has made the server read nothing but a head.
///
/// # Errors
/// See [`EntryError`].
pub fn enter(
    authenticator: &Authenticator,
    service: &QueryService,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Caller, EntryError> {
    let principal = authenticator.authenticate(headers).map_err(EntryError::Auth)?;
    let caller = service.count(principal).map_err(EntryError::Rate)?;
    if let Some(in_flight) = extensions.get::<RequestInFlight>() {
        in_flight.admitted(headers.contains_key(AUTHORIZATION));
    }
    Ok(caller)
}
