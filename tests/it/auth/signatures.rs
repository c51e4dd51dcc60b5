//! Signatures and keys: owns algorithm confusion, key ids, keys that a token brings along, and the
//! well-known malformed signatures.

use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, Setup, run};

use super::forge::{LATER, claims, hs256, hs256_raw, segment};
use super::{TABLES, assert_refused};

const POLICIES: &str = "version: 1\nroles:\n  reader: { tables: {} }\n";

/// An issuer for each public-key algorithm, and its key.
pub(super) struct PublicKeys {
    pub(super) gateway: Gateway,
    pub(super) rsa: KeyPair,
    pub(super) ec: KeyPair,
    pub(super) ed: KeyPair,
}

pub(super) async fn public_keys() -> PublicKeys {
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let setup = Setup::new("public-keys", POLICIES);
    let mut issuers: Vec<Value> = Vec::new();
    for (name, algorithm, pair) in [("rsa", "RS256", &rsa), ("ec", "ES256", &ec), ("ed", "EdDSA", &ed)] {
        std::fs::write(setup.place(&format!("{name}.pem")), pair.public_key_pem()).unwrap();
        issuers.push(json!({
            "issuer": name, "audiences": ["sluice"], "algorithms": [algorithm],
            "keys": [{ "pem": format!("{name}.pem") }],
        }));
    }
    let gateway = setup.with(json!({ "tokens": { "issuers": issuers } })).start().await;
    PublicKeys { gateway, rsa, ec, ed }
}

pub(super) fn claims_of(issuer: &str) -> Value {
    json!({ "iss": issuer, "aud": "sluice", "sub": "t", "role": "reader", "exp": LATER, "nbf": 0 })
}

#[test]
fn every_listed_algorithm_verifies_with_its_own_key_only() {
    run(async {
        let keys = public_keys().await;
        let signers = [
            (
                "rsa",
                Algorithm::RS256,
                EncodingKey::from_rsa_pem(keys.rsa.serialize_pem().as_bytes()).unwrap(),
            ),
            ("ec", Algorithm::ES256, EncodingKey::from_ec_pem(keys.ec.serialize_pem().as_bytes()).unwrap()),
            ("ed", Algorithm::EdDSA, EncodingKey::from_ed_pem(keys.ed.serialize_pem().as_bytes()).unwrap()),
        ];
        for (own, algorithm, key) in &signers {
            for (issuer, ..) in &signers {
                let token = encode(&Header::new(*algorithm), &claims_of(issuer), key).unwrap();
                let answer = keys.gateway.bearer(&token).get(TABLES).await;
                if issuer == own {
                    assert_eq!(answer.status, 200, "{own}: {}", answer.text());
                } else {
                    assert_refused(&format!("key of {own} under issuer {issuer}"), &answer);
                }
            }
        }
        keys.gateway.shutdown().await;
    });
}

/// A key set as issuers publish them: every kind of key, one that encrypts, and kinds yet to come.
fn published(rsa: &KeyPair, ec: &KeyPair) -> Value {
    // RFC 8017, A.1.1: a sequence of modulus and exponent, here of 2,048 bits and 65,537.
    let numbers = rsa.public_key_raw();
    let (modulus, exponent) = (&numbers[numbers.len() - 261..numbers.len() - 5], [1, 0, 1]);
    let point = ec.public_key_raw();
    let (x, y) = (segment(&point[1..33]), segment(&point[33..]));
    json!({ "keys": [
        { "kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": segment(modulus), "e": segment(&exponent),
          "x5c": ["MIIB"], "x5t": "AAAA" },
        { "kty": "EC", "crv": "P-256", "kid": "two", "key_ops": ["verify"], "x": x, "y": y },
        { "kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": x, "y": y },
        { "kty": "OKP", "crv": "X25519", "kid": "exchange", "x": segment(&[1; 32]) },
        { "kty": "AKP", "alg": "ML-DSA-44", "kid": "later", "pub": "AAAA" },
    ] })
}

