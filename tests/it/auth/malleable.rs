//! Signatures that are almost right: owns the changes to a good signature that careless verifiers
//! take (leading zeros, values past the group's order, other encodings, other paddings).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sluice_tests::client::Answer;
use sluice_tests::gateway::run;

use super::forge::segment;
use super::signatures::{PublicKeys, claims_of, public_keys};
use super::{TABLES, assert_refused};

/// A good token in two parts: what is signed, and the signature.
fn signed(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> (String, Vec<u8>) {
    let token = encode(&Header::new(algorithm), claims, key).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

async fn sent(keys: &PublicKeys, signed: &str, signature: &[u8]) -> Answer {
    keys.gateway.bearer(&format!("{signed}.{}", segment(signature))).get(TABLES).await
}

/// Claims that no other number gives.
fn numbered(issuer: &str, number: u32) -> Value {
    let mut claims = claims_of(issuer);
    claims["jti"] = json!(number.to_string());
    claims
}

#[test]
fn an_rsa_signature_is_as_long_as_its_key() {
    run(async {
        let keys = public_keys().await;
        let key = EncodingKey::from_rsa_pem(keys.rsa.serialize_pem().as_bytes()).unwrap();
        // One in 256 begins with a zero: the one that a number loses.
        let (text, good) = (0..20_000)
            .map(|number| signed(Algorithm::RS256, &key, &numbered("rsa", number)))
            .find(|(_, signature)| signature[0] == 0)
            .expect("a signature that begins with a zero");
        let _ = sent(&keys, &text, &good).await.expect_status(200);
        let zeros: Vec<u8> = [&[0_u8; 4][..], &good].concat();
        let trailing: Vec<u8> = [&good[..], &[0]].concat();
        let mut bit = good.clone();
        bit[200] ^= 1;
        for (what, signature) in [
            ("leading zero cut", &good[1..]),
            ("leading zeros added", &zeros),
            ("trailing zero", &trailing),
            ("one bit", &bit),
            ("all zero", &[0_u8; 256]),
            ("one", &[&[0_u8; 255][..], &[1]].concat()),
            ("all ones", &[0xff_u8; 256]),
            ("empty", &[]),
        ] {
            assert_refused(what, &sent(&keys, &text, signature).await);
        }
        keys.gateway.shutdown().await;
    });
}

#[test]
fn another_padding_or_digest_of_the_same_key_is_refused() {
    run(async {
        let keys = public_keys().await;
        let key = EncodingKey::from_rsa_pem(keys.rsa.serialize_pem().as_bytes()).unwrap();
        for algorithm in
            [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512]
        {
            let (text, signature) = signed(algorithm, &key, &claims_of("rsa"));
            assert_refused("under its own name", &sent(&keys, &text, &signature).await);
            let (_, payload) = text.split_once('.').unwrap();
            let renamed = format!("{}.{payload}", segment(b"{\"alg\":\"RS256\"}"));
            assert_refused("under the name of RS256", &sent(&keys, &renamed, &signature).await);
        }
        keys.gateway.shutdown().await;
    });
}

/// The order of the P-256 group, most significant byte first.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn an_elliptic_signature_is_two_numbers_of_the_group() {
    run(async {
        let keys = public_keys().await;
        let key = EncodingKey::from_ec_pem(keys.ec.serialize_pem().as_bytes()).unwrap();
        let (text, good) = signed(Algorithm::ES256, &key, &claims_of("ec"));
        let _ = sent(&keys, &text, &good).await.expect_status(200);
        let (r, s) = good.split_at(32);
        let zero = [0_u8; 32];
        let max = [0xff_u8; 32];
        for (what, signature) in [
            ("s is zero", [r, &zero].concat()),
            ("r is zero", [&zero, s].concat()),
            ("s is the order", [r, &P256_ORDER].concat()),
            ("r is the order", [&P256_ORDER, s].concat()),
            ("r is past the field", [&max, s].concat()),
            ("swapped", [s, r].concat()),
            ("s twice", [s, s].concat()),
            ("a zero before each", [&[0], r, &[0], s].concat()),
            ("a zero at the end", [r, s, &[0]].concat()),
            ("half", r.to_vec()),
            ("as DER", der(r, s)),
            ("as DER in DER", [&[0x30, u8::try_from(der(r, s).len()).unwrap()], &der(r, s)[..]].concat()),
        ] {
            assert_refused(what, &sent(&keys, &text, &signature).await);
        }
        // A number with a leading zero keeps it.
        let (text, short) = (0..20_000)
            .map(|number| signed(Algorithm::ES256, &key, &numbered("ec", number)))
            .find(|(_, signature)| signature[0] == 0)
            .expect("a signature that begins with a zero");
        let _ = sent(&keys, &text, &short).await.expect_status(200);
        assert_refused("leading zero cut", &sent(&keys, &text, &short[1..]).await);
        keys.gateway.shutdown().await;
    });
}

/// Two positive integers in ASN.1, as TLS writes them.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let digits = if digits[0] >= 0x80 { [&[0], &digits[..]].concat() } else { digits };
        [&[0x02, u8::try_from(digits.len()).unwrap()], &digits[..]].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
}

/// The order of the Ed25519 group, least significant byte first.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn an_edwards_signature_has_one_form() {
    run(async {
        let keys = public_keys().await;
        let key = EncodingKey::from_ed_pem(keys.ed.serialize_pem().as_bytes()).unwrap();
        let (text, good) = signed(Algorithm::EdDSA, &key, &claims_of("ed"));
        let _ = sent(&keys, &text, &good).await.expect_status(200);
        let (r, s) = good.split_at(32);
        let mut carry = 0_u16;
        let past_order: Vec<u8> = s
            .iter()
            .zip(ED25519_ORDER)
            .map(|(a, b)| {
                let sum = u16::from(*a) + u16::from(b) + carry;
                carry = sum >> 8;
                u8::try_from(sum & 0xff).unwrap()
            })
            .collect();
        assert_eq!(carry, 0, "s and the order together fit");
        let identity: [u8; 32] = std::array::from_fn(|at| u8::from(at == 0));
        let mut sign_bit = r.to_vec();
        sign_bit[31] ^= 0x80;
        for (what, signature) in [
            ("s plus the order", [r, &past_order].concat()),
            ("s is zero", [r, &[0; 32]].concat()),
            ("s is the order", [r, &ED25519_ORDER].concat()),
            ("r is the identity, s is zero", [&identity[..], &[0; 32]].concat()),
            ("all zero", vec![0; 64]),
            ("sign of r", [&sign_bit, s].concat()),
            ("a byte short", good[..63].to_vec()),
            ("a byte long", [&good[..], &[0]].concat()),
            ("empty", Vec::new()),
        ] {
            assert_refused(what, &sent(&keys, &text, &signature).await);
        }
        keys.gateway.shutdown().await;
    });
}
