//! Forged and confused tokens: none may pass, and keys that could confuse are not even loaded.

use super::*;

#[test]
fn algorithms_outside_the_list_are_refused_whatever_they_are_called() {
    let world = World::new();
    for name in [
        "none",
        "None",
        "nOnE",
        "NONE",
        "",
        "HS384",
        "HS512",
        "RS512",
        "PS256",
        "ES384",
        "hs256",
        " HS256",
        "HS256 ",
        "ES256",
        "EdDSA",
        "HS256\u{0}",
        "dir",
    ] {
        let token = world.sign(Algorithm::HS256, header(name), claims("hs"));
        assert_eq!(world.verify(&token).err(), Some(TokenError::AlgorithmDenied), "{name:?}");
        let (message, _) = token.rsplit_once('.').unwrap();
        assert!(world.verify(&format!("{message}.")).is_err(), "{name:?} without signature");
    }
    for alg in [json!({}), json!({"alg": null}), json!({"alg": ["HS256"]}), json!({"alg": 256})] {
        let token = world.sign(Algorithm::HS256, alg, claims("hs"));
        assert_eq!(world.verify(&token).err(), Some(TokenError::AlgorithmDenied));
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    let world = World::new();
    let pem = &world.rsa_pem;
    for secret in [pem.clone(), format!(" {pem}"), format!("\n{pem}"), pem.trim().to_string()] {
        let key = EncodingKey::from_secret(secret.as_bytes());
        for issuer in ["rs", "hs", "es", "ed"] {
            let head = header("HS256").to_string();
            let token = sign_with(&key, Algorithm::HS256, &head, &claims(issuer).to_string());
            assert!(world.verify(&token).is_err(), "{issuer}");
        }
    }
}

#[test]
fn keys_and_algorithms_of_one_issuer_do_not_serve_another() {
    let world = World::new();
    for (algorithm, name) in [
        (Algorithm::HS256, "HS256"),
        (Algorithm::RS256, "RS256"),
        (Algorithm::ES256, "ES256"),
        (Algorithm::EdDSA, "EdDSA"),
    ] {
        let mut accepted = 0;
        for issuer in ["hs", "rs", "es", "ed"] {
            let token = world.sign(algorithm, header(name), claims(issuer));
            accepted += usize::from(world.verify(&token).is_ok());
        }
        assert_eq!(accepted, 1, "{name}");
    }
}

#[test]
fn a_kid_selects_among_the_issuers_keys_and_nothing_else() {
    let world = World::new();
    let with_kid = |kid: Value| {
        let head = json!({"alg": "HS256", "kid": kid});
        world.verify(&world.sign(Algorithm::HS256, head, claims("hs"))).err()
    };
    assert_eq!(with_kid(json!("hs-1")), None);
    for kid in ["../../ring.json", "/dev/null", "' OR 1=1 --", "hs-1\u{0}", "HS-1", "es-1"] {
        assert_eq!(with_kid(json!(kid)), Some(TokenError::KeyUnknown), "{kid}");
    }
    for kid in [json!(""), json!("k".repeat(257)), json!(1), Value::Null, json!(["hs-1"])] {
        assert_eq!(with_kid(kid), Some(TokenError::HeaderDenied));
    }
    assert_eq!(with_kid(json!("k".repeat(65_536))), Some(TokenError::TooLarge));
}

#[test]
fn headers_that_bring_keys_or_change_the_form_are_refused() {
    let world = World::new();
    for name in ["jku", "x5u", "x5c", "jwk", "crit", "b64", "zip", "enc", "cty"] {
        for value in [json!("https://attacker.example/keys"), json!(["exp"]), json!({}), Value::Null] {
            let mut head = header("HS256");
            head[name] = value;
            let token = world.sign(Algorithm::HS256, head, claims("hs"));
            assert_eq!(world.verify(&token).err(), Some(TokenError::HeaderDenied), "{name}");
        }
    }
    let token = world.sign(Algorithm::HS256, json!({"alg": "HS256", "typ": "JWE"}), claims("hs"));
    assert_eq!(world.verify(&token).err(), Some(TokenError::HeaderDenied));
}

#[test]
fn members_that_appear_twice_are_refused() {
    let world = World::new();
    let good = claims("hs").to_string();
    let twice = good.replacen('{', "{\"role\":\"admin\",", 1);
    let deep = good.replacen('{', "{\"x\":[{\"a\":1,\"a\":2}],", 1);
    let escaped = good.replacen('{', "{\"r\\u006fle\":\"admin\",", 1);
    for claims in [twice, deep, escaped] {
        let token = world.sign_text(Algorithm::HS256, "{\"alg\":\"HS256\"}", &claims);
        assert_eq!(world.verify(&token).err(), Some(TokenError::Malformed));
    }
    let token = world.sign_text(Algorithm::HS256, "{\"alg\":\"none\",\"alg\":\"HS256\"}", &good);
    assert_eq!(world.verify(&token).err(), Some(TokenError::Malformed));
}

#[test]
fn malformed_tokens_are_refused_without_panic() {
    let world = World::new();
    let good = world.sign(Algorithm::HS256, header("HS256"), claims("hs"));
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace('.', "%2e"),
        format!("{good}.x.y"),
        "\u{0}".repeat(100),
        "é.é.é".into(),
        format!("{}.{}.{}", b64("[]"), b64("{}"), b64("")),
        format!("{}.{}.{}", b64(b"\xff\xfe"), b64("{}"), b64("")),
        format!("{}.{}.x", b64("{\"alg\":\"HS256\"}"), b64("[".repeat(3_000))),
    ] {
        assert!(world.verify(&token).is_err(), "{token:?}");
    }
    assert!(world.verify(&good).is_ok());
    let limit = world.verifier.config.token_bytes_max;
    assert_eq!(world.verify(&"a".repeat(limit)).err(), Some(TokenError::Malformed));
    assert_eq!(world.verify(&"a".repeat(limit + 1)).err(), Some(TokenError::TooLarge));
}