#[test]
fn keys_of_published_sets_verify_for_their_own_issuer() {
    run(async {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let setup = Setup::new("key-sets", POLICIES);
        // The other issuer has a key of the same id.
        let other = json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": "one", "alg": "EdDSA", "x": segment(ed.public_key_raw()) },
        ] });
        std::fs::write(setup.place("first.json"), published(&rsa, &ec).to_string()).unwrap();
        std::fs::write(setup.place("other.json"), other.to_string()).unwrap();
        let issuers =
            [("first", json!(["RS256", "ES256"])), ("other", json!(["EdDSA"]))].map(|(name, algorithms)| {
                json!({
                    "issuer": name, "audiences": ["sluice"], "algorithms": algorithms,
                    "keys": [{ "jwks": format!("{name}.json") }],
                })
            });
        let gateway = setup.with(json!({ "tokens": { "issuers": issuers } })).start().await;
        let rsa = EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).unwrap();
        let ec = EncodingKey::from_ec_pem(ec.serialize_pem().as_bytes()).unwrap();
        let ed = EncodingKey::from_ed_pem(ed.serialize_pem().as_bytes()).unwrap();
        for (issuer, kid, algorithm, key, good) in [
            ("first", "one", Algorithm::RS256, &rsa, true),
            ("first", "two", Algorithm::ES256, &ec, true),
            ("other", "one", Algorithm::EdDSA, &ed, true),
            ("first", "one", Algorithm::EdDSA, &ed, false),
            ("other", "one", Algorithm::RS256, &rsa, false),
            ("first", "enc", Algorithm::ES256, &ec, false),
            ("first", "exchange", Algorithm::EdDSA, &ed, false),
        ] {
            let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
            let answer = gateway.bearer(&encode(&header, &claims_of(issuer), key).unwrap()).get(TABLES).await;
            if good {
                assert_eq!(answer.status, 200, "{issuer} {kid}: {}", answer.text());
            } else {
                assert_refused(&format!("{algorithm:?} under {issuer} {kid}"), &answer);
            }
        }
        gateway.shutdown().await;
    });
}

#[test]
fn a_public_key_is_no_shared_secret() {
    run(async {
        let keys = public_keys().await;
        for (issuer, pair) in [("rsa", &keys.rsa), ("ec", &keys.ec), ("ed", &keys.ed)] {
            let pem = pair.public_key_pem();
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let der = STANDARD.decode(body).unwrap();
            let secrets: [Vec<u8>; 6] = [
                pem.clone().into_bytes(),
                format!(" {pem}").into_bytes(),
                pem.trim_end().as_bytes().to_vec(),
                pem.replace('\n', "\r\n").into_bytes(),
                der,
                pair.public_key_raw().to_vec(),
            ];
            for secret in secrets {
                for algorithm in ["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"] {
                    let token = hs256(&json!({ "alg": algorithm }), &claims_of(issuer), &secret);
                    assert_refused(issuer, &keys.gateway.bearer(&token).get(TABLES).await);
                }
            }
        }
        keys.gateway.shutdown().await;
    });
}

#[test]
fn malformed_elliptic_signatures_are_refused() {
    run(async {
        let keys = public_keys().await;
        let key = EncodingKey::from_ec_pem(keys.ec.serialize_pem().as_bytes()).unwrap();
        let good = encode(&Header::new(Algorithm::ES256), &claims_of("ec"), &key).unwrap();
        let (signed, _) = good.rsplit_once('.').unwrap();
        let der_of_ones = [0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01];
        let mut half = [0_u8; 64];
        half[31] = 1;
        for signature in [
            &[0_u8; 64][..],
            &[0_u8; 0],
            &[0_u8; 63],
            &[0_u8; 65],
            &[0xff_u8; 64],
            &half,
            &der_of_ones,
            &[0_u8; 96],
        ] {
            let token = format!("{signed}.{}", segment(signature));
            assert_refused("elliptic signature", &keys.gateway.bearer(&token).get(TABLES).await);
        }
        keys.gateway.shutdown().await;
    });
}

