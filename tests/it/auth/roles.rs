//! Which role a request acts under: owns the choice among a token's roles, and claims that are
//! missing or of the wrong shape.

use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, run};

use super::TABLES;
use super::forge::{claims, hs256};

fn caller(gateway: &Gateway, claims: &Value) -> Caller {
    let (kid, secret) = gateway.signing_key();
    gateway.bearer(&hs256(&json!({ "alg": "HS256", "kid": kid }), claims, secret))
}

/// Good claims with no role, and these laid over.
fn with_roles(changed: Value) -> Value {
    let mut claims = claims(json!({}));
    claims.as_object_mut().unwrap().remove("role");
    claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    claims
}

#[test]
fn a_token_without_one_clear_role_is_denied() {
    run(async {
        let gateway = Gateway::demo().await;
        for changed in [
            json!({}),
            json!({ "role": null }),
            json!({ "role": "" }),
            json!({ "role": ["admin"] }),
            json!({ "role": { "admin": true } }),
            json!({ "role": 1 }),
            json!({ "role": "nobody-knows" }),
            json!({ "role": "Admin" }),
            json!({ "role": " admin" }),
            json!({ "role": "admin\u{200b}" }),
            json!({ "roles": [] }),
            json!({ "roles": "admin" }),
            json!({ "roles": ["admin", "analyst"] }),
            json!({ "roles": [["admin"]] }),
            json!({ "roles": ["admin", 1] }),
            json!({ "roles": { "0": "admin" } }),
            json!({ "scope": "admin", "groups": ["admin"] }),
        ] {
            let answer = caller(gateway, &with_roles(changed.clone())).get(TABLES).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "role_denied"),
                "{changed}: {}",
                answer.text()
            );
        }
    });
}

#[test]
fn the_header_chooses_among_the_roles_of_the_token_and_no_others() {
    run(async {
        let gateway = Gateway::demo().await;
        let two = with_roles(json!({ "roles": ["analyst", "partner"], "carriers": ["UA"] }));
        let planes = "/v1/tables/planes";
        let as_analyst = caller(gateway, &two).header("sluice-role", "analyst").get(planes).await;
        assert_eq!(as_analyst.status, 200, "{}", as_analyst.text());
        let as_partner = caller(gateway, &two).header("sluice-role", "partner").get(planes).await;
        assert_eq!(as_partner.status, 404, "{}", as_partner.text());
        for other in ["admin", "ANALYST", "analyst,admin", "", "analyst admin"] {
            let answer = caller(gateway, &two).header("sluice-role", other).get(planes).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "role_denied"),
                "{other}: {}",
                answer.text()
            );
        }
        let repeated =
            caller(gateway, &two).header("sluice-role", "analyst").header("sluice-role", "partner");
        let answer = repeated.get(planes).await;
        assert!([400, 403].contains(&answer.status), "{}", answer.text());
    });
}

#[test]
fn a_single_listed_role_needs_no_choice() {
    run(async {
        let gateway = Gateway::demo().await;
        let one = with_roles(json!({ "roles": ["analyst"] }));
        let _ = caller(gateway, &one).get("/v1/tables/planes").await.expect_status(200);
        let default = with_roles(json!({ "roles": ["analyst", "partner"], "role": "analyst" }));
        let _ = caller(gateway, &default).get("/v1/tables/planes").await.expect_status(200);
    });
}

#[test]
fn a_missing_or_ill_typed_claim_shows_no_row() {
    run(async {
        let gateway = Gateway::demo().await;
        for carriers in [
            Value::Null,
            json!([]),
            json!({}),
            json!({ "0": "UA" }),
            json!(1),
            json!(true),
            json!([1, 2]),
            json!([["UA"]]),
            json!(["UA", null]),
            json!(["UA", 1]),
            json!(["ua"]),
            json!("UA' OR '1'='1"),
            json!(["UA') OR (1=1"]),
            json!("UA,B6"),
        ] {
            let partner = gateway.role_with("partner", json!({ "carriers": carriers }));
            let answer =
                partner.get("/v1/tables/flights/rows?limit=1&count=exact").await.expect_status(200).json();
            assert_eq!(answer["data"], json!([]), "{carriers}");
            assert_eq!(answer["page"]["total_rows"], json!(0), "{carriers}");
            let counted = partner.sql("select count(*) as n from flights").await.expect_status(200).data();
            assert_eq!(counted, [json!({ "n": 0 })], "{carriers}");
        }
        let missing = gateway.role_with("partner", json!({}));
        assert_eq!(
            missing.get("/v1/tables/flights/rows").await.expect_status(200).data(),
            Vec::<Value>::new()
        );
    });
}

#[test]
fn a_scalar_claim_is_a_list_of_one() {
    run(async {
        let gateway = Gateway::demo().await;
        let sql = "select distinct carrier from flights order by carrier";
        for carriers in [json!("UA"), json!(["UA"]), json!(["UA", "UA"])] {
            let partner = gateway.role_with("partner", json!({ "carriers": carriers }));
            assert_eq!(partner.sql(sql).await.expect_status(200).data(), [json!({ "carrier": "UA" })]);
        }
    });
}