#[test]
fn any_changed_byte_breaks_the_token() {
    let world = World::new();
    for (algorithm, name, issuer) in [(Algorithm::HS256, "HS256", "hs"), (Algorithm::ES256, "ES256", "es")] {
        let token = world.sign(algorithm, header(name), claims(issuer));
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert!(world.verify(&forged).is_err(), "byte {place}");
        }
    }
    let token = world.sign(Algorithm::ES256, header("ES256"), claims("es"));
    let (message, _) = token.rsplit_once('.').unwrap();
    for signature in [vec![0u8; 64], vec![0u8; 63], vec![0xff; 64], Vec::new()] {
        assert!(world.verify(&format!("{message}.{}", b64(signature))).is_err());
    }
}

#[test]
fn files_that_could_confuse_are_not_loaded() {
    let world = World::new();
    let folder = world.folder.path();
    let private = pem(&world.rsa).replace("PUBLIC", "PRIVATE");
    let twice = format!("{0}{0}", world.rsa_pem);
    let secret = json!({"keys": [{"kty": "oct", "k": b64([1; 32])}]}).to_string();
    let with_private =
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": b64([1; 32]), "d": b64([2; 32])}]});
    let short = json!({"keys": [{"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"}]}).to_string();
    for (text, is_pem) in [
        (private.as_str(), true),
        (twice.as_str(), true),
        ("not a key", true),
        (secret.as_str(), false),
        (with_private.to_string().as_str(), false),
        (short.as_str(), false),
        ("{\"keys\": []}", false),
        ("{", false),
    ] {
        let path = folder.join("confusing");
        fs::write(&path, text).unwrap();
        let source = if is_pem { KeySource::Pem(path) } else { KeySource::Jwks(path) };
        let config =
            TokenConfig { issuers: vec![issuer("i", Algorithm::RS256, source)], ..TokenConfig::default() };
        let problems = TokenVerifier::load(&config, folder).err().unwrap_or_else(|| panic!("loaded {text}"));
        assert!(problems.iter().all(|problem| problem.file.ends_with("confusing")), "{problems:?}");
    }
}

#[test]
fn configuration_that_cannot_work_is_refused() {
    let world = World::new();
    let pem = || KeySource::Pem("rs.pem".into());
    let mut no_audience = issuer("rs", Algorithm::RS256, pem());
    no_audience.audiences.clear();
    let mut no_algorithm = issuer("rs", Algorithm::RS256, pem());
    no_algorithm.algorithms.clear();
    let mut no_key = issuer("rs", Algorithm::RS256, pem());
    no_key.keys.clear();
    let unfit = issuer("rs", Algorithm::HS256, pem());
    let missing = issuer("rs", Algorithm::RS256, KeySource::Pem("nowhere.pem".into()));
    let twice = issuer("rs", Algorithm::RS256, pem());
    for issuers in [
        vec![no_audience],
        vec![no_algorithm],
        vec![no_key],
        vec![unfit],
        vec![missing],
        vec![twice.clone(), twice],
    ] {
        let config = TokenConfig { issuers, ..TokenConfig::default() };
        assert!(TokenVerifier::load(&config, world.folder.path()).is_err());
    }
}

#[test]
fn no_refusal_repeats_the_token() {
    let world = World::new();
    let token = world.sign(Algorithm::HS256, header("HS256"), changed("hs", "iss", json!("s3cret-issuer")));
    let shown = format!("{0} {0:?}", world.verify(&token).unwrap_err());
    assert!(!shown.contains("s3cret"), "{shown}");
}
