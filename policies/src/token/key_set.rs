//! An issuer's keys: owns reading them from files, and which key may check which algorithm.
//! Each key is made for exactly one algorithm, so that no key can be used as one of another kind.

use std::path::Path;

use jsonwebtoken::crypto;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm as JwtAlgorithm, DecodingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::json::Parts;
use super::{Algorithm, IssuerConfig, KeySource, TokenError};
use crate::diagnostic::Diagnostic;
use crate::keys::{KeyRing, read_limited};

const KEYS_PER_ISSUER_MAX: usize = 64;
const KID_BYTES_MAX: usize = 256;
/// Header members that bring keys, name places to fetch them from, or change the form.
const HEADERS_DENIED: [&str; 10] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty", "p2c"];
const RSA_MODULUS_BYTES_MIN: usize = 256;
const P256_POINT_BYTES: usize = 65;
const ED25519_POINT_BYTES: usize = 32;

#[derive(Debug)]
pub(super) struct IssuerKeys {
    pub(super) config: IssuerConfig,
    keys: Vec<VerifyingKey>,
}

#[derive(Debug)]
struct VerifyingKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Algorithm {
    fn from_header(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::HS256),
            "RS256" => Some(Self::RS256),
            "ES256" => Some(Self::ES256),
            "EdDSA" => Some(Self::EdDSA),
            _ => None,
        }
    }

    fn for_crypto(self) -> JwtAlgorithm {
        match self {
            Self::HS256 => JwtAlgorithm::HS256,
            Self::RS256 => JwtAlgorithm::RS256,
            Self::ES256 => JwtAlgorithm::ES256,
            Self::EdDSA => JwtAlgorithm::EdDSA,
        }
    }
}

impl IssuerKeys {
    /// Reads the keys; `digest` takes in all that was read.
    pub(super) fn read(
        config: &IssuerConfig,
        base_dir: &Path,
        digest: &mut Sha256,
    ) -> Result<Self, Vec<Diagnostic>> {
        let name = &config.issuer;
        let mut problems = Vec::new();
        let mut report = |message: String| problems.push(Diagnostic::file(base_dir, message));
        if name.is_empty() {
            report("an issuer needs a name".to_string());
        }
        if config.audiences.is_empty() || config.audiences.iter().any(String::is_empty) {
            report(format!("issuer \"{name}\" needs audiences"));
        }
        if config.algorithms.is_empty() {
            report(format!("issuer \"{name}\" needs algorithms"));
        }
        let mut keys = Vec::new();
        for source in &config.keys {
            match read_source(source, base_dir, digest) {
                Ok(found) => keys.extend(found),
                Err(problem) => problems.push(problem),
            }
        }
        for algorithm in &config.algorithms {
            if problems.is_empty() && !keys.iter().any(|key| key.algorithm == *algorithm) {
                let message = format!("issuer \"{name}\" has no key for algorithm {algorithm:?}");
                problems.push(Diagnostic::file(base_dir, message));
            }
        }
        if keys.len() > KEYS_PER_ISSUER_MAX {
            let message = format!("issuer \"{name}\" has more than {KEYS_PER_ISSUER_MAX} keys");
            problems.push(Diagnostic::file(base_dir, message));
        }
        if problems.is_empty() { Ok(Self { config: config.clone(), keys }) } else { Err(problems) }
    }

    /// Checks header and signature with this issuer's keys and algorithms only.
    pub(super) fn check_signature(&self, parts: &Parts<'_>) -> Result<(), TokenError> {
        let header = &parts.header;
        if HEADERS_DENIED.iter().any(|name| header.contains_key(*name)) {
            return Err(TokenError::HeaderDenied);
        }
        match header.get("typ") {
            None => {}
            Some(Value::String(kind))
                if kind.eq_ignore_ascii_case("jwt") || kind.eq_ignore_ascii_case("at+jwt") => {}
            Some(_) => return Err(TokenError::HeaderDenied),
        }
        let algorithm = header
            .get("alg")
            .and_then(Value::as_str)
            .and_then(Algorithm::from_header)
            .filter(|algorithm| self.config.algorithms.contains(algorithm))
            .ok_or(TokenError::AlgorithmDenied)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= KID_BYTES_MAX => Some(kid.as_str()),
            Some(_) => return Err(TokenError::HeaderDenied),
        };
        let candidates = self.candidates(algorithm, kid);
        if candidates.is_empty() {
            return Err(TokenError::KeyUnknown);
        }
        let valid = |key: &&VerifyingKey| {
            crypto::verify(parts.signature, parts.message.as_bytes(), &key.key, algorithm.for_crypto())
                .unwrap_or(false)
        };
        if candidates.iter().any(valid) { Ok(()) } else { Err(TokenError::SignatureInvalid) }
    }

    /// Keys of this id; where none has it, keys without an id. Without a `kid`, every key.
    fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> Vec<&VerifyingKey> {
        let fitting = || self.keys.iter().filter(|key| key.algorithm == algorithm);
        let Some(kid) = kid else { return fitting().collect() };
        let named: Vec<&VerifyingKey> = fitting().filter(|key| key.kid.as_deref() == Some(kid)).collect();
        if named.is_empty() { fitting().filter(|key| key.kid.is_none()).collect() } else { named }
    }
}

