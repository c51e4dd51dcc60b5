//! Who gets in: owns the attacks on tokens and roles over the wire. What a role then sees is the
//! matter of other suites.

mod encodings;
mod forge;
mod keys;
mod malleable;
mod probing;
mod reload;
mod roles;
mod signatures;
mod tagged;

use serde_json::{Value, json};
use sluice_tests::client::Answer;
use sluice_tests::gateway::{Gateway, run};

use self::forge::{claims, claims_without, hs256, segment};

const TABLES: &str = "/v1/tables";

/// The refusal of a bad token says nothing of why, and how to come in.
fn assert_refused(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert_eq!(answer.code(), "unauthenticated", "{what}");
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
}

#[test]
fn without_a_token_the_way_in_is_told() {
    run(async {
        let gateway = Gateway::demo().await;
        for path in [TABLES, "/v1/tables/flights", "/v1/tables/flights/rows", "/v1/tables/nope/rows"] {
            let answer = gateway.nobody().get(path).await;
            assert_refused(path, &answer);
            assert!(!answer.header("www-authenticate").contains("invalid_token"), "{path}");
        }
        let refused = gateway.bearer("x.y.z").get(TABLES).await;
        assert_refused("garbage", &refused);
        assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    });
}

#[test]
fn a_good_token_is_taken_whatever_the_case_of_its_scheme() {
    run(async {
        let gateway = Gateway::demo().await;
        let token = gateway.token("admin", json!({}));
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let caller = gateway.nobody().header("authorization", &format!("{scheme} {token}"));
            let _ = caller.get(TABLES).await.expect_status(200);
        }
    });
}

#[test]
fn claims_are_required_and_typed() {
    run(async {
        let gateway = Gateway::demo().await;
        let (kid, secret) = gateway.signing_key();
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": kid });
        let good = hs256(&header, &claims(json!({})), secret);
        let _ = gateway.bearer(&good).get(TABLES).await.expect_status(200);

        let mut bad: Vec<(String, Value)> = ["exp", "nbf", "iss", "aud"]
            .iter()
            .map(|name| (format!("no {name}"), claims_without(name)))
            .collect();
        for (what, changed) in [
            ("expired", json!({ "exp": 1_000_000_000 })),
            ("exp as text", json!({ "exp": "99999999999" })),
            ("exp as null", json!({ "exp": null })),
            ("exp as list", json!({ "exp": [99_999_999_999_u64] })),
            ("exp before the epoch", json!({ "exp": -1 })),
            ("exp beyond numbers", json!({ "exp": 1e300 })),
            ("nbf ahead", json!({ "nbf": 99_999_999_998_u64 })),
            ("nbf as text", json!({ "nbf": "0" })),
            ("nbf as null", json!({ "nbf": null })),
            ("other issuer", json!({ "iss": "elsewhere" })),
            ("issuer in other case", json!({ "iss": "Sluice-Demo" })),
            ("issuer as list", json!({ "iss": ["sluice-demo"] })),
            ("issuer as null", json!({ "iss": null })),
            ("other audience", json!({ "aud": "elsewhere" })),
            ("audience in other case", json!({ "aud": "SLUICE" })),
            ("no audience in the list", json!({ "aud": [] })),
            ("audience as object", json!({ "aud": { "sluice": true } })),
            ("audience as number", json!({ "aud": 1 })),
        ] {
            bad.push((what.to_owned(), claims(changed)));
        }
        for (what, claims) in bad {
            // Times beyond 64 bits are either refused or far ahead; never a panic, never a 500.
            let answer = gateway.bearer(&hs256(&header, &claims, secret)).get(TABLES).await;
            if what == "exp beyond numbers" {
                assert!([200, 401].contains(&answer.status), "{what}: {}", answer.text());
            } else {
                assert_refused(&what, &answer);
            }
        }
    });
}

#[test]
fn a_member_that_appears_twice_is_refused() {
    run(async {
        let gateway = Gateway::demo().await;
        let (kid, secret) = gateway.signing_key();
        let plain = claims(json!({})).to_string();
        let twice = plain.replacen('{', "{\"role\":\"partner\",", 1);
        let header = format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}");
        let header_twice = format!("{{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"{kid}\"}}");
        for (what, header, claims) in
            [("claims", header.as_str(), twice.as_str()), ("header", header_twice.as_str(), plain.as_str())]
        {
            let token = forge::hs256_raw(header.as_bytes(), claims.as_bytes(), secret);
            assert_refused(what, &gateway.bearer(&token).get(TABLES).await);
        }
    });
}

#[test]
fn malformed_tokens_are_refused() {
    run(async {
        let gateway = Gateway::demo().await;
        let good = gateway.token("admin", json!({}));
        let parts: Vec<&str> = good.split('.').collect();
        let (header, payload, signature) = (parts[0], parts[1], parts[2]);
        let other = segment(claims(json!({ "role": "analyst" })).to_string().as_bytes());
        let not_json = segment(b"{\"alg\":\"HS256\"");
        let list = segment(b"[]");
        let long = "a".repeat(9_000);
        for (what, token) in [
            ("empty", String::new()),
            ("one part", header.to_owned()),
            ("two parts", format!("{header}.{payload}")),
            ("no signature", format!("{header}.{payload}.")),
            ("four parts", format!("{good}.{signature}")),
            ("encrypted form", format!("{good}.{signature}.{signature}")),
            ("another payload", format!("{header}.{other}.{signature}")),
            ("signature cut", format!("{header}.{payload}.{}", &signature[..signature.len() - 4])),
            ("signature grown", format!("{good}AAAA")),
            ("padding", format!("{good}=")),
            ("header is no JSON", format!("{not_json}.{payload}.{signature}")),
            ("header is a list", format!("{list}.{payload}.{signature}")),
            ("payload is a list", format!("{header}.{list}.{signature}")),
            ("longer than allowed", long),
            ("standard alphabet", good.replace('-', "+").replace('_', "/") + "+/"),
        ] {
            assert_refused(what, &gateway.bearer(&token).get(TABLES).await);
        }
    });
}

#[test]
fn credentials_come_once_and_only_in_the_header() {
    run(async {
        let gateway = Gateway::demo().await;
        let token = gateway.token("admin", json!({}));
        let twice = gateway.bearer(&token).header("authorization", &format!("Bearer {token}"));
        assert_refused("two headers", &twice.get(TABLES).await);
        for value in
            [format!("Basic {token}"), token.clone(), format!("Bearer {token} {token}"), "Bearer".to_owned()]
        {
            let caller = gateway.nobody().header("authorization", &value);
            assert_refused(&value, &caller.get(TABLES).await);
        }
        for query in [format!("?access_token={token}"), format!("?token={token}")] {
            let answer = gateway.nobody().get(&format!("{TABLES}{query}")).await;
            assert!([400, 401].contains(&answer.status), "{}", answer.text());
            assert!(!answer.text().contains(&token), "a token is repeated");
        }
    });
}
