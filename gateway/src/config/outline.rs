//! Where each field stands in a YAML text: owns the map from a field's path to its line. Does not
//! know which fields there are.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The mappings of a YAML text with their places.
#[derive(Debug)]
pub(super) struct Outline(Option<Spanned<Node>>);

#[derive(Debug)]
enum Node {
    Mapping(Vec<(Spanned<String>, Spanned<Node>)>),
    Sequence(Vec<Spanned<Node>>),
    Text(String),
    Other,
}

impl Outline {
    /// A text that is not YAML has no places.
    pub(super) fn parse(text: &str) -> Self {
        Self(serde_saphyr::from_str(text).ok())
    }

    /// Line and column of the deepest part of the path that is written down.
    pub(super) fn place(&self, path: &[&str]) -> (u64, u64) {
        self.deepest(path).map_or((1, 1), place_of)
    }

    /// Line and column of the item, in the sequence at `path`, whose `field` has this text; the
    /// sequence's own when there is no such item.
    pub(super) fn item_place(&self, path: &[&str], field: &str, text: &str) -> (u64, u64) {
        match self.item(path, field, text) {
            Some(item) => place_of(item),
            None => self.place(path),
        }
    }

    /// Line and column of the item at `index` of the sequence at `path`; the sequence's own when it has fewer.
    pub(super) fn nth_item_place(&self, path: &[&str], index: usize) -> (u64, u64) {
        let found = self.deepest(path);
        match found.map(|node| &node.value) {
            Some(Node::Sequence(items)) => items.get(index).or(found).map_or((1, 1), place_of),
            _ => self.place(path),
        }
    }

    /// Line and column of the name that ends `below`, a path from such an item down; the item's own
    /// when it has no such field.
    pub(super) fn item_key_place(
        &self,
        path: &[&str],
        field: &str,
        text: &str,
        below: &[&str],
    ) -> (u64, u64) {
        let mut at = self.item(path, field, text);
        let mut key = None;
        for name in below {
            let entry = at.and_then(|node| node.value.entry(name));
            (key, at) = (entry.map(|(key, _)| key), entry.map(|(_, value)| value));
        }
        match key {
            Some(key) => (key.referenced.line(), key.referenced.column()),
            None => self.item_place(path, field, text),
        }
    }

    fn item(&self, path: &[&str], field: &str, text: &str) -> Option<&Spanned<Node>> {
        let Node::Sequence(items) = &self.deepest(path)?.value else { return None };
        let has_text = |item: &&Spanned<Node>| matches!(item.value.field(field).map(|found| &found.value), Some(Node::Text(found)) if found == text);
        items.iter().find(has_text)
    }

    fn deepest(&self, path: &[&str]) -> Option<&Spanned<Node>> {
        let mut at = self.0.as_ref()?;
        for name in path {
            let Some(field) = at.value.field(name) else { break };
            at = field;
        }
        Some(at)
    }
}

impl Node {
    fn field(&self, name: &str) -> Option<&Spanned<Self>> {
        self.entry(name).map(|(_, value)| value)
    }

    fn entry(&self, name: &str) -> Option<&(Spanned<String>, Spanned<Self>)> {
        let Self::Mapping(fields) = self else { return None };
        fields.iter().find(|(field, _)| field.value == name)
    }
}

fn place_of(node: &Spanned<Node>) -> (u64, u64) {
    (node.referenced.line(), node.referenced.column())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields: Vec<(Spanned<String>, Spanned<Node>)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            fields.push(entry);
        }
        Ok(Node::Mapping(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items: Vec<Spanned<Node>> = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Sequence(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}
