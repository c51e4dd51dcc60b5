//! What one commit added: owns telling it from the commit's actions and the files before it, and saying so where it
//! can't be told. Reads no data, not even deletion vectors.

use std::collections::HashSet;
use std::sync::Arc;

use super::assemble::vector_id;
use crate::data_file::DataFile;

/// A file that a commit lists as added.
pub(super) struct Addition {
    pub(super) file: Arc<DataFile>,
    /// False of rows that were in the table before.
    pub(super) data_change: bool,
}

/// The files of `additions`, in canonical order, whose rows are those that a commit added to the files `base`, and
/// all of those; `None` where no such files can be told. `removed` are paths with the ids of their vectors.
pub(super) fn added(
    base: &[Arc<DataFile>],
    additions: &[Addition],
    removed: &[(String, Option<String>)],
) -> Option<Arc<[Arc<DataFile>]>> {
    let before = |key: &str| {
        let at = base.binary_search_by(|file| file.key.as_str().cmp(key)).ok()?;
        base.get(at)
    };
    let mut named: HashSet<&str> = HashSet::with_capacity(additions.len());
    let mut new: Vec<Arc<DataFile>> = Vec::new();
    let mut rearranges = false;
    for Addition { file, data_change } in additions {
        named.insert(&file.key);
        match before(&file.key) {
            // Files don't change: what a path that was there can gain is rows that were deleted from it.
            Some(known) if deleted(known) > deleted(file) => return None,
            Some(_) => {}
            None if *data_change => new.push(Arc::clone(file)),
            None => rearranges = true,
        }
    }
    let is_gone = |(key, vector): &(String, Option<String>)| {
        !named.contains(key.as_str()) && before(key).is_some_and(|file| vector_id(file) == vector.as_deref())
    };
    let told = match removed.iter().any(is_gone) {
        // Rows of the files that went may be among those of the files that came, changed or not: the
        // protocol lets even a removal without a change of data be made up for by any addition.
        true => new.is_empty(),
        // Rows that were in the table before must have been in some file.
        false => !rearranges,
    };
    new.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    told.then(|| new.into())
}

fn deleted(file: &DataFile) -> u64 {
    file.deletion_vector.as_ref().map_or(0, |vector| vector.cardinality)
}
