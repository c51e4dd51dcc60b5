//! Schemas: what each role of the demo is told there is, kept as texts that people can read, and that roles which see the
//! same share one. `UPDATE_GOLDEN=1` writes the texts anew; look at the difference before you keep it.

use std::path::Path;

use serde_json::Value;
use sluice_tests::client::Caller;
use sluice_tests::gateway::{Gateway, run};

use super::data;

/// What tools ask for, a little shorter.
const INTROSPECTION: &str = "{ __schema { queryType { name } mutationType { name } subscriptionType { name } \
    directives { name } types { kind name description \
      fields(includeDeprecated: true) { name description args { ...I } type { ...T } } \
      inputFields { ...I } enumValues(includeDeprecated: true) { name } } } } \
    fragment I on __InputValue { name defaultValue type { ...T } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";

#[test]
fn each_role_is_told_what_it_sees() {
    run(async {
        let gateway = Gateway::demo().await;
        for role in ["admin", "analyst", "partner"] {
            let told = described(&gateway.role(role)).await;
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/graphql_{role}.graphql"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &told).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap();
            assert!(told == kept, "the schema of {role} is not that of {}", path.display());
        }
    });
}

#[test]
fn claims_do_not_change_a_schema() {
    run(async {
        let gateway = Gateway::demo().await;
        let token = gateway.token("partner", serde_json::json!({ "carriers": ["AA"] }));
        assert_eq!(described(&gateway.bearer(&token)).await, described(&gateway.role("partner")).await);
    });
}

/// The schema as text, as far as introspection tells it.
async fn described(caller: &Caller) -> String {
    let schema = data(caller, INTROSPECTION).await["__schema"].clone();
    assert_eq!(
        (&schema["queryType"]["name"], &schema["mutationType"]),
        (&Value::from("Query"), &Value::Null)
    );
    let mut types: Vec<&Value> = schema["types"].as_array().unwrap().iter().collect();
    types.retain(|of| !of["name"].as_str().unwrap().starts_with("__"));
    types.sort_by_key(|of| of["name"].as_str().unwrap());
    types.into_iter().map(definition).collect()
}

fn definition(of: &Value) -> String {
    let name = of["name"].as_str().unwrap();
    let lines: Vec<String> = match of["kind"].as_str().unwrap() {
        "SCALAR" => return format!("{}scalar {name}\n\n", description("", of)),
        "ENUM" => {
            of["enumValues"].as_array().unwrap().iter().map(|one| format!("  {}\n", text(one))).collect()
        }
        "OBJECT" => of["fields"].as_array().unwrap().iter().map(field).collect(),
        _ => of["inputFields"].as_array().unwrap().iter().map(|one| format!("  {}\n", input(one))).collect(),
    };
    let keyword = match of["kind"].as_str().unwrap() {
        "ENUM" => "enum",
        "OBJECT" => "type",
        _ => "input",
    };
    format!("{}{keyword} {name} {{\n{}}}\n\n", description("", of), lines.concat())
}

fn description(indent: &str, of: &Value) -> String {
    if of["description"].is_string() { format!("{indent}{}\n", of["description"]) } else { String::new() }
}

fn text(of: &Value) -> &str {
    of["name"].as_str().unwrap()
}

fn field(field: &Value) -> String {
    let arguments: Vec<String> = field["args"].as_array().unwrap().iter().map(input).collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    format!("{}  {}{arguments}: {}\n", description("  ", field), text(field), type_text(&field["type"]))
}

fn input(input: &Value) -> String {
    let default = input["defaultValue"].as_str().map(|value| format!(" = {value}")).unwrap_or_default();
    format!("{}: {}{default}", text(input), type_text(&input["type"]))
}

fn type_text(of: &Value) -> String {
    match of["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", type_text(&of["ofType"])),
        "LIST" => format!("[{}]", type_text(&of["ofType"])),
        _ => text(of).to_owned(),
    }
}
