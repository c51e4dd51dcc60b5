//! Limits on the statements that callers send: owns the fields, their units, defaults and ceilings. They bound
//! what planning and one row of an answer may cost, whatever the tables hold. Does not enforce.

use serde::{Deserialize, Serialize};

use super::super::ceilings::{self, exceeded};

/// How large filters, orders, aggregates and SQL texts may be. Fields are named with their unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatementLimits {
    /// Nodes of one expression or query text (operators, operands, list items), in count.
    pub nodes_max: usize,
    /// Nodes that planning may make of one statement, in count: columns of subqueries written out in one
    /// expression, and operands of `AND` and `OR` that are written twice.
    pub expanded_nodes_max: usize,
    /// Nesting of one expression or query text, in levels.
    pub depth_max: usize,
    /// Texts in one filter or query that rows may be made of, all together, in bytes: those that are not just
    /// compared with something.
    pub text_bytes_max: usize,
    /// The same of the windows of a query, whose functions see all rows of a partition at once, in bytes.
    pub window_text_bytes_max: usize,
    /// Texts of parameters, counted wherever they stand, all together, in bytes.
    pub parameter_bytes_max: usize,
    /// Pattern of a regular expression or of `LIKE`, in bytes: matching costs pattern times text.
    pub pattern_bytes_max: usize,
    /// Regular expression once compiled, in bytes: a short pattern can count far.
    pub pattern_compiled_bytes_max: usize,
    /// Tables that one SQL text reads, every use counted, in count.
    pub tables_max: usize,
    /// Grouping sets of one SQL text, `CUBE` and `ROLLUP` written out, in count.
    pub grouping_sets_max: usize,
    /// Columns that a page is ordered by, in count.
    pub order_columns_max: usize,
}

impl Default for StatementLimits {
    fn default() -> Self {
        Self {
            nodes_max: 2_000,
            expanded_nodes_max: 20_000,
            depth_max: 64,
            text_bytes_max: 16 * 1024,
            window_text_bytes_max: 1024,
            parameter_bytes_max: 4 * 1024 * 1024,
            pattern_bytes_max: 500,
            pattern_compiled_bytes_max: 512 * 1024,
            tables_max: 64,
            grouping_sets_max: 64,
            order_columns_max: 32,
        }
    }
}

impl StatementLimits {
    /// Every relation that does not hold, as the field to blame and the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let zero = [
            ("nodes_max", self.nodes_max),
            ("expanded_nodes_max", self.expanded_nodes_max),
            ("depth_max", self.depth_max),
            ("tables_max", self.tables_max),
            ("grouping_sets_max", self.grouping_sets_max),
        ];
        let zero = zero.into_iter().filter(|(_, value)| *value == 0);
        let mut found: Vec<_> = zero.map(|(field, _)| (field, "must be at least 1".to_owned())).collect();
        for (field, value, ceiling) in [
            ("nodes_max", self.nodes_max, NODES_CEILING),
            ("expanded_nodes_max", self.expanded_nodes_max, EXPANDED_NODES_CEILING),
            ("depth_max", self.depth_max, DEPTH_CEILING),
        ] {
            if value > ceiling {
                found
                    .push((field, format!("must be at most {ceiling}, which planning stacks are sized for")));
            }
        }
        found.extend(exceeded([
            ("text_bytes_max", self.text_bytes_max as u64, ceilings::BYTES),
            ("window_text_bytes_max", self.window_text_bytes_max as u64, ceilings::BYTES),
            ("parameter_bytes_max", self.parameter_bytes_max as u64, ceilings::BYTES),
            ("pattern_bytes_max", self.pattern_bytes_max as u64, ceilings::BYTES),
            ("pattern_compiled_bytes_max", self.pattern_compiled_bytes_max as u64, ceilings::BYTES),
            ("tables_max", self.tables_max as u64, ceilings::COUNT),
            ("grouping_sets_max", self.grouping_sets_max as u64, ceilings::COUNT),
            ("order_columns_max", self.order_columns_max as u64, ceilings::COUNT),
        ]));
        found
    }
}

/// Planning recurses over expressions; its stack is sized for this many nodes.
const NODES_CEILING: usize = 10_000;
const EXPANDED_NODES_CEILING: usize = 100_000;
const DEPTH_CEILING: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_planning_stacks_are_sized_for_is_the_ceiling() {
        let at = StatementLimits { nodes_max: NODES_CEILING, depth_max: DEPTH_CEILING, ..Default::default() };
        assert_eq!(at.problems(), vec![]);
        let over = StatementLimits { nodes_max: NODES_CEILING + 1, depth_max: DEPTH_CEILING + 1, ..at };
        let fields: Vec<_> = over.problems().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["nodes_max", "depth_max"]);
    }
}
