//! The system's limit on open files: owns raising it as far as it may be, and keeping connections from
//! taking what the tables' files need. Does not open any.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Files that stay for everything but connections: data that is read, logs, the spill area.
const BESIDE_CONNECTIONS: usize = 512;

/// Raises the soft limit of the process to its hard one: shells and service managers start processes
/// with a soft limit of 1,024, for the sake of programs that use `select`. Says how many of `wanted`
/// connections there is room for.
pub(super) fn room_for_connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let files = if raised.is_ok() { limit.maximum } else { limit.current };
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let room = within(files, wanted);
    if room < wanted {
        warn!(
            open_files_max = files,
            connections_max = room,
            "the system allows too few open files for limits.connections_max; raise it (ulimit -n, LimitNOFILE)"
        );
    }
    room
}

/// At least half of the files, where there are few.
fn within(files: usize, wanted: usize) -> usize {
    wanted.min(files.saturating_sub(BESIDE_CONNECTIONS).max(files / 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn connections_leave_files_for_the_tables() {
        assert_eq!(within(usize::MAX, 4096), 4096);
        assert_eq!(within(4096 + 512, 4096), 4096);
        assert_eq!(within(4096 + 511, 4096), 4095);
        assert_eq!(within(256, 4096), 128);
        assert_eq!(within(1, 4096), 1);
    }
}
