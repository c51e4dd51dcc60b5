//! Tokens and the attacks on them, with keys made for each run.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;
use crate::keys::KeyRing;

mod attacks;

const NOW_S: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_S)
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// Four issuers in one folder: `hs` (ring), `rs` (PEM), `es` (JWK set), `ed` (PEM).
struct World {
    folder: tempfile::TempDir,
    ring: KeyRing,
    rsa: Vec<u8>,
    rsa_pem: String,
    ec: Vec<u8>,
    ed: Vec<u8>,
    verifier: TokenVerifier,
}

fn issuer(name: &str, algorithm: Algorithm, source: KeySource) -> IssuerConfig {
    IssuerConfig {
        issuer: name.to_string(),
        audiences: vec!["sluice".to_string(), "other".to_string()],
        algorithms: vec![algorithm],
        keys: vec![source],
        roles_claim: default_roles_claim(),
        role_claim: default_role_claim(),
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::generate("hs-1");
        ring.to_file(&folder.path().join("ring.json")).unwrap();

        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa_der: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
        let rsa_pem = pem(rsa_der.as_ref());
        fs::write(folder.path().join("rs.pem"), &rsa_pem).unwrap();
        let rsa = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).unwrap().as_ref().to_vec();

        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let ec = ec.unwrap().as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec).unwrap();
        let point = pair.public_key().as_ref();
        let jwks = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "es-1", "use": "sig", "x": b64(&point[1..33]), "y": b64(&point[33..])},
            {"kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": b64(&point[1..33]), "y": b64(&point[33..])},
            {"kty": "FUTURE", "kid": "f"},
        ]});
        fs::write(folder.path().join("es.json"), jwks.to_string()).unwrap();

        let ed = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref().to_vec();
        let pair = Ed25519KeyPair::from_pkcs8(&ed).unwrap();
        let ed_der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        fs::write(folder.path().join("ed.pem"), pem(ed_der.as_ref())).unwrap();

        let config = TokenConfig {
            issuers: vec![
                issuer("hs", Algorithm::HS256, KeySource::Secret("ring.json".into())),
                issuer("rs", Algorithm::RS256, KeySource::Pem("rs.pem".into())),
                issuer("es", Algorithm::ES256, KeySource::Jwks("es.json".into())),
                issuer("ed", Algorithm::EdDSA, KeySource::Pem("ed.pem".into())),
            ],
            ..TokenConfig::default()
        };
        let verifier = TokenVerifier::load(&config, folder.path()).unwrap();
        Self { folder, ring, rsa, rsa_pem, ec, ed, verifier }
    }

    /// Signs header and claims as they are given, with the key of the algorithm.
    fn sign_text(&self, algorithm: Algorithm, header: &str, claims: &str) -> String {
        let key = match algorithm {
            Algorithm::HS256 => EncodingKey::from_secret(self.ring.current().secret()),
            Algorithm::RS256 => EncodingKey::from_rsa_der(&self.rsa_pkcs1()),
            Algorithm::ES256 => EncodingKey::from_ec_der(&self.ec),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&self.ed),
        };
        sign_with(&key, algorithm, header, claims)
    }

    fn rsa_pkcs1(&self) -> Vec<u8> {
        let text = STANDARD.encode(&self.rsa);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap().as_bytes().to_vec()
    }

    fn sign(&self, algorithm: Algorithm, header: Value, claims: Value) -> String {
        self.sign_text(algorithm, &header.to_string(), &claims.to_string())
    }

    fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        self.verifier.verify(token, None, now())
    }
}

fn sign_with(key: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let algorithm = match algorithm {
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    };
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "typ": "JWT"})
}

fn claims(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "sluice", "sub": "ann", "nbf": NOW_S - 10, "exp": NOW_S + 600, "role": "analyst"})
}

fn changed(issuer: &str, name: &str, value: Value) -> Value {
    let mut claims = claims(issuer);
    claims[name] = value;
    claims
}

