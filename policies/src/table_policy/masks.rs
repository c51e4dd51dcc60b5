//! Which mask stands on which column or field: owns the order of rules by column, by tag and by
//! `clear`, and the checks that each mask takes the type that it meets.

use std::collections::BTreeMap;

use arrow_schema::DataType;

use super::TableShape;
use super::align::{Aligned, RuleColumns, align};
use super::compile::{Compiler, Shown, expression_problem, unknown_column};
use super::role::{Located, TagMask, WrittenMask};
use crate::column_mask::{ColumnMask, mask_from_rule};
use crate::diagnostic::Diagnostic;
use crate::row_filter::{CheckError, Claims, ParsedExpression, bind, uses_claims};
use crate::type_name::type_name;

/// A mask with the place of its rule.
pub(super) struct PlacedMask {
    pub(super) mask: ColumnMask,
    pub(super) place: Located<()>,
}

/// Masks by current path.
pub(super) type PlacedMasks = BTreeMap<Vec<String>, PlacedMask>;

impl<'a> Shown<'a> {
    /// The column and the fields inside it that the role sees.
    fn fields(&self) -> impl Iterator<Item = &'a Aligned> {
        let absent = &self.absent;
        let is_there = move |node: &&Aligned| !absent.iter().any(|path| node.path.starts_with(path));
        self.column.walk().into_iter().filter(is_there)
    }
}

