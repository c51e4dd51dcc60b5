//! Who is calling: owns reading credentials from request headers, the same for every door over
//! HTTP. Does not verify tokens (`sluice_policies::token`) and does not decide what a role sees.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use sluice_policies::principal::Principal;
use sluice_policies::table_policy::PolicySet;
use sluice_policies::token::{TokenError, TokenVerifier};
use tokio::sync::watch;

use crate::query::error::{ErrorCode, QueryError};

/// Names the role to act in, where a token grants several.
pub const SLUICE_ROLE: HeaderName = HeaderName::from_static("sluice-role");
const CHALLENGE: &str = "Bearer realm=\"sluice\"";
const CHALLENGE_INVALID: &str = "Bearer realm=\"sluice\", error=\"invalid_token\"";

/// Reads callers from headers.
#[derive(Debug, Clone)]
pub struct Authenticator {
    verifier: Arc<TokenVerifier>,
    policies: watch::Receiver<Arc<PolicySet>>,
}

/// Why there is no caller. No message repeats anything that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credentials, and no role for callers without.
    #[error("this call needs a token")]
    Missing,
    /// Not exactly one `Authorization: Bearer <token>`.
    #[error("the credentials are not one \"Bearer\" token")]
    NotBearer,
    /// The token itself.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// More than one `Sluice-Role`, or one that is not text.
    #[error("the header \"Sluice-Role\" is not one role")]
    RoleMalformed,
    /// Without a token there is one role only.
    #[error("without a token no other role can be asked for")]
    RoleWithoutToken,
    /// The token is fine, but no policy knows the role that it grants.
    #[error("no policy is defined for the role")]
    RoleUnknown,
}

impl AuthError {
    /// The value of `WWW-Authenticate`, for the refusals that carry one.
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some(CHALLENGE),
            Self::Token(TokenError::RoleDenied)
            | Self::RoleMalformed
            | Self::RoleWithoutToken
            | Self::RoleUnknown => None,
            Self::NotBearer | Self::Token(_) => Some(CHALLENGE_INVALID),
        }
    }
}

impl From<AuthError> for QueryError {
    fn from(error: AuthError) -> Self {
        let code =
            if error.challenge().is_some() { ErrorCode::Unauthenticated } else { ErrorCode::RoleDenied };
        let refusal = Self::new(code, error.to_string());
        match error {
            AuthError::Missing | AuthError::NotBearer => {
                refusal.with_hint("send \"Authorization: Bearer <token>\"")
            }
            AuthError::Token(_)
            | AuthError::RoleMalformed
            | AuthError::RoleWithoutToken
            | AuthError::RoleUnknown => refusal,
        }
    }
}

impl Authenticator {
    /// Verifies with `verifier`; a role must be known to the policies in force.
    pub const fn new(verifier: Arc<TokenVerifier>, policies: watch::Receiver<Arc<PolicySet>>) -> Self {
        Self { verifier, policies }
    }

    /// The caller behind these headers, under exactly one role.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, AuthError> {
        let requested_role = requested_role(headers)?;
        let principal = match bearer_token(headers)? {
            Some(token) => self.verifier.verify(token, requested_role, SystemTime::now())?,
            None => {
                let anonymous = self.verifier.anonymous().ok_or(AuthError::Missing)?;
                if requested_role.is_some_and(|role| role != anonymous.role) {
                    return Err(AuthError::RoleWithoutToken);
                }
                anonymous
            }
        };
        if !self.policies.borrow().has_role(&principal.role) {
            return Err(AuthError::RoleUnknown);
        }
        Ok(principal)
    }
}

/// The credentials among header fields.
pub fn credentials_of(headers: &HeaderMap) -> HeaderMap {
    let all = headers.iter().filter(|(name, _)| credential(name.as_str()).is_some());
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The header field of that name, in any case, if it is one of those that hold credentials.
pub fn credential(name: &str) -> Option<HeaderName> {
    [AUTHORIZATION, SLUICE_ROLE].into_iter().find(|known| name.eq_ignore_ascii_case(known.as_str()))
}

fn requested_role(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(SLUICE_ROLE).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => only.to_str().map(Some).map_err(|_| AuthError::RoleMalformed),
        (Some(_), Some(_)) => Err(AuthError::RoleMalformed),
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let credentials = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().map_err(|_| AuthError::NotBearer)?,
        (Some(_), Some(_)) => return Err(AuthError::NotBearer),
    };
    let (scheme, token) = credentials.split_once(' ').ok_or(AuthError::NotBearer)?;
    let token = token.trim_matches(' ');
    let is_one_word = !token.is_empty() && !token.contains([' ', '\t', ',']);
    if !scheme.eq_ignore_ascii_case("bearer") || !is_one_word {
        return Err(AuthError::NotBearer);
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "] {
            assert_eq!(bearer_token(&headers(&[value])).unwrap(), Some("a.b.c"), "{value}");
        }
        assert_eq!(bearer_token(&headers(&[])).unwrap(), None);
    }

    #[test]
    fn anything_but_one_bearer_token_is_refused() {
        for value in ["", "Bearer", "Bearer ", "Basic YTpi", "a.b.c", "Bearer a b", "Bearer a,Bearer b"] {
            assert_eq!(bearer_token(&headers(&[value])), Err(AuthError::NotBearer), "{value}");
        }
        assert_eq!(bearer_token(&headers(&["Bearer a", "Bearer a"])), Err(AuthError::NotBearer));
    }

    #[test]
    fn only_missing_and_refused_tokens_are_challenged() {
        let code = |error: AuthError| QueryError::from(error).code;
        assert_eq!(code(AuthError::Missing), ErrorCode::Unauthenticated);
        assert_eq!(AuthError::Missing.challenge(), Some(CHALLENGE));
        assert_eq!(code(AuthError::Token(TokenError::Expired)), ErrorCode::Unauthenticated);
        assert_eq!(AuthError::Token(TokenError::Expired).challenge(), Some(CHALLENGE_INVALID));
        for denied in
            [AuthError::Token(TokenError::RoleDenied), AuthError::RoleUnknown, AuthError::RoleWithoutToken]
        {
            assert_eq!(code(denied), ErrorCode::RoleDenied);
        }
    }
}
