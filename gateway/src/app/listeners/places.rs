//! Places for connections: owns how many there are, and which connection makes room for a new one when
//! all are taken. Idle ones cost a stranger nothing, so that whoever holds many must not shut out others.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::protocol::connection::Connection;

/// Time for a connection to end that was told to.
const LEAVING: Duration = Duration::from_secs(1);

/// All places of a listener.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Arc<Semaphore>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_number: HashMap<u64, (Connection, CancellationToken)>,
    last_number: u64,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// What the connection is used for.
    pub(super) connection: Connection,
    /// Cancelled when the connection is to make room.
    pub(super) leave: CancellationToken,
    number: u64,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(connections_max: usize) -> Self {
        let free = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared { free, taken: Mutex::default() }))
    }

    /// A free place, or that of the connection that deserves its own least.
    ///
    /// # Errors
    /// When every connection serves a caller with a token. The new one is not left waiting then: it
    /// would still hold a socket.
    pub(super) async fn take(&self) -> io::Result<Place> {
        let free = Arc::clone(&self.0.free);
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.0.taken().make_room() => {
                tokio::time::timeout(LEAVING, free.acquire_owned()).await?.map_err(io::Error::other)?
            }
            Err(full) => return Err(io::Error::other(full)),
        };
        let (connection, leave) = (Connection::opened(), CancellationToken::new());
        let number = self.0.taken().enter(connection.clone(), leave.clone());
        Ok(Place { connection, leave, number, shared: Arc::clone(&self.0), _permit: permit })
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn enter(&mut self, connection: Connection, leave: CancellationToken) -> u64 {
        self.last_number += 1;
        self.by_number.insert(self.last_number, (connection, leave));
        self.last_number
    }

    /// Tells one connection to leave; false if none may be told.
    fn make_room(&self) -> bool {
        let staying = self.by_number.values().filter(|(_, leave)| !leave.is_cancelled());
        let least = staying
            .filter_map(|(connection, leave)| Some((connection.merit()?, leave)))
            .min_by_key(|(merit, _)| *merit);
        let Some((_, leave)) = least else { return false };
        leave.cancel();
        debug!("a connection makes room for a new one");
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.taken().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// Gives up its place once it is told to.
    fn leaving(place: Place) {
        tokio::spawn(async move { place.leave.cancelled().await });
    }

    #[tokio::test]
    async fn the_one_that_deserves_its_place_least_makes_room() {
        let places = Places::new(2);
        let (first, second) = (places.take().await.unwrap(), places.take().await.unwrap());
        drop(first.connection.request());
        let (first, second_left) = (first, second.leave.clone());
        leaving(second);
        let third = places.take().await.unwrap();
        assert!(second_left.is_cancelled() && !first.leave.is_cancelled());
        let served = first.connection.request();
        served.trust();
        let also = third.connection.request();
        also.trust();
        assert!(places.take().await.is_err(), "both serve callers with tokens");
        drop(also);
        leaving(third);
        assert!(places.take().await.is_ok());
        drop(first);
        assert!(places.take().await.is_ok(), "a place that was given up is free");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_leave_keeps_its_place_and_is_not_asked_twice() {
        let places = Places::new(1);
        let place = places.take().await.unwrap();
        assert_eq!(places.take().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(place.leave.is_cancelled());
        assert_eq!(places.take().await.unwrap_err().kind(), io::ErrorKind::Other);
    }
}
