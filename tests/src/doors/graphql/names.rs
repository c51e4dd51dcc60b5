//! What a role's schema says: owns asking for it once, and looking up what tables and columns are called and of which
//! types they are.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::client::Caller;

const INTROSPECTION: &str = "{ __schema { types { kind name fields { name args { name type { ...T } } type { ...T } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { name kind } } } } }";

/// Names of columns of the suite's tables that GraphQL does not take.
const ODD_NAMES: [(&str, &str); 2] = [("odd \"name\", v1", "odd__name___v1"), ("st.z", "st_z")];

/// The types of a schema.
#[derive(Debug)]
pub(super) struct Names {
    objects: HashMap<String, Vec<Field>>,
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Kind and name of the type, whatever lists it stands in.
    pub(super) kind: String,
    pub(super) of: String,
    /// Name and type of each argument.
    pub(super) arguments: Vec<(String, String)>,
}

impl Names {
    /// Or the error that the caller gets instead.
    pub(super) async fn read(caller: &Caller) -> Result<Self, Value> {
        let answer = caller.post("/graphql", &json!({ "query": INTROSPECTION })).await.json();
        if let Some(error) = answer["errors"].get(0) {
            return Err(error.clone());
        }
        let types = answer["data"]["__schema"]["types"].as_array().unwrap();
        let objects = types.iter().filter(|one| one["kind"] == "OBJECT");
        let fields = |of: &Value| of["fields"].as_array().unwrap().iter().map(field).collect();
        Ok(Self { objects: objects.map(|of| (text(&of["name"]), fields(of))).collect() })
    }

    /// The field of an object.
    pub(super) fn field(&self, of: &str, name: &str) -> Option<&Field> {
        self.objects.get(of)?.iter().find(|field| field.name == name)
    }

    /// The root field of a table.
    pub(super) fn table(&self, name: &str) -> Option<&Field> {
        self.field("Query", name)
    }

    /// The columns of a table, which are no relations.
    pub(super) fn columns(&self, table: &str) -> Vec<&Field> {
        let of = type_name(table);
        let is_column = |field: &&Field| field.kind != "OBJECT" || field.of.starts_with(&format!("{of}_"));
        self.objects[&of].iter().filter(is_column).collect()
    }

    /// The selection of a field with all that is in it.
    pub(super) fn whole(&self, field: &Field) -> String {
        match self.objects.get(&field.of) {
            None => field.name.clone(),
            Some(inner) => {
                let inner: Vec<String> = inner.iter().map(|field| self.whole(field)).collect();
                format!("{} {{ {} }}", field.name, inner.join(" "))
            }
        }
    }
}

/// The type of a table's rows.
pub(super) fn type_name(table: &str) -> String {
    format!("{}{}", table[..1].to_uppercase(), &table[1..])
}

/// What a column is called in GraphQL.
pub(super) fn spelled(column: &str) -> &str {
    ODD_NAMES.iter().find(|(own, _)| *own == column).map_or(column, |(_, spelled)| spelled)
}

/// What a field is called elsewhere.
pub(super) fn own(field: &str) -> &str {
    ODD_NAMES.iter().find(|(_, spelled)| *spelled == field).map_or(field, |(own, _)| own)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn field(field: &Value) -> Field {
    let (kind, of) = named(&field["type"]);
    let arguments = field["args"].as_array().unwrap();
    let arguments = arguments.iter().map(|one| (text(&one["name"]), named(&one["type"]).1)).collect();
    Field { name: text(&field["name"]), kind, of, arguments }
}

fn named(of: &Value) -> (String, String) {
    if of["ofType"].is_object() { named(&of["ofType"]) } else { (text(&of["kind"]), text(&of["name"])) }
}
