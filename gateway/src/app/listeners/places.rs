//! Places for connections: owns how many there are, and which connection makes room for a new one when
//! all are taken. Idle ones cost a stranger nothing, so that whoever holds many must not shut out others.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use crate::protocol::connection::{Connection, Patience};

/// Time for a connection to end that was told to.
const LEAVING: Duration = Duration::from_secs(1);
/// New connections that wait for one to end; each holds a socket.
const WAITING_MAX: usize = 256;

/// All places of a gateway, whichever of its listeners they are taken by.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Arc<Semaphore>,
    waiting: Semaphore,
    patience: Patience,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_number: HashMap<u64, Connection>,
    last_number: u64,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// What the connection is used for.
    pub(super) connection: Connection,
    number: u64,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(connections_max: usize, patience: Patience) -> Self {
        let free = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        let waiting = Semaphore::new(WAITING_MAX);
        Self(Arc::new(Shared { free, waiting, patience, taken: Mutex::default() }))
    }

    /// A free place, or that of the connection that deserves its own least.
    ///
    /// # Errors
    /// When every connection serves a caller with a token, too many new ones wait already, or the one
    /// that was told to leave does not.
    pub(super) async fn take(&self) -> io::Result<Place> {
        let permit = match Arc::clone(&self.0.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.0.make_room().await?,
        };
        let connection = Connection::opened();
        let number = self.0.taken().enter(connection.clone());
        Ok(Place { connection, number, shared: Arc::clone(&self.0), _permit: permit })
    }
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make_room(&self) -> io::Result<OwnedSemaphorePermit> {
        let _waits = self.waiting.try_acquire().map_err(io::Error::other)?;
        if !self.taken().tell_one_to_leave(self.patience) {
            return Err(io::Error::other("every connection serves a caller with a token"));
        }
        debug!("a connection makes room for a new one");
        let free = Arc::clone(&self.free).acquire_owned();
        tokio::time::timeout(LEAVING, free).await?.map_err(io::Error::other)
    }
}

impl Taken {
    fn enter(&mut self, connection: Connection) -> u64 {
        self.last_number += 1;
        self.by_number.insert(self.last_number, connection);
        self.last_number
    }

    /// False if none may be told.
    fn tell_one_to_leave(&self, patience: Patience) -> bool {
        loop {
            let merits = self.by_number.values().filter_map(|one| Some((one.merit(patience)?, one)));
            match merits.min_by_key(|(merit, _)| *merit) {
                None => return false,
                Some((_, least)) if least.leave(patience) => return true,
                // It has come to serve somebody in between.
                Some(_) => {}
            }
        }
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

    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::protocol::connection::RequestInFlight;

    const PATIENCE: Patience =
        Patience { first_request: Duration::from_secs(10), request: Duration::from_secs(120) };

    fn arrived(place: &Place) -> RequestInFlight {
        place.connection.request(TaskTracker::new().token())
    }

    /// Gives up its place once it is told to.
    fn leaving(place: Place) {
        tokio::spawn(async move { place.connection.left().await });
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_deserves_its_place_least_makes_room() {
        let places = Places::new(2, PATIENCE);
        let (first, second) = (places.take().await.unwrap(), places.take().await.unwrap());
        tokio::time::advance(Duration::from_secs(1)).await;
        arrived(&first).admitted(true);
        leaving(second);
        let third = places.take().await.unwrap();
        let (served, also) = (arrived(&first), arrived(&third));
        served.admitted(true);
        also.admitted(true);
        assert!(places.take().await.is_err(), "both serve callers with tokens");
        drop(also);
        leaving(third);
        assert!(places.take().await.is_ok());
        drop(first);
        assert!(places.take().await.is_ok(), "a place that was given up is free");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_leave_keeps_its_place_and_is_not_told_twice() {
        let places = Places::new(1, PATIENCE);
        let _stays = places.take().await.unwrap();
        assert_eq!(places.take().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(places.take().await.unwrap_err().kind(), io::ErrorKind::Other);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_wait_and_no_more() {
        let places = Places::new(WAITING_MAX + 1, PATIENCE);
        let mut held = Vec::new();
        for _ in 0..=WAITING_MAX {
            held.push(places.take().await.unwrap());
        }
        let waiting = futures::future::join_all((0..=WAITING_MAX).map(|_| places.take())).await;
        let kinds: Vec<_> = waiting.into_iter().map(|one| one.unwrap_err().kind()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == io::ErrorKind::TimedOut).count(), WAITING_MAX);
        assert_eq!(kinds.last(), Some(&io::ErrorKind::Other));
    }
}
