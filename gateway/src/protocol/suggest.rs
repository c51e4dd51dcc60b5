//! "Did you mean" for the doors' own names: parameters, body fields, switches. Names of tables and
//! columns are the pipeline's to suggest, which knows what the caller may see.

/// The known name that a wrong one is most likely meant to be.
pub fn did_you_mean(wrong: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), *name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.chars().count())
        .min()
        .map(|(_, name)| format!("did you mean \"{name}\"?"))
}

/// Names that a person may choose from, quoted.
pub fn listed(known: &[&str]) -> String {
    known.iter().map(|name| format!("\"{name}\"")).collect::<Vec<String>>().join(", ")
}