fn read_source(
    source: &KeySource,
    base_dir: &Path,
    digest: &mut Sha256,
) -> Result<Vec<VerifyingKey>, Diagnostic> {
    match source {
        KeySource::Jwks(path) => {
            let path = base_dir.join(path);
            let text = read_limited(&path)?;
            take_in(digest, text.as_bytes());
            from_jwks(&path, &text)
        }
        KeySource::Pem(path) => {
            let path = base_dir.join(path);
            let text = read_limited(&path)?;
            take_in(digest, text.as_bytes());
            from_pem(&path, &text).map(|key| vec![key])
        }
        KeySource::Secret(path) => {
            let path = base_dir.join(path);
            let ring = KeyRing::load(&path)?;
            Ok(ring
                .iter()
                .map(|key| {
                    take_in(digest, key.id().as_bytes());
                    take_in(digest, key.secret());
                    VerifyingKey {
                        kid: Some(key.id().to_string()),
                        algorithm: Algorithm::HS256,
                        key: DecodingKey::from_secret(key.secret()),
                    }
                })
                .collect())
        }
    }
}

fn take_in(digest: &mut Sha256, bytes: &[u8]) {
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

fn from_pem(path: &Path, text: &str) -> Result<VerifyingKey, Diagnostic> {
    let problem = |message: &str| Diagnostic::file(path, message);
    let text = text.trim();
    let is_public =
        text.starts_with("-----BEGIN PUBLIC KEY-----") || text.starts_with("-----BEGIN RSA PUBLIC KEY-----");
    if !is_public || text.matches("-----BEGIN").count() != 1 {
        return Err(problem("expected one public key in PEM")
            .with_hint("private keys, certificates and bundles are not accepted"));
    }
    let bytes = text.as_bytes();
    let found = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem(bytes)),
        (Algorithm::ES256, DecodingKey::from_ec_pem(bytes)),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem(bytes)),
    ];
    let (algorithm, key) = found
        .into_iter()
        .find_map(|(algorithm, key)| key.ok().map(|key| (algorithm, key)))
        .ok_or_else(|| problem("not a public key of RSA, P-256 or Ed25519"))?;
    let length = key.try_get_as_bytes().map_or(0, <[u8]>::len);
    let fits = match algorithm {
        // The DER of a key holds its modulus and little else.
        Algorithm::RS256 => length > RSA_MODULUS_BYTES_MIN,
        Algorithm::ES256 => length == P256_POINT_BYTES,
        Algorithm::EdDSA => length == ED25519_POINT_BYTES,
        Algorithm::HS256 => false,
    };
    if !fits {
        return Err(problem("not a public key of RSA with at least 2048 bits, P-256 or Ed25519"));
    }
    Ok(VerifyingKey { kid: None, algorithm, key })
}

fn from_jwks(path: &Path, text: &str) -> Result<Vec<VerifyingKey>, Diagnostic> {
    let problem = |message: String| Diagnostic::file(path, message);
    let set: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line() as u64, error.column() as u64);
        Diagnostic::at(path, line, column, "not a JWK set: malformed JSON")
    })?;
    let Some(entries) = set.get("keys").and_then(Value::as_array) else {
        return Err(problem("not a JWK set: no list \"keys\"".to_string()));
    };
    let mut keys = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        if entry.get("d").is_some() || entry.get("kty").and_then(Value::as_str) == Some("oct") {
            return Err(problem(format!("key {} of the JWK set is not a public key", place + 1))
                .with_hint("shared secrets are kept in a key ring"));
        }
        // Sets of real issuers also hold keys for other uses and of other kinds.
        keys.extend(from_jwk(entry));
    }
    if keys.is_empty() {
        return Err(problem("the JWK set has no usable signature key".to_string()));
    }
    Ok(keys)
}

fn from_jwk(entry: &Value) -> Option<VerifyingKey> {
    let jwk: Jwk = serde_json::from_value(entry.clone()).ok()?;
    let common = &jwk.common;
    if common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    if common.key_operations.as_ref().is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(params) if params.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(params) if params.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    if common.key_algorithm.is_some_and(|algorithm| algorithm != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let fits = match key.kind() {
        jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } => {
            n.iter().skip_while(|byte| **byte == 0).count() >= RSA_MODULUS_BYTES_MIN
        }
        jsonwebtoken::DecodingKeyKind::SecretOrDer(bytes) => match algorithm {
            Algorithm::ES256 => bytes.len() == P256_POINT_BYTES,
            Algorithm::EdDSA => bytes.len() == ED25519_POINT_BYTES,
            Algorithm::RS256 | Algorithm::HS256 => false,
        },
    };
    fits.then(|| VerifyingKey { kid: common.key_id.clone(), algorithm, key })
}