impl Compiler<'_> {
    pub(super) fn place_masks(
        &self,
        columns: &RuleColumns<'_>,
        shown: &[Shown<'_>],
        problems: &mut Vec<Diagnostic>,
    ) -> PlacedMasks {
        let mut masks = PlacedMasks::new();
        for rule in &self.policy.masks {
            let Some(node) = columns.find_name(&rule.value.path) else {
                problems.push(unknown_column(rule, &rule.value.path, columns));
                continue;
            };
            let place = bare(rule);
            let key_name = format!("{}.{}", self.table, rule.value.path);
            match self.mask(&rule.value.mask, node, columns, &place, &key_name) {
                Ok(mask) => {
                    masks.insert(node.path.clone(), PlacedMask { mask, place });
                }
                Err(problem) => problems.push(problem),
            }
        }
        let cleared = self.cleared(columns, &masks, problems);
        for node in shown.iter().flat_map(Shown::fields) {
            if masks.contains_key(&node.path) || cleared.contains(&node.path) {
                continue;
            }
            match self.tag_mask(node, columns) {
                Ok(Some(placed)) => {
                    masks.insert(node.path.clone(), placed);
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        self.check_tagged_names(columns, shown, problems);
        masks
    }

    fn cleared(
        &self,
        columns: &RuleColumns<'_>,
        masks: &PlacedMasks,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<Vec<String>> {
        let mut cleared = Vec::new();
        for name in &self.policy.clear {
            match columns.find_name(&name.value) {
                Some(node) if masks.contains_key(&node.path) => {
                    problems.push(name.problem(format!("\"{}\" is both masked and clear", name.value)));
                }
                Some(node) => cleared.push(node.path.clone()),
                None => problems.push(unknown_column(name, &name.value, columns)),
            }
        }
        cleared
    }

    /// The mask that the node's tags ask for. Of rules that cover one tag the closest counts;
    /// two tags that ask for different masks are a problem.
    fn tag_mask(&self, node: &Aligned, columns: &RuleColumns<'_>) -> Result<Option<PlacedMask>, Diagnostic> {
        let mut chosen: Option<(&str, &TagMask)> = None;
        for tag in &node.tags {
            let Some(rule) = self.closest(tag) else { continue };
            match chosen {
                Some((other_tag, other)) if !same_mask(other, rule) => {
                    let name = node.path.join(".");
                    let message = format!(
                        "column \"{name}\" of table \"{}\" has tags \"{other_tag}\" and \"{tag}\" with different masks",
                        self.table
                    );
                    return Err(rule.mask.problem(message).with_hint("give the column a mask of its own"));
                }
                Some(_) => {}
                None => chosen = Some((tag, rule)),
            }
        }
        let Some((_, rule)) = chosen else { return Ok(None) };
        let place = bare(&rule.mask);
        let mask = self.mask(&rule.mask.value, node, columns, &place, &rule.tag)?;
        Ok(Some(PlacedMask { mask, place }))
    }

    fn closest(&self, tag: &str) -> Option<&TagMask> {
        let covering = self.role.masks_by_tag.iter().filter(|rule| rule.covers(tag));
        covering.max_by_key(|rule| rule.tag.len())
    }

    /// A tag that asks for a mask must stand on something that can be masked. A name that neither
    /// this version nor the bound table has is most likely misspelled, and what is inside a map
    /// can't be masked: either would show. So would a tagged field of the bound table under
    /// another name, even where something else bears its name by now.
    fn check_tagged_names(
        &self,
        columns: &RuleColumns<'_>,
        shown: &[Shown<'_>],
        problems: &mut Vec<Diagnostic>,
    ) {
        let known = align(self.known, self.known);
        for (name, tags) in &self.current.tags {
            let covering = tags.iter().find_map(|tag| Some((tag, self.closest(tag)?)));
            let Some((tag, rule)) = covering else { continue };
            let mut bound = named(&known, name).peekable();
            let table = self.table;
            let problem = if bound.peek().is_some() {
                if !bound.any(|field| self.may_be_renamed(field, columns, shown)) {
                    continue;
                }
                format!("\"{name}\" of table \"{table}\" is tagged \"{tag}\" and may have been renamed")
            } else {
                let is_there = named(columns.0, name).next().is_some();
                if is_there || is_inside_hidden(name, &[columns.0, &known], shown) {
                    continue;
                }
                format!(
                    "\"{name}\" of table \"{table}\" is tagged \"{tag}\" but is no column and no field that can be masked"
                )
            };
            let problem = rule.mask.problem(problem);
            problems.push(match columns.similar_name(name) {
                Some(similar) => problem.with_hint(format!("did you mean \"{similar}\"?")),
                None => problem,
            });
        }
    }

    /// Whether this version lacks the tagged field of the bound table, and something that the role
    /// sees may be it. Ids would tell, where both have one; but not of what a column held that
    /// has no fields any more.
    fn may_be_renamed(&self, tagged: &Aligned, columns: &RuleColumns<'_>, shown: &[Shown<'_>]) -> bool {
        let is_it = |node: &Aligned| node.known_path == tagged.known_path;
        if columns.0.iter().flat_map(Aligned::walk).any(is_it) {
            return false;
        }
        let has_id =
            |node: &Aligned, shape: &TableShape| node.spelling.get(&shape.column_ids).next().is_some();
        let followed = has_id(tagged, self.known);
        let held_it = |node: &Aligned| {
            let known_path = node.known_path.as_ref();
            node.children.is_empty() && known_path.is_some_and(|path| tagged.path.starts_with(path))
        };
        shown.iter().flat_map(Shown::fields).any(|node| {
            held_it(node) || (node.rule_path.is_none() && !(followed && has_id(node, self.current)))
        })
    }

    fn mask(
        &self,
        written: &WrittenMask,
        node: &Aligned,
        columns: &RuleColumns<'_>,
        place: &Located<()>,
        key_name: &str,
    ) -> Result<ColumnMask, Diagnostic> {
        let problem = |error: &dyn std::fmt::Display| {
            place.problem(format!("column \"{}\" of table \"{}\": {error}", node.path.join("."), self.table))
        };
        let mask = match written {
            WrittenMask::Expression(parsed) => self.expression_mask(parsed, node, columns)?,
            WrittenMask::Rule(rule) => mask_from_rule(rule, &node.data_type, self.mask_keys, key_name)
                .map_err(|error| problem(&error))?,
        };
        mask.output_type(&node.data_type).map_err(|error| problem(&error))?;
        Ok(mask)
    }

    fn expression_mask(
        &self,
        parsed: &ParsedExpression,
        node: &Aligned,
        columns: &RuleColumns<'_>,
    ) -> Result<ColumnMask, Diagnostic> {
        if node.path.len() > 1 {
            return Err(parsed.problem("an expression masks whole columns, not fields inside them"));
        }
        let refused = |error| expression_problem(parsed, error);
        let checked = bind(parsed, columns, Claims::Sample).map_err(refused)?;
        if checked.data_type.is_nested() || checked.data_type == DataType::Null {
            return Err(
                parsed.problem(format!("an expression cannot give {}", type_name(&checked.data_type)))
            );
        }
        if uses_claims(parsed, columns) && checked.data_type != node.data_type {
            // Without its claims the column is null, of the column's own type.
            return Err(parsed.problem(format!(
                "an expression with claims must keep the type {} of the column",
                type_name(&node.data_type)
            )));
        }
        match bind(parsed, columns, self.claims) {
            Ok(bound) => Ok(ColumnMask::Expression(Box::new(bound))),
            Err(CheckError::ClaimUnusable) => Ok(ColumnMask::Null),
            Err(error) => Err(refused(error)),
        }
    }
}

fn bare<T>(located: &Located<T>) -> Located<()> {
    Located { value: (), file: located.file.clone(), line: located.line, column: located.column }
}

/// Rules that hash under the name of their tag differ by that name.
fn same_mask(left: &TagMask, right: &TagMask) -> bool {
    left.tag == right.tag || (left.mask.value.is_like(&right.mask.value) && !hashes_by_tag(left))
}

fn hashes_by_tag(rule: &TagMask) -> bool {
    matches!(
        &rule.mask.value,
        WrittenMask::Rule(crate::rule::MaskRule::Hash(hash)) if hash.key.is_none()
    )
}

/// Fields of this name, as tags spell it: a column `a.b` and a field `b` of `a` share theirs.
fn named<'a>(columns: &'a [Aligned], name: &'a str) -> impl Iterator<Item = &'a Aligned> {
    columns.iter().flat_map(Aligned::walk).filter(|node| node.spelling.is(name))
}

/// Whether the name leads into something that has no fields to name, such as a map, and that the
/// role does not see.
fn is_inside_hidden(name: &str, versions: &[&[Aligned]], shown: &[Shown<'_>]) -> bool {
    let leads = |node: &Aligned| {
        node.spelling.leads_to(name) && node.data_type.is_nested() && node.children.is_empty()
    };
    let is_there = versions.iter().flat_map(|columns| columns.iter()).flat_map(Aligned::walk).any(leads);
    is_there && !shown.iter().flat_map(Shown::fields).any(leads)
}
