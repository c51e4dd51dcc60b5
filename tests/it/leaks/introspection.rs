//! What doors say of themselves: that the schema of a role is that of its copy, and that the contract of the gRPC door is the
//! same for everyone.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_tests::client::Caller;
use sluice_tests::gateway::run;
use sluice_tests::grpc::GrpcCaller;
use tonic::Status;

use super::oracle::pairs;
use super::shop::{HIDDEN_NAMES, shops};

/// Everything that a schema tells.
const EVERYTHING: &str = "{ __schema { description queryType { name } mutationType { name } subscriptionType { name } \
    directives { name description locations isRepeatable args { ...I } } \
    types { kind name description specifiedByURL interfaces { name } possibleTypes { name } ofType { name } \
      fields(includeDeprecated: true) { name description isDeprecated deprecationReason args { ...I } type { ...T } } \
      inputFields { ...I } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } } } } \
    fragment I on __InputValue { name description defaultValue type { ...T } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

async fn schema(caller: &Caller) -> Value {
    let answer = caller.post("/graphql", &json!({ "query": EVERYTHING })).await.expect_status(200).json();
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["__schema"].clone()
}

/// Without the root field of a table whose key is masked: the copy knows no masks.
fn without_root(mut schema: Value, name: &str) -> Value {
    for of in schema["types"].as_array_mut().unwrap() {
        if of["name"] == "Query" {
            of["fields"].as_array_mut().unwrap().retain(|field| field["name"] != name);
        }
    }
    schema
}

#[test]
fn the_schema_of_a_role_is_that_of_its_copy() {
    run(async {
        for pair in pairs().await {
            assert_eq!(schema(&pair.secured).await, schema(&pair.copy).await, "{}", pair.role);
        }
        for shop in shops().await {
            let (secured, copy) = (schema(&shop.secured).await, schema(&shop.copy).await);
            assert!(copy.to_string().contains("codesByPk"));
            if shop.role == "alice" {
                assert!(!secured.to_string().contains("codesByPk"), "a masked key looks nothing up");
                assert_eq!(secured, without_root(copy, "codesByPk"));
            } else {
                assert_eq!(secured, copy);
            }
            let text = secured.to_string().to_lowercase();
            let of_admin = schema(&shop.gateway.role("admin")).await.to_string().to_lowercase();
            for name in HIDDEN_NAMES {
                assert!(of_admin.contains(name), "{name} is there to be hidden");
                assert!(!text.contains(name), "{} is told of {name}", shop.role);
            }
        }
    });
}

/// A request of reflection in protobuf: one text in the field of that number.
fn reflection(field: u8, text: &str) -> Vec<u8> {
    let mut message = vec![(field << 3) | 2, u8::try_from(text.len()).unwrap()];
    message.extend(text.as_bytes());
    message
}

#[test]
fn the_contract_of_grpc_is_the_same_for_everyone() {
    const FILE_OF_SYMBOL: u8 = 4;
    const SERVICES: u8 = 7;
    run(async {
        let shop = &shops().await[0];
        let callers = ["alice", "admin"].map(|role| shop.gateway.grpc_role(role));
        let said = async |caller: &GrpcCaller, field, text: &str| -> Result<Bytes, Status> {
            caller.send_bytes(REFLECTION, &reflection(field, text)).await
        };
        for (field, text) in [(SERVICES, "*"), (FILE_OF_SYMBOL, "sluice.v1.Query")] {
            let told = [said(&callers[0], field, text).await, said(&callers[1], field, text).await];
            let [alice, admin] = told.map(|told| told.unwrap());
            assert!(!alice.is_empty());
            assert_eq!(alice, admin);
            for name in ["vault", "keeper_id", "occupants", "owners", "payments"] {
                assert!(!alice.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
            }
        }
        let unknown = said(&callers[0], FILE_OF_SYMBOL, "vault").await;
        let other = said(&callers[0], FILE_OF_SYMBOL, "qxzjw").await;
        let length =
            |told: Result<Bytes, Status>| told.map(|bytes| bytes.len()).map_err(|status| status.code());
        assert_eq!(length(unknown), length(other));
    });
}
