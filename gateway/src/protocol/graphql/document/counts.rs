//! What a document holds as it is written: owns counting it in one pass, before anything writes its fragments out.
//! Does not know schemas. Recursion is bounded by the parser's limit.

use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, DirectiveList, Document, Selection, VariableDefinition};

use super::too_many;
use crate::config::graphql::GraphqlConfig;
use crate::protocol::graphql::errors::DoorError;

#[derive(Default)]
struct Counts {
    fields: usize,
    aliases: usize,
    directives: usize,
}

/// Refuses a document with more of something than is allowed.
pub(super) fn check(document: &Document, config: &GraphqlConfig) -> Result<(), Vec<DoorError>> {
    let mut counts = Counts::default();
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                counts.directives(&operation.directives);
                counts.variables(&operation.variables);
                counts.selections(&operation.selection_set);
            }
            Definition::FragmentDefinition(fragment) => {
                counts.directives(&fragment.directives);
                counts.selections(&fragment.selection_set);
            }
            // All others are faults, which validation tells.
            _ => {}
        }
    }
    for (count, most, what) in [
        (counts.aliases, config.aliases_max, "aliases"),
        (counts.directives, config.directives_max, "directives"),
        (counts.fields, config.fields_max, "fields"),
    ] {
        if count > most {
            return Err(vec![too_many(most, what)]);
        }
    }
    Ok(())
}

impl Counts {
    fn directives(&mut self, directives: &DirectiveList) {
        self.directives += directives.0.len();
    }

    fn variables(&mut self, variables: &[Node<VariableDefinition>]) {
        variables.iter().for_each(|variable| self.directives(&variable.directives));
    }

    fn selections(&mut self, selections: &[Selection]) {
        self.fields += selections.len();
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.alias.is_some());
                    self.directives(&field.directives);
                    self.selections(&field.selection_set);
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.directives),
                Selection::InlineFragment(inline) => {
                    self.directives(&inline.directives);
                    self.selections(&inline.selection_set);
                }
            }
        }
    }
}
