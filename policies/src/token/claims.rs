//! What a verified token says: owns the types of its claims, its life and its roles. Verifies no
//! signature.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{IssuerConfig, TokenError};

/// A token whose signature, issuer and audience hold. Its time is checked at every use.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) claims: Arc<BTreeMap<String, Value>>,
    pub(super) roles: RoleClaims,
    expires_s: u64,
    starts_s: u64,
}

/// The role claims; `None` when they are of the wrong type, which grants nothing.
pub(super) type RoleClaims = Option<Roles>;

#[derive(Debug)]
pub(super) struct Roles {
    role: Option<String>,
    roles: Vec<String>,
}

impl Verified {
    /// Seconds since 1970 as wide integers: no clock and no claim can overflow them.
    pub(super) fn check_time(&self, now: SystemTime, leeway_s: u64) -> Result<(), TokenError> {
        let now_s = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::from(since.as_secs()),
            Err(before) => -i128::from(before.duration().as_secs()) - 1,
        };
        let leeway = i128::from(leeway_s);
        if now_s >= i128::from(self.expires_s) + leeway {
            return Err(TokenError::Expired);
        }
        if now_s + leeway < i128::from(self.starts_s) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    pub(super) fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.expires_s))
    }
}

pub(super) fn read_claims(
    claims: BTreeMap<String, Value>,
    issuer: &IssuerConfig,
) -> Result<Verified, TokenError> {
    let expires_s = time(&claims, "exp", f64::floor)?.ok_or(TokenError::ClaimInvalid("exp"))?;
    let starts_s = time(&claims, "nbf", f64::ceil)?.ok_or(TokenError::ClaimInvalid("nbf"))?;
    time(&claims, "iat", f64::floor)?;
    check_audience(&claims, &issuer.audiences)?;
    let subject = match claims.get("sub") {
        None => String::new(),
        Some(Value::String(subject)) => subject.clone(),
        Some(_) => return Err(TokenError::ClaimInvalid("sub")),
    };
    let roles = read_roles(&claims, issuer);
    let issuer = issuer.issuer.clone();
    Ok(Verified { subject, issuer, claims: Arc::new(claims), roles, expires_s, starts_s })
}

/// A number of seconds, perhaps with a fraction; `None` when there is no such claim.
fn time(
    claims: &BTreeMap<String, Value>,
    name: &'static str,
    whole: fn(f64) -> f64,
) -> Result<Option<u64>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    if let Some(seconds) = value.as_u64() {
        return Ok(Some(seconds));
    }
    match value.as_f64() {
        // A float past the range of integers becomes their end: a time that never comes.
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(whole(seconds) as u64)),
        Some(_) | None => Err(TokenError::ClaimInvalid(name)),
    }
}

fn check_audience(claims: &BTreeMap<String, Value>, accepted: &[String]) -> Result<(), TokenError> {
    let named: Vec<&str> = match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience],
        Some(Value::Array(audiences)) => audiences
            .iter()
            .map(|audience| audience.as_str().ok_or(TokenError::ClaimInvalid("aud")))
            .collect::<Result<_, _>>()?,
        Some(_) | None => return Err(TokenError::ClaimInvalid("aud")),
    };
    if named.iter().any(|audience| accepted.iter().any(|known| known == audience)) {
        return Ok(());
    }
    Err(TokenError::AudienceDenied)
}

fn read_roles(claims: &BTreeMap<String, Value>, issuer: &IssuerConfig) -> RoleClaims {
    let name = |value: &Value| match value.as_str() {
        Some(role) if !role.is_empty() => Some(role.to_string()),
        Some(_) | None => None,
    };
    let role = match claims.get(&issuer.role_claim) {
        None => None,
        Some(value) => Some(name(value)?),
    };
    let roles = match claims.get(&issuer.roles_claim) {
        None => Vec::new(),
        Some(Value::Array(values)) => values.iter().map(name).collect::<Option<Vec<String>>>()?,
        Some(_) => return None,
    };
    Some(Roles { role, roles })
}

/// The one role to act under: the one asked for, when the token lists it; else the token's
/// `role`; else the only one that it lists.
pub(super) fn choose_role<'a>(roles: &'a RoleClaims, requested: Option<&str>) -> Option<&'a str> {
    let Roles { role, roles } = roles.as_ref()?;
    match requested {
        Some(wanted) => roles.iter().chain(role).find(|role| *role == wanted).map(String::as_str),
        None => role.as_deref().or(match roles.as_slice() {
            [only] => Some(only),
            _ => None,
        }),
    }
}
