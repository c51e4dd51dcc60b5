//! One role's rules on one version of one table: owns which columns are visible, and puts the
//! effective policy together. Anything that does not compile is a problem of the whole; nothing
//! is left out to make the rest work.

use std::collections::BTreeSet;

use super::align::{Aligned, RuleColumns, align};
use super::masks::{PlacedMask, PlacedMasks};
use super::role::{GrantedColumns, Located, Role, TablePolicy};
use super::{EffectivePolicy, TableShape, VisibleColumn};
use crate::column_mask::{ColumnMask, nested_output_type};
use crate::diagnostic::Diagnostic;
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::keys::KeyRing;
use crate::row_filter::{CheckError, Claims, ParsedExpression, RowFilter, bind_filter};

pub(super) struct Compiler<'a> {
    pub(super) role: &'a Role,
    pub(super) table: &'a str,
    pub(super) policy: &'a TablePolicy,
    pub(super) known: &'a TableShape,
    pub(super) current: &'a TableShape,
    pub(super) claims: Claims<'a>,
    pub(super) mask_keys: &'a KeyRing,
}

impl Compiler<'_> {
    pub(super) fn compile(&self) -> Result<EffectivePolicy, Vec<Diagnostic>> {
        let aligned = align(self.known, self.current);
        let columns = RuleColumns(&aligned);
        let mut problems = Vec::new();

        let hidden = self.hidden(&columns, &mut problems);
        let granted = self.granted(&aligned, &columns, &mut problems);
        let mut shown: Vec<Shown<'_>> = Vec::new();
        for (index, column) in aligned.iter().enumerate() {
            let mut absent = Vec::new();
            if granted.contains(&index) && !self.mark_absent(column, &hidden, &mut absent) {
                shown.push(Shown { index, column, absent });
            }
        }
        let masks = self.place_masks(&columns, &shown, &mut problems);
        let mut visible = Vec::with_capacity(shown.len());
        for column in &shown {
            visible.extend(self.visible_column(column, &masks, &mut problems));
        }
        if visible.is_empty() {
            problems.push(self.policy.place.problem("no column is left to show"));
        }
        let row_filter = match &self.policy.rows {
            None => RowFilter::All,
            Some(parsed) => bind_filter(parsed, &columns, self.claims).unwrap_or_else(|error| {
                problems.push(expression_problem(parsed, error));
                RowFilter::Nothing
            }),
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let fingerprint = fingerprint(self.table, &visible, &row_filter);
        let unfiltered = matches!(row_filter, RowFilter::All);
        Ok(EffectivePolicy { columns: visible, row_filter, fingerprint, unfiltered })
    }

    fn hidden(&self, columns: &RuleColumns<'_>, problems: &mut Vec<Diagnostic>) -> BTreeSet<Vec<String>> {
        let mut hidden = BTreeSet::new();
        for name in &self.policy.hide {
            match columns.find_name(&name.value) {
                Some(node) => {
                    hidden.insert(node.path.clone());
                }
                None => problems.push(unknown_column(name, &name.value, columns)),
            }
        }
        hidden
    }

    fn granted(
        &self,
        aligned: &[Aligned],
        columns: &RuleColumns<'_>,
        problems: &mut Vec<Diagnostic>,
    ) -> BTreeSet<usize> {
        let places = aligned.iter().enumerate();
        match &self.policy.columns {
            GrantedColumns::All => places.map(|(index, _)| index).collect(),
            GrantedColumns::Known => {
                places.filter(|(_, column)| column.rule_path.is_some()).map(|(index, _)| index).collect()
            }
            GrantedColumns::Listed(names) => {
                let mut granted = BTreeSet::new();
                for name in names {
                    let is_it = |column: &Aligned| column.rule_name().as_deref() == Some(name.value.as_str());
                    match aligned.iter().position(is_it) {
                        Some(index) => {
                            granted.insert(index);
                        }
                        None if columns.find_name(&name.value).is_some() => problems.push(
                            name.problem(format!("\"{}\" is a field inside a column", name.value))
                                .with_hint("list the column, and hide the fields that should not show"),
                        ),
                        None => problems.push(unknown_column(name, &name.value, columns)),
                    }
                }
                granted
            }
        }
    }

    /// Collects the fields that do not exist for the role; true when that is the whole node.
    fn mark_absent(
        &self,
        node: &Aligned,
        hidden: &BTreeSet<Vec<String>>,
        absent: &mut Vec<Vec<String>>,
    ) -> bool {
        let unknown = node.rule_path.is_none() && !matches!(self.policy.columns, GrantedColumns::All);
        if unknown || hidden.contains(&node.path) {
            return true;
        }
        let mut inside = Vec::new();
        let mut gone = 0;
        for child in &node.children {
            if self.mark_absent(child, hidden, &mut inside) {
                inside.push(child.path.clone());
                gone += 1;
            }
        }
        if gone > 0 && gone == node.children.len() {
            return true;
        }
        absent.append(&mut inside);
        false
    }

    fn visible_column(
        &self,
        shown: &Shown<'_>,
        masks: &PlacedMasks,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<VisibleColumn> {
        let column = shown.column;
        let name = column.path.first()?.clone();
        let below = |path: &[String]| path[1..].to_vec();
        let absent = shown.absent.iter().map(|path| (below(path), ColumnMask::Absent)).collect::<Vec<_>>();
        let inside: Vec<(&Vec<String>, &PlacedMask)> = masks
            .iter()
            .filter(|(path, _)| path.len() > 1 && path.starts_with(&column.path))
            .filter(|(path, _)| !shown.absent.iter().any(|gone| path.starts_with(gone)))
            .collect();
        self.check_overlaps(&column.path, masks, &inside, problems);

        let whole = masks.get(&column.path).map(|placed| placed.mask.clone());
        let mut nested: Vec<(Vec<String>, ColumnMask)> =
            inside.iter().map(|(path, placed)| (below(path), placed.mask.clone())).collect();
        let mask = match whole {
            // A null struct would still name the fields that do not exist for the role.
            Some(ColumnMask::Null) if !absent.is_empty() => {
                nested.push((Vec::new(), ColumnMask::Null));
                None
            }
            other => other,
        };
        nested.extend(absent);
        let mut data_type = column.data_type.clone();
        for (path, mask) in &nested {
            match nested_output_type(&data_type, path, mask) {
                Ok(masked) => data_type = masked,
                Err(error) => {
                    problems.push(self.policy.place.problem(format!("column \"{name}\": {error}")));
                    return None;
                }
            }
        }
        Some(VisibleColumn { index: shown.index, name, mask, nested })
    }

    /// A mask inside a masked column would never be seen: the rule is not what its writer meant.
    fn check_overlaps(
        &self,
        column: &[String],
        masks: &PlacedMasks,
        inside: &[(&Vec<String>, &PlacedMask)],
        problems: &mut Vec<Diagnostic>,
    ) {
        for (path, placed) in inside {
            let covered = masks.keys().find(|other| {
                other.len() < path.len() && other.starts_with(column) && path.starts_with(other)
            });
            if let Some(outer) = covered {
                problems.push(placed.place.problem(format!(
                    "\"{}\" and \"{}\" inside it are both masked",
                    outer.join("."),
                    path.join(".")
                )));
            }
        }
    }
}

/// A column that the role sees, with the fields inside it that it does not.
pub(super) struct Shown<'a> {
    index: usize,
    pub(super) column: &'a Aligned,
    pub(super) absent: Vec<Vec<String>>,
}