fn without(issuer: &str, name: &str) -> Value {
    let mut claims = claims(issuer);
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn every_algorithm_verifies_with_its_own_key() {
    let world = World::new();
    for (algorithm, name, issuer) in [
        (Algorithm::HS256, "HS256", "hs"),
        (Algorithm::RS256, "RS256", "rs"),
        (Algorithm::ES256, "ES256", "es"),
        (Algorithm::EdDSA, "EdDSA", "ed"),
    ] {
        let token = world.sign(algorithm, header(name), claims(issuer));
        let principal = world.verify(&token).unwrap();
        assert_eq!((principal.role.as_str(), principal.subject.as_str()), ("analyst", "ann"));
        assert_eq!(principal.issuer, issuer);
        assert_eq!(principal.claims["aud"], "sluice");
        assert_eq!(principal.expires_at, Some(now() + Duration::from_secs(600)));
        // The second time it is remembered, and says the same.
        assert_eq!(world.verify(&token).unwrap().role, "analyst");
    }
}

#[test]
fn required_claims_are_required_and_typed() {
    let world = World::new();
    let refused = |claims: Value| {
        let token = world.sign(Algorithm::HS256, header("HS256"), claims.clone());
        world.verify(&token).err().unwrap_or_else(|| panic!("accepted {claims}"))
    };
    for name in ["exp", "nbf", "iss", "aud"] {
        assert_eq!(refused(without("hs", name)), TokenError::ClaimInvalid(name));
        assert!(matches!(refused(changed("hs", name, Value::Null)), TokenError::ClaimInvalid(_)));
        assert!(matches!(refused(changed("hs", name, json!({}))), TokenError::ClaimInvalid(_)));
    }
    for value in [json!("1900000000"), json!(-1), json!(true), json!([NOW_S + 600])] {
        assert_eq!(refused(changed("hs", "exp", value.clone())), TokenError::ClaimInvalid("exp"));
        assert_eq!(refused(changed("hs", "nbf", value)), TokenError::ClaimInvalid("nbf"));
    }
    assert_eq!(refused(changed("hs", "iat", json!("x"))), TokenError::ClaimInvalid("iat"));
    assert_eq!(refused(changed("hs", "sub", json!(1))), TokenError::ClaimInvalid("sub"));
    assert_eq!(refused(changed("hs", "iss", json!(["hs"]))), TokenError::ClaimInvalid("iss"));
    assert_eq!(refused(changed("hs", "iss", json!("HS"))), TokenError::IssuerDenied);
    for audience in [json!("x"), json!([]), json!(["x", "Sluice"]), json!("")] {
        assert_eq!(refused(changed("hs", "aud", audience)), TokenError::AudienceDenied);
    }
    assert_eq!(refused(changed("hs", "aud", json!(["sluice", 1]))), TokenError::ClaimInvalid("aud"));
    let listed = world.sign(Algorithm::HS256, header("HS256"), changed("hs", "aud", json!(["x", "other"])));
    assert!(world.verify(&listed).is_ok());
}

#[test]
fn time_is_judged_with_the_leeway_at_every_use() {
    let world = World::new();
    let token = world.sign(Algorithm::HS256, header("HS256"), claims("hs"));
    let at =
        |seconds: u64| world.verifier.verify(&token, None, UNIX_EPOCH + Duration::from_secs(seconds)).err();
    assert_eq!(at(NOW_S - 10 - 30), None);
    assert_eq!(at(NOW_S - 10 - 31), Some(TokenError::NotYetValid));
    assert_eq!(at(NOW_S + 600 + 29), None);
    assert_eq!(at(NOW_S + 600 + 30), Some(TokenError::Expired));
    // The clock steps back: what had ended counts again, and what had begun does not.
    assert_eq!(at(NOW_S), None);
    assert_eq!(at(0), Some(TokenError::NotYetValid));
}

#[test]
fn no_time_and_no_clock_panics() {
    let world = World::new();
    let far = changed("hs", "exp", json!(u64::MAX));
    let token = world.sign(Algorithm::HS256, header("HS256"), far);
    assert!(world.verify(&token).is_ok());
    let before = UNIX_EPOCH - Duration::from_secs(10_000_000_000);
    assert_eq!(world.verifier.verify(&token, None, before).err(), Some(TokenError::NotYetValid));
    for exp in [json!(1e300), json!(1.8e19), json!(f64::from(u32::MAX) + 0.5)] {
        let token = world.sign(Algorithm::HS256, header("HS256"), changed("hs", "exp", exp));
        assert!(world.verify(&token).is_ok());
    }
    let token = world.sign(Algorithm::HS256, header("HS256"), changed("hs", "nbf", json!(u64::MAX)));
    assert_eq!(world.verify(&token).err(), Some(TokenError::NotYetValid));
}

#[test]
fn a_request_acts_under_exactly_one_role() {
    let world = World::new();
    let choose = |role: Value, roles: Value, requested: Option<&str>| {
        let mut claims = without("hs", "role");
        if !role.is_null() {
            claims["role"] = role;
        }
        if !roles.is_null() {
            claims["roles"] = roles;
        }
        let token = world.sign(Algorithm::HS256, header("HS256"), claims);
        match world.verifier.verify(&token, requested, now()) {
            Ok(principal) => Some(principal.role),
            Err(error) => {
                assert!(error.is_role_denied(), "{error}");
                None
            }
        }
    };
    let some = |role: &str| Some(role.to_string());
    assert_eq!(choose(json!("a"), Value::Null, None), some("a"));
    assert_eq!(choose(json!("a"), json!(["b", "c"]), None), some("a"));
    assert_eq!(choose(json!("a"), json!(["b", "c"]), Some("c")), some("c"));
    assert_eq!(choose(json!("a"), json!(["b"]), Some("a")), some("a"));
    assert_eq!(choose(Value::Null, json!(["b"]), None), some("b"));
    assert_eq!(choose(json!("a"), json!(["b"]), Some("d")), None);
    assert_eq!(choose(json!("a"), json!(["b"]), Some("A")), None);
    assert_eq!(choose(json!("a"), json!(["b"]), Some("")), None);
    assert_eq!(choose(Value::Null, json!(["b", "c"]), None), None);
    assert_eq!(choose(Value::Null, json!([]), None), None);
    assert_eq!(choose(Value::Null, Value::Null, Some("admin")), None);
    for wrong in [json!(1), json!(["admin"]), json!({}), json!(""), json!(true)] {
        assert_eq!(choose(wrong, json!(["b"]), Some("b")), None);
    }
    for wrong in [json!("b"), json!([["b"]]), json!(["b", 1]), json!({"b": true}), json!(["b", ""])] {
        assert_eq!(choose(json!("b"), wrong, None), None);
    }
}

#[test]
fn reload_takes_new_keys_and_forgets_what_old_ones_verified() {
    let world = World::new();
    let token = world.sign(Algorithm::HS256, header("HS256"), claims("hs"));
    assert!(world.verify(&token).is_ok());
    let reload = || world.verifier.read_again().map(|fresh| world.verifier.take(fresh));
    assert!(!reload().unwrap());
    let ring = world.folder.path().join("ring.json");
    fs::write(&ring, "keys: []").unwrap();
    assert!(reload().is_err());
    assert!(world.verify(&token).is_ok());
    KeyRing::generate("hs-2").to_file(&ring).unwrap();
    assert!(reload().unwrap());
    assert_eq!(world.verify(&token).err(), Some(TokenError::SignatureInvalid));
}

#[test]
fn as_many_verified_tokens_as_the_limit_are_remembered() {
    let world = World::new();
    let config = TokenConfig { cache_entries_max: 2, ..world.verifier.config.clone() };
    let verifier = TokenVerifier::load(&config, world.folder.path()).unwrap();
    for (subject, remembered) in [("a", 1), ("b", 2), ("c", 2), ("d", 2)] {
        let token = world.sign(Algorithm::HS256, header("HS256"), changed("hs", "sub", json!(subject)));
        for _ in 0..2 {
            assert_eq!(verifier.verify(&token, None, now()).unwrap().subject, subject);
        }
        let generation = Arc::clone(&verifier.current.read().unwrap());
        generation.verified.run_pending_tasks();
        assert_eq!(generation.verified.entry_count(), remembered, "{subject}");
    }
}

#[test]
fn minted_tokens_verify_and_reserved_claims_stay() {
    let world = World::new();
    let mut spec = MintSpec {
        issuer: "hs".into(),
        audience: "sluice".into(),
        subject: "demo".into(),
        roles: vec!["partner".into()],
        claims: [("carriers".to_string(), json!(["UA", "B6"]))].into(),
        ttl: Duration::from_secs(60),
        ..MintSpec::default()
    };
    let token = mint(world.ring.current(), &spec, now()).unwrap();
    let principal = world.verify(&token).unwrap();
    assert_eq!(principal.role, "partner");
    assert_eq!(principal.claims["carriers"], json!(["UA", "B6"]));
    spec.claims.insert("exp".into(), json!(1));
    assert!(matches!(mint(world.ring.current(), &spec, now()), Err(MintError::ReservedClaim(_))));
}

#[test]
fn the_anonymous_role_is_only_there_when_configured() {
    let world = World::new();
    assert!(world.verifier.anonymous().is_none());
    let config = TokenConfig { anonymous_role: Some("public".into()), ..TokenConfig::default() };
    let open = TokenVerifier::load(&config, Path::new("/")).unwrap();
    assert_eq!(open.anonymous().unwrap().role, "public");
    assert_eq!(world.verifier.issuers().collect::<Vec<_>>(), ["hs", "rs", "es", "ed"]);
}
