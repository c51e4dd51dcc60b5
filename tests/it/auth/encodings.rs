//! Tokens that are written in another way than the one way there is: owns spellings of base64, dots,
//! and headers whose members are doubled, critical, or bring a key along.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};

use super::forge::{claims, hs256, hs256_raw, hs256_signed, segment};
use super::signatures::{claims_of, public_keys};
use super::{TABLES, assert_refused};

#[test]
fn every_part_has_one_spelling() {
    run(async {
        let gateway = Gateway::demo().await;
        let (kid, secret) = gateway.signing_key();
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        // Lengths that leave bits over, and bytes that the two alphabets write differently.
        let payload = claims(json!({ "sub": "\u{fb}\u{ff}\u{3ff}~~?>" })).to_string();
        let parts = |header: &str, payload: &str| hs256_signed(header, payload, secret);
        let good = parts(&segment(header.as_bytes()), &segment(payload.as_bytes()));
        let _ = gateway.bearer(&good).get(TABLES).await.expect_status(200);

        type Spell = fn(&str) -> String;
        let spellings: [(&str, Spell); 7] = [
            ("padded", |text| URL_SAFE.encode(pad_to(text, 1))),
            ("padded twice", |text| URL_SAFE.encode(pad_to(text, 2))),
            ("padding that is not needed", |text| format!("{}=", segment(&pad_to(text, 0)))),
            ("bits left over", |text| with_spare_bits(&segment(&pad_to(text, 1)))),
            ("a tab inside", |text| segment(text.as_bytes()).replacen('J', "J\t", 1)),
            ("one character over", |text| format!("{}A", segment(&pad_to(text, 0)))),
            ("percent signs", |text| format!("%65{}", &segment(text.as_bytes())[1..])),
        ];
        for (what, spell) in spellings {
            for token in [
                parts(&spell(&header), &segment(payload.as_bytes())),
                parts(&segment(header.as_bytes()), &spell(&payload)),
            ] {
                assert_refused(what, &gateway.bearer(&token).get(TABLES).await);
            }
        }
        let blanks = (0..9).map(|count| pad_to(&format!("{}{payload}", " ".repeat(count)), 0));
        let spelled = |text: &Vec<u8>| STANDARD.encode(text).contains(['+', '/']);
        let text = blanks.into_iter().find(spelled).unwrap();
        let accepted = parts(&segment(header.as_bytes()), &segment(&text));
        let _ = gateway.bearer(&accepted).get(TABLES).await.expect_status(200);
        let standard = parts(&segment(header.as_bytes()), &STANDARD.encode(&text));
        assert_refused("standard alphabet", &gateway.bearer(&standard).get(TABLES).await);

        let (signed, signature) = good.rsplit_once('.').unwrap();
        for (what, other) in [
            ("padded", format!("{signature}=")),
            ("bits left over", with_spare_bits(signature)),
            ("one character over", format!("{signature}A")),
            ("upper case", signature.to_uppercase()),
            ("empty", String::new()),
        ] {
            assert_ne!(other, signature, "{what}");
            assert_refused(what, &gateway.bearer(&format!("{signed}.{other}")).get(TABLES).await);
        }
    });
}

/// JSON may end in blanks: as many as leave this remainder of three.
fn pad_to(text: &str, remainder: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    while bytes.len() % 3 != (3 - remainder) % 3 {
        bytes.push(b' ');
    }
    bytes
}

/// The same bytes to a careless reader: the last character carries bits that belong to none.
fn with_spare_bits(text: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    assert_ne!(text.len() % 4, 0, "no bits are left over");
    format!("{head}{}", &ALPHABET[value + 1..value + 2])
}

#[test]
fn a_token_has_three_parts_and_two_dots() {
    run(async {
        let gateway = Gateway::demo().await;
        let good = gateway.token("admin", json!({}));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        for token in [
            format!(".{good}"),
            format!("{good}."),
            format!("{header}..{payload}.{signature}"),
            format!("{header}.{payload}..{signature}"),
            format!("{header}.{payload}.{signature}.{header}.{payload}"),
            format!("..{signature}"),
            format!("{header}..{signature}"),
            format!(".{payload}.{signature}"),
            "..".to_owned(),
            ".".to_owned(),
            format!("{payload}.{header}.{signature}"),
            format!("{header},{payload},{signature}"),
            format!("\"{good}\""),
        ] {
            assert_refused(&token, &gateway.bearer(&token).get(TABLES).await);
        }
    });
}