pub(super) fn unknown_column<T>(place: &Located<T>, name: &str, columns: &RuleColumns<'_>) -> Diagnostic {
    let problem = place.problem(format!("unknown column \"{name}\""));
    match columns.similar_name(name) {
        Some(similar) => problem.with_hint(format!("did you mean \"{similar}\"?")),
        None => problem,
    }
}

pub(super) fn expression_problem(parsed: &ParsedExpression, error: CheckError) -> Diagnostic {
    match error {
        CheckError::Refused { message, hint } => {
            let problem = parsed.problem(message);
            match hint {
                Some(hint) => problem.with_hint(hint),
                None => problem,
            }
        }
        CheckError::ClaimUnusable => parsed.problem("a claim of the caller cannot be used"),
    }
}

fn fingerprint(table: &str, columns: &[VisibleColumn], row_filter: &RowFilter) -> Fingerprint {
    let mut writer = FingerprintWriter::new();
    writer.part("table", table.as_bytes());
    for column in columns {
        writer.part("column", column.name.as_bytes());
        if let Some(mask) = &column.mask {
            write_mask(&mut writer, "mask", mask);
        }
        for (path, mask) in &column.nested {
            for name in path {
                writer.part("field", name.as_bytes());
            }
            write_mask(&mut writer, "field mask", mask);
        }
    }
    match row_filter {
        RowFilter::All => writer.part("rows", b"all"),
        RowFilter::Nothing => writer.part("rows", b"nothing"),
        RowFilter::Expression(expression) => {
            for part in expression.identity() {
                writer.part("rows where", &part);
            }
        }
    }
    writer.finish()
}

fn write_mask(writer: &mut FingerprintWriter, label: &str, mask: &ColumnMask) {
    for part in mask.identity() {
        writer.part(label, &part);
    }
}
