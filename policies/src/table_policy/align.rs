//! Which column is which: owns the match between a table's columns when its rules were bound
//! and its columns at the version that is read. Grants and masks nothing.

use std::collections::BTreeMap;

use arrow_schema::{DataType, Field};

use super::{TableShape, inner_fields};
use crate::row_filter::Columns;

/// A column, or a field inside structs, of the version that is read.
#[derive(Debug)]
pub(super) struct Aligned {
    /// Current names from the column down; lists are no step.
    pub(super) path: Vec<String>,
    /// The dotted path by which tags and ids know it.
    pub(super) spelling: Spelling,
    /// Names from the column down when the rules were bound; `None` when it was not there.
    pub(super) known_path: Option<Vec<String>>,
    /// The same, as names that rules know it by: `None` too where it became something with no
    /// fields to look into, such as a map.
    pub(super) rule_path: Option<Vec<String>>,
    pub(super) data_type: DataType,
    /// Tags now and when the rules were bound: a rename does not take a tag off.
    pub(super) tags: Vec<String>,
    /// Reached through a list, so that it has no single value in a row.
    pub(super) in_list: bool,
    pub(super) children: Vec<Aligned>,
}

impl Aligned {
    /// The name that rules know it by.
    pub(super) fn rule_name(&self) -> Option<String> {
        self.rule_path.as_ref().map(|path| path.join("."))
    }

    /// This column and every field inside it.
    pub(super) fn walk(&self) -> Vec<&Self> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(node) = found.get(next).copied() {
            found.extend(&node.children);
            next += 1;
        }
        found
    }
}

/// One side of the match.
#[derive(Clone, Copy)]
struct Side<'a> {
    fields: &'a [std::sync::Arc<Field>],
    shape: &'a TableShape,
}

/// Where a field stands, as paths are spelled: plainly, and with `element` for each list.
#[derive(Debug, Clone, Default)]
pub(super) struct Spelling {
    plain: String,
    with_elements: String,
}

impl Spelling {
    fn child(&self, name: &str, lists: usize) -> Self {
        let join = |prefix: &str, name: &str| {
            if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") }
        };
        let mut inner = self.with_elements.clone();
        for _ in 0..lists {
            inner = join(&inner, "element");
        }
        Self { plain: join(&self.plain, name), with_elements: join(&inner, name) }
    }

    /// Whether this dotted path names the field itself.
    pub(super) fn is(&self, path: &str) -> bool {
        self.plain == path || self.with_elements == path
    }

    /// Whether this dotted path leads on from the field.
    pub(super) fn leads_to(&self, path: &str) -> bool {
        let leads = |own: &str| path.strip_prefix(own).is_some_and(|rest| rest.starts_with('.'));
        leads(&self.plain) || leads(&self.with_elements)
    }

    pub(super) fn get<'m, V>(&self, map: &'m BTreeMap<String, V>) -> impl Iterator<Item = &'m V> {
        let other = (self.with_elements != self.plain).then(|| map.get(&self.with_elements));
        map.get(&self.plain).into_iter().chain(other.flatten())
    }
}

impl TableShape {
    /// Whether there is a column, or a field inside structs, of this name: the names that tags stand
    /// on. What is inside a map has none.
    pub fn has_field(&self, name: &str) -> bool {
        align(self, self).iter().flat_map(Aligned::walk).any(|node| node.spelling.is(name))
    }
}

/// Matches the current columns with the known ones.
pub(super) fn align(known: &TableShape, current: &TableShape) -> Vec<Aligned> {
    let by_id = !current.column_ids.is_empty();
    let comparable = by_id != known.column_ids.is_empty();
    let known_side = comparable.then_some(Side { fields: known.schema.fields(), shape: known });
    let current_side = Side { fields: current.schema.fields(), shape: current };
    Matcher { by_id }
        .level(known_side.map(|side| (side, Parent::default())), (current_side, Parent::default()))
}

#[derive(Clone, Default)]
struct Parent {
    path: Vec<String>,
    spelling: Spelling,
    /// Lists between the parent and these fields.
    lists: usize,
    in_list: bool,
}

struct Matcher {
    by_id: bool,
}

impl Matcher {
    fn level(&self, known: Option<(Side<'_>, Parent)>, current: (Side<'_>, Parent)) -> Vec<Aligned> {
        let (side, parent) = current;
        side.fields
            .iter()
            .map(|field| {
                let spelling = parent.spelling.child(field.name(), parent.lists);
                let counterpart =
                    known.as_ref().and_then(|known| self.counterpart(known, field, &spelling, side.shape));
                self.node(field, &parent, spelling, side.shape, counterpart)
            })
            .collect()
    }

