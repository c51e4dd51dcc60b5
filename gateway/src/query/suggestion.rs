//! "Did you mean" for names of tables and columns: owns the one rule by which every door suggests what the caller
//! most likely meant. Knows no names; they are handed in, and are only what the caller sees.

use crate::engine::expression::names;

/// The hint for a name that is not among `known`, where one of them is close.
pub fn did_you_mean<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    names::nearest(wrong, known).map(names::did_you_mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_words() {
        let known = ["dep_delay", "arr_delay", "dest"];
        let hint = |wrong| did_you_mean(wrong, known.into_iter());
        assert_eq!(hint("dep_dely").as_deref(), Some("did you mean \"dep_delay\"?"));
        assert_eq!(hint("passengers"), None);
    }
}
