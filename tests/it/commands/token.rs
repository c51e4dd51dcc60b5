//! `sluice token`: tokens that open the gateway whose configuration they were minted with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, run};

use super::{accounts_setup, sluice};

/// Mints with the demo's key; gives the token.
fn demo_token(gateway: &Gateway, arguments: &[&str]) -> String {
    let all = [&["token", "--config", "sluice.yaml"], arguments].concat();
    let printed = sluice(&gateway.directory, &all).good(&format!("{arguments:?}"));
    assert_eq!(printed.lines().count(), 1, "the token and nothing else: {printed}");
    printed.trim_end().to_owned()
}

fn payload(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_opens_its_role() {
    run(async {
        let gateway = Gateway::demo().await;
        let token = demo_token(gateway, &["--role", "analyst"]);
        let listed = gateway.bearer(&token).get("/v1/tables").await.expect_status(200).data();
        assert_eq!(listed.len(), 7);
        let nobody = demo_token(gateway, &["--role", "nobody"]);
        assert_eq!(gateway.bearer(&nobody).get("/v1/tables").await.code(), "role_denied");
    });
}

#[test]
fn claims_are_json_or_text() {
    run(async {
        let gateway = Gateway::demo().await;
        for (claim, value) in [
            ("carriers=[\"UA\",\"B6\"]", json!(["UA", "B6"])),
            ("carriers=UA", json!("UA")),
            ("carriers=\"UA\"", json!("UA")),
            ("carriers=3", json!(3)),
            ("carriers=true", json!(true)),
            ("carriers=", json!("")),
            ("carriers=a=b", json!("a=b")),
            ("carriers=[UA]", json!("[UA]")),
        ] {
            let token = demo_token(gateway, &["--role", "partner", "--claim", claim]);
            assert_eq!(payload(&token)["carriers"], value, "{claim}");
        }
        let two = ["--role", "partner", "--claim", "carriers=[\"UA\"]", "--claim", "region=emea"];
        let token = demo_token(gateway, &two);
        assert_eq!(payload(&token)["region"], json!("emea"));
        let sql = "select distinct carrier from flights";
        let seen = gateway.bearer(&token).sql(sql).await.expect_status(200).data();
        assert_eq!(seen, [json!({ "carrier": "UA" })]);
    });
}

#[test]
fn a_life_is_written_in_units() {
    run(async {
        let gateway = Gateway::demo().await;
        for (ttl, seconds) in
            [("90s", 90), ("15m", 900), ("1h", 3_600), ("2days", 172_800), ("1h 30m", 5_400)]
        {
            let claims = payload(&demo_token(gateway, &["--role", "admin", "--ttl", ttl]));
            let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
            assert_eq!(life, seconds, "{ttl}");
        }
        let default = payload(&demo_token(gateway, &["--role", "admin"]));
        assert_eq!(default["exp"].as_u64().unwrap() - default["iat"].as_u64().unwrap(), 3_600);
        assert_eq!(default["sub"], json!("sluice-cli"));
        let named = demo_token(gateway, &["--role", "admin", "--subject", "acme"]);
        assert_eq!(payload(&named)["sub"], json!("acme"));
    });
}

#[test]
fn what_cannot_be_minted_is_told() {
    run(async {
        let gateway = Gateway::demo().await;
        let mint = |more: &[&str]| {
            let all = [&["token", "--config", "sluice.yaml", "--role", "admin"], more].concat();
            sluice(&gateway.directory, &all).bad(&format!("{more:?}"))
        };
        let twice = mint(&["--claim", "a=1", "--claim", "a=2"]);
        assert_eq!(twice, "sluice: claim \"a\" is given more than once\n");
        for reserved in ["iss=x", "exp=99999999999", "role=admin", "roles=[\"admin\"]"] {
            let said = mint(&["--claim", reserved]);
            let name = reserved.split('=').next().unwrap();
            assert_eq!(
                said,
                format!("sluice: cannot mint the token: claim \"{name}\" cannot be set freely\n")
            );
        }
        let brief = sluice(
            &gateway.directory,
            &["token", "--config", "sluice.yaml", "--role", "admin", "--ttl", "999ms"],
        );
        assert!(
            brief.code == 2 && brief.err.contains("a token lives for a second at least"),
            "{}",
            brief.err
        );
        let endless = mint(&["--ttl", "18446744073709551615s"]);
        assert_eq!(endless, "sluice: cannot mint the token: the token's times cannot be written\n");
    });
}

#[test]
fn a_configuration_without_a_signing_key_says_so() {
    let (setup, _table) = accounts_setup("token-unsigned");
    let path = setup.place("sluice.yaml");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().remove("signing");
    std::fs::write(&path, config.to_string()).unwrap();
    let arguments = ["token", "--config", "sluice.yaml", "--role", "admin"];
    let said = sluice(setup.directory.path(), &arguments).bad("no signing section");
    assert!(said.starts_with("sluice: the configuration has no \"signing\" section"), "{said}");

    config["signing"] = json!({ "key_file": "keys/none.yaml", "issuer": "tests", "audience": "sluice" });
    std::fs::write(&path, config.to_string()).unwrap();
    let said = sluice(setup.directory.path(), &arguments).bad("no key file");
    assert!(said.contains("keys/none.yaml:1:1: "), "{said}");
}
