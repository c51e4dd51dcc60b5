//! Reads policy files into roles: owns the checks that need no table. Collects every problem
//! before it gives up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_saphyr::{Location, Spanned};

use super::role::{ColumnMaskRule, GrantedColumns, Located, Role, TablePolicy, TagMask, WrittenMask};
use crate::diagnostic::Diagnostic;
use crate::keys::read_limited;
use crate::row_filter::{ParsedExpression, parse};
use crate::rule::{ColumnsRule, Entries, MaskRule, NullRule, PolicyFile, RoleRule, TableRule};

const EVERY_TABLE: &str = "*";

pub(super) fn read_roles(files: &[PathBuf]) -> Result<BTreeMap<String, Role>, Vec<Diagnostic>> {
    let mut roles = BTreeMap::new();
    let mut problems = Vec::new();
    for path in files {
        let parsed = read_limited(path).and_then(|text| PolicyFile::parse(path, &text));
        let file = match parsed {
            Ok(file) => file,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let mut reader = Reader { file: Arc::from(path.as_path()), problems: &mut problems };
        for (name, rule) in file.roles.iter() {
            let role = reader.role(rule);
            if name.value.is_empty() {
                reader.report(name, "a role needs a name", None);
            }
            if roles.insert(name.value.clone(), role).is_some() {
                reader.report(name, &format!("role \"{}\" is defined twice", name.value), None);
            }
        }
    }
    if problems.is_empty() {
        return Ok(roles);
    }
    problems.sort();
    Err(problems)
}

struct Reader<'a> {
    file: Arc<Path>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn report<T>(&mut self, place: &Spanned<T>, message: &str, hint: Option<&str>) {
        let located = self.located(&place.referenced, ());
        let problem = located.problem(message);
        self.problems.push(match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        });
    }

    fn located<T>(&self, place: &Location, value: T) -> Located<T> {
        Located { value, file: Arc::clone(&self.file), line: place.line(), column: place.column() }
    }

    fn role(&mut self, rule: &RoleRule) -> Role {
        let mut tables = BTreeMap::new();
        let mut any_table = None;
        for (name, table) in rule.tables.iter() {
            let policy = self.table(name, table, rule.administrator);
            if name.value == EVERY_TABLE {
                self.check_every_table(name, &policy, rule.administrator);
                any_table = Some(policy);
            } else {
                tables.insert(name.value.clone(), policy);
            }
        }
        let masks_by_tag = rule
            .masks_by_tag
            .iter()
            .filter_map(|(tag, mask)| {
                let mask = self.mask(mask)?;
                Some(TagMask { tag: tag.value.clone(), mask: self.located(&tag.referenced, mask) })
            })
            .collect();
        for (tag, _) in rule.masks_by_tag.iter() {
            if tag.value.is_empty() || tag.value.split('.').any(str::is_empty) {
                self.report(tag, &format!("\"{}\" is not a tag", tag.value), None);
            }
        }
        Role {
            description: rule.description.clone(),
            administrator: rule.administrator,
            time_travel: rule.time_travel,
            tables,
            any_table,
            masks_by_tag,
        }
    }

    fn check_every_table(&mut self, name: &Spanned<String>, policy: &TablePolicy, administrator: bool) {
        if !administrator {
            self.report(name, "only an administrator is granted every table", Some("name the tables"));
        }
        let bare = policy.hide.is_empty()
            && policy.rows.is_none()
            && policy.masks.is_empty()
            && policy.clear.is_empty()
            && !matches!(policy.columns, GrantedColumns::Listed(_));
        if !bare {
            self.report(name, "a grant of every table names no columns, rows or masks", None);
        }
    }

    fn table(&mut self, name: &Spanned<String>, rule: &TableRule, administrator: bool) -> TablePolicy {
        let names = |reader: &Self, list: &[Spanned<String>]| {
            list.iter().map(|item| reader.located(&item.referenced, item.value.clone())).collect()
        };
        TablePolicy {
            place: self.located(&name.referenced, ()),
            columns: self.columns(&rule.columns, administrator),
            hide: names(self, &rule.hide),
            rows: rule.rows.as_ref().and_then(|text| self.expression(&text.value, &text.referenced)),
            masks: self.masks(&rule.masks),
            clear: names(self, &rule.clear),
            time_travel: rule.time_travel,
        }
    }

    fn columns(&mut self, rule: &Spanned<ColumnsRule>, administrator: bool) -> GrantedColumns {
        match &rule.value {
            ColumnsRule::Word(word) if word == "*" => GrantedColumns::Known,
            ColumnsRule::Word(word) if word == "all" => {
                if !administrator {
                    let hint = "'*' means the columns that are known when the policy is loaded";
                    self.report(rule, "\"columns: all\" is for administrators", Some(hint));
                }
                GrantedColumns::All
            }
            ColumnsRule::Word(word) => {
                let message = format!("\"{word}\" is neither '*', all, nor a list of columns");
                self.report(rule, &message, None);
                GrantedColumns::Listed(Vec::new())
            }
            ColumnsRule::List(names) => {
                let listed: Vec<Located<String>> =
                    names.iter().map(|name| self.located(&rule.referenced, name.clone())).collect();
                if listed.is_empty() {
                    self.report(rule, "the list of columns is empty", Some("leave the table out instead"));
                }
                GrantedColumns::Listed(listed)
            }
        }
    }

    fn masks(&mut self, masks: &Entries<Spanned<Option<MaskRule>>>) -> Vec<Located<ColumnMaskRule>> {
        let mut found = Vec::new();
        for (path, mask) in masks.iter() {
            if let Some(mask) = self.mask(mask) {
                let rule = ColumnMaskRule { path: path.value.clone(), mask };
                found.push(self.located(&path.referenced, rule));
            }
        }
        found
    }

    fn mask(&mut self, rule: &Spanned<Option<MaskRule>>) -> Option<WrittenMask> {
        match &rule.value {
            None => Some(WrittenMask::Rule(MaskRule::Null(NullRule {}))),
            Some(MaskRule::Expression(text)) => self
                .expression(text, &rule.referenced)
                .map(|parsed| WrittenMask::Expression(Box::new(parsed))),
            Some(other) => Some(WrittenMask::Rule(other.clone())),
        }
    }

    fn expression(&mut self, text: &str, place: &Location) -> Option<ParsedExpression> {
        match parse(text, &self.file, place.line(), place.column()) {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}