#[test]
fn a_header_says_each_thing_once_and_nothing_critical() {
    run(async {
        let gateway = Gateway::demo().await;
        let (kid, secret) = gateway.signing_key();
        let payload = claims(json!({})).to_string();
        for header in [
            format!("{{\"alg\":\"HS256\",\"alg\":\"HS256\",\"kid\":\"{kid}\"}}"),
            format!("{{\"alg\":\"HS256\",\"\\u0061lg\":\"none\",\"kid\":\"{kid}\"}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"kid\":\"{kid}\"}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"x\":{{\"a\":1,\"a\":2}}}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"b64\":false,\"crit\":[\"b64\"]}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"b64\":false}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"b64\":true,\"crit\":[\"b64\"]}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"crit\":[\"http://example.invalid/unknown\"]}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"crit\":null}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"crit\":\"exp\"}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"zip\":\"DEF\"}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"enc\":\"A128GCM\"}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}} {{}}"),
            format!("\u{feff}{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}"),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",}}"),
            format!("{{'alg':'HS256','kid':'{kid}'}}"),
            format!("[{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}]"),
            "null".to_owned(),
            String::new(),
        ] {
            let token = hs256_raw(header.as_bytes(), payload.as_bytes(), secret);
            assert_refused(&header, &gateway.bearer(&token).get(TABLES).await);
        }
        // Unencoded payloads (RFC 7797) are signed as they stand.
        let unencoded = format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\",\"b64\":false,\"crit\":[\"b64\"]}}");
        let token = hs256_signed(&segment(unencoded.as_bytes()), &payload.replace('.', ""), secret);
        assert_refused("unencoded payload", &gateway.bearer(&token).get(TABLES).await);
    });
}

#[test]
fn a_key_in_the_header_signs_nothing() {
    run(async {
        let keys = public_keys().await;
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = ec.public_key_raw();
        let attackers: [(&str, Algorithm, EncodingKey, Value); 3] = [
            (
                "rsa",
                Algorithm::RS256,
                EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).unwrap(),
                json!({ "kty": "RSA", "n": text(&modulus(&rsa)), "e": "AQAB" }),
            ),
            (
                "ec",
                Algorithm::ES256,
                EncodingKey::from_ec_pem(ec.serialize_pem().as_bytes()).unwrap(),
                json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) }),
            ),
            (
                "ed",
                Algorithm::EdDSA,
                EncodingKey::from_ed_pem(ed.serialize_pem().as_bytes()).unwrap(),
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(ed.public_key_raw()) }),
            ),
        ];
        for (issuer, algorithm, key, jwk) in attackers {
            let jwk = serde_json::from_value(jwk).unwrap();
            let chain = vec![STANDARD.encode(b"a certificate of the attacker's own")];
            for header in [
                Header::new(algorithm),
                Header { jwk: Some(jwk), ..Header::new(algorithm) },
                Header { x5c: Some(chain), ..Header::new(algorithm) },
                Header {
                    jku: Some("https://attacker.invalid/keys.json".to_owned()),
                    ..Header::new(algorithm)
                },
            ] {
                let token = encode(&header, &claims_of(issuer), &key).unwrap();
                assert_refused(issuer, &keys.gateway.bearer(&token).get(TABLES).await);
            }
        }
        let (kid, secret) = Gateway::demo().await.signing_key();
        let own = b"a secret of the attacker's own making, long enough";
        let header = json!({ "alg": "HS256", "kid": kid, "jwk": { "kty": "oct", "k": segment(own) } });
        let forged = hs256(&header, &claims(json!({})), own);
        assert_refused("oct", &Gateway::demo().await.bearer(&forged).get(TABLES).await);
        let honest = hs256(&header, &claims(json!({})), secret);
        assert_refused(
            "a good signature does not help",
            &Gateway::demo().await.bearer(&honest).get(TABLES).await,
        );
        keys.gateway.shutdown().await;
    });
}

/// The modulus inside an RSA public key: the longest integer of its DER.
fn modulus(pair: &KeyPair) -> Vec<u8> {
    let der = pair.public_key_raw();
    let at =
        der.windows(4).position(|four| four == [0x02, 0x82, 0x01, 0x01]).expect("an integer of 257 bytes");
    der[at + 5..at + 5 + 256].to_vec()
}