    fn counterpart<'k>(
        &self,
        (known, parent): &(Side<'k>, Parent),
        field: &Field,
        spelling: &Spelling,
        shape: &TableShape,
    ) -> Option<Counterpart<'k>> {
        let own_id = spelling.get(&shape.column_ids).next();
        known.fields.iter().find_map(|candidate| {
            let candidate_spelling = parent.spelling.child(candidate.name(), parent.lists);
            let same = if self.by_id {
                own_id.is_some() && own_id == candidate_spelling.get(&known.shape.column_ids).next()
            } else {
                candidate.name() == field.name()
            };
            same.then(|| Counterpart {
                field: candidate,
                shape: known.shape,
                path: extended(&parent.path, candidate.name()),
                spelling: candidate_spelling,
            })
        })
    }

    fn node(
        &self,
        field: &Field,
        parent: &Parent,
        spelling: Spelling,
        shape: &TableShape,
        counterpart: Option<Counterpart<'_>>,
    ) -> Aligned {
        let path = extended(&parent.path, field.name());
        let mut tags: Vec<String> = spelling.get(&shape.tags).flatten().cloned().collect();
        if let Some(known) = &counterpart {
            tags.extend(known.spelling.get(&known.shape.tags).flatten().cloned());
        }
        tags.sort_unstable();
        tags.dedup();
        let in_list = parent.in_list || parent.lists > 0;
        let children = inner_fields(field.data_type()).map_or_else(Vec::new, |(fields, lists)| {
            let below = Parent { path: path.clone(), spelling: spelling.clone(), lists, in_list };
            let known = counterpart.as_ref().and_then(Counterpart::inside);
            self.level(known, (Side { fields, shape }, below))
        });
        // A type with no fields to look into must be the known one to be the known column:
        // inside a map, say, nothing can be matched or hidden.
        let has_fields = inner_fields(field.data_type()).is_some();
        let fits = counterpart.as_ref().is_some_and(|known| has_fields || !is_opaque(field, known.field));
        let known_path = counterpart.map(|known| known.path);
        let rule_path = known_path.clone().filter(|_| fits);
        let data_type = field.data_type().clone();
        Aligned { path, spelling, known_path, rule_path, data_type, tags, in_list, children }
    }
}

struct Counterpart<'k> {
    field: &'k Field,
    shape: &'k TableShape,
    path: Vec<String>,
    spelling: Spelling,
}

impl<'k> Counterpart<'k> {
    fn inside(&self) -> Option<(Side<'k>, Parent)> {
        let (fields, lists) = inner_fields(self.field.data_type())?;
        let parent =
            Parent { path: self.path.clone(), spelling: self.spelling.clone(), lists, in_list: false };
        Some((Side { fields, shape: self.shape }, parent))
    }
}

fn is_opaque(field: &Field, known: &Field) -> bool {
    field.data_type().is_nested() && !field.data_type().equals_datatype(known.data_type())
}

fn extended(path: &[String], name: &str) -> Vec<String> {
    path.iter().cloned().chain([name.to_string()]).collect()
}

/// The columns as rules name them.
pub(super) struct RuleColumns<'a>(pub(super) &'a [Aligned]);

impl RuleColumns<'_> {
    /// The column or field of this dotted name. A column whose own name has dots comes first.
    pub(super) fn find_name(&self, name: &str) -> Option<&Aligned> {
        let is_it = |node: &&Aligned| node.rule_name().as_deref() == Some(name);
        self.0.iter().find(is_it).or_else(|| self.0.iter().flat_map(Aligned::walk).find(is_it))
    }

    /// The name that is most like this one.
    pub(super) fn similar_name(&self, name: &str) -> Option<String> {
        const LIKENESS_MIN: f64 = 0.7;
        let names = self.0.iter().flat_map(Aligned::walk).filter_map(Aligned::rule_name);
        names
            .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()), known))
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|(left, _), (right, _)| left.total_cmp(right))
            .map(|(_, known)| known)
    }
}

impl Columns for RuleColumns<'_> {
    fn find(&self, path: &[String]) -> Option<(Vec<String>, DataType)> {
        let nodes = self.0.iter().flat_map(Aligned::walk);
        nodes
            .filter(|node| !node.in_list)
            .find(|node| node.rule_path.as_deref() == Some(path))
            .map(|node| (node.path.clone(), node.data_type.clone()))
    }

    fn similar(&self, path: &[String]) -> Option<String> {
        self.similar_name(&path.join("."))
    }
}