#[test]
fn no_algorithm_is_no_signature() {
    run(async {
        let gateway = Gateway::demo().await;
        let (kid, secret) = gateway.signing_key();
        let payload = segment(claims(json!({})).to_string().as_bytes());
        for algorithm in [
            json!("none"),
            json!("None"),
            json!("nOnE"),
            json!("NONE"),
            json!(""),
            json!(null),
            json!(["HS256"]),
            json!("HS256 "),
        ] {
            let header = json!({ "alg": algorithm, "kid": kid });
            let unsigned = format!("{}.{payload}.", segment(header.to_string().as_bytes()));
            assert_refused("unsigned", &gateway.bearer(&unsigned).get(TABLES).await);
            let signed = hs256(&header, &claims(json!({})), secret);
            assert_refused("signed under another name", &gateway.bearer(&signed).get(TABLES).await);
        }
        for algorithm in ["HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "hs256"] {
            let signed = hs256(&json!({ "alg": algorithm, "kid": kid }), &claims(json!({})), secret);
            assert_refused(algorithm, &gateway.bearer(&signed).get(TABLES).await);
        }
        let missing = hs256(&json!({ "kid": kid }), &claims(json!({})), secret);
        assert_refused("no algorithm", &gateway.bearer(&missing).get(TABLES).await);
    });
}

#[test]
fn a_key_id_only_chooses_among_the_issuers_keys() {
    run(async {
        let gateway = Gateway::demo().await;
        let (_, secret) = gateway.signing_key();
        for kid in [
            json!("../../../../dev/null"),
            json!("/dev/null"),
            json!("keys/signing.yaml"),
            json!("' OR '1'='1"),
            json!("x' UNION SELECT 'a"),
            json!(""),
            json!("\u{0}"),
            json!("k".repeat(4_096)),
            json!(1),
            json!(["demo-1"]),
            json!("DEMO-1"),
        ] {
            let token = hs256(&json!({ "alg": "HS256", "kid": kid }), &claims(json!({})), secret);
            let answer = gateway.bearer(&token).get(TABLES).await;
            assert_refused(&kid.to_string().chars().take(40).collect::<String>(), &answer);
            let empty_key = hs256_raw(
                json!({ "alg": "HS256", "kid": kid }).to_string().as_bytes(),
                claims(json!({})).to_string().as_bytes(),
                b"",
            );
            assert_refused("signed with nothing", &gateway.bearer(&empty_key).get(TABLES).await);
        }
        let huge = hs256(&json!({ "alg": "HS256", "kid": "k".repeat(65_536) }), &claims(json!({})), secret);
        let answer = gateway.bearer(&huge).get(TABLES).await;
        assert!([400, 401, 413, 431].contains(&answer.status), "{}", answer.text());
    });
}

#[test]
fn keys_that_a_token_brings_along_are_never_fetched_or_used() {
    run(async {
        let gateway = Gateway::demo().await;
        let (kid, secret) = gateway.signing_key();
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let url = format!("http://{}/keys.json", elsewhere.local_addr().unwrap());
        let own = json!({ "kty": "oct", "k": segment(secret), "kid": kid });
        for (name, value) in [
            ("jku", json!(url)),
            ("x5u", json!(url)),
            ("x5c", json!(["MIIB"])),
            ("jwk", own),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("x5t", json!("AAAA")),
        ] {
            let header = json!({ "alg": "HS256", "kid": kid, name: value });
            for key in [secret, b"attacker's own key of thirty-two bytes"] {
                let answer = gateway.bearer(&hs256(&header, &claims(json!({})), key)).get(TABLES).await;
                if name == "x5t" && key == secret {
                    // A thumbprint alone names no place and brings no key.
                    assert!([200, 401].contains(&answer.status), "{}", answer.text());
                } else {
                    assert_refused(name, &answer);
                }
            }
        }
        assert!(elsewhere.accept().is_err(), "the gateway called the address that a token named");
    });
}
