//! What a name can mean at some place of a query: owns the relations and columns in reach, the innermost first,
//! and the choice among them: the exact name, else the only one that matches without case. Does not walk queries.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Ident;

/// Names of columns, each once.
pub(super) type Columns = Arc<[String]>;

/// A relation of a `FROM` clause, or a common table expression.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) name: String,
    /// `None` where they are not known.
    pub(super) columns: Option<Columns>,
}

/// What one `SELECT` can name.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    /// What it calls its own results.
    pub(super) outputs: Vec<String>,
}

/// Where in its `SELECT` a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where there are no results yet.
    Rows,
    /// Where results have names too: `GROUP BY`, `HAVING`, `QUALIFY`.
    Groups,
    /// Where results come first.
    Order,
}

/// A scope within others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scopes<'s> {
    pub(super) own: &'s Scope,
    pub(super) place: Place,
    pub(super) outer: Option<&'s Scopes<'s>>,
}

/// What the first names of a path stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// A relation and its column.
    Column,
    /// A column and a field inside it.
    Field,
    /// Nothing that is known.
    Unknown,
}

impl Scope {
    fn columns(&self) -> impl Iterator<Item = &str> {
        self.relations
            .iter()
            .flat_map(|relation| relation.columns.iter().flat_map(|c| c.iter()))
            .map(String::as_str)
    }

    fn has_column(&self, name: &str) -> bool {
        self.columns().any(|column| column == name)
    }

    fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// A name that nothing here matches may be one of those that are not known.
    fn is_open(&self) -> bool {
        self.relations.iter().any(|relation| relation.columns.is_none())
    }
}

impl Scopes<'_> {
    /// Gives a column its exact name.
    pub(super) fn column(&self, ident: &mut Ident) {
        let (outputs, columns): (Vec<&str>, Vec<&str>) =
            (self.own.outputs.iter().map(String::as_str).collect(), self.own.columns().collect());
        let tiers = match self.place {
            Place::Rows => vec![columns],
            Place::Groups => vec![columns, outputs],
            Place::Order => vec![outputs, columns],
        };
        if tiers.iter().flatten().any(|name| *name == ident.value) {
            return;
        }
        let known = tiers.into_iter().any(|tier| correct(ident, tier.into_iter()) != Match::None);
        if let (false, false, Some(outer)) = (known, self.own.is_open(), self.outer) {
            outer.column(ident);
        }
    }

    /// Gives `relation.column...` or `column.field...` their exact names. Fields are the planner's to find, which
    /// knows their types.
    pub(super) fn path(&self, parts: &mut [Ident]) -> Path {
        let [first, second, ..] = parts else { return Path::Unknown };
        let is_column = self.own.has_column(&first.value);
        if let Some(relation) = self.own.relation(&first.value) {
            let has_it = relation
                .columns
                .as_ref()
                .is_none_or(|columns| correct(second, columns.iter().map(String::as_str)) != Match::None);
            return if has_it || !is_column { Path::Column } else { Path::Field };
        }
        if is_column {
            return Path::Field;
        }
        if correct(first, self.own.relations.iter().map(|relation| relation.name.as_str())) == Match::One {
            return self.path(parts);
        }
        if correct(first, self.own.columns()) == Match::One {
            return Path::Field;
        }
        match self.outer {
            Some(outer) if !self.own.is_open() => outer.path(parts),
            _ => Path::Unknown,
        }
    }

    /// The relation of a `relation.*`, whose name is made exact.
    pub(super) fn starred(&self, ident: &mut Ident) -> Option<&Relation> {
        correct(ident, self.own.relations.iter().map(|relation| relation.name.as_str()));
        self.own.relation(&ident.value)
    }
}

/// How many names match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    None,
    /// The exact one, or the only one without case.
    One,
    Several,
}

/// Gives a name the case of the one among `known` that it matches. An exact match stays.
pub(super) fn correct<'k>(ident: &mut Ident, known: impl Iterator<Item = &'k str>) -> Match {
    let mut alike: Vec<&str> = known.filter(|name| name.eq_ignore_ascii_case(&ident.value)).collect();
    alike.sort_unstable();
    alike.dedup();
    match alike.as_slice() {
        [] => Match::None,
        several if several.contains(&ident.value.as_str()) => Match::One,
        [name] => {
            ident.value = (*name).to_owned();
            Match::One
        }
        _ => Match::Several,
    }
}
