//! Turns of work that starts by itself, for many at the same moment: owns their count. Whoever waits for one holds
//! nothing, and is refused nothing. Does not know slots.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

/// One turn; given up on drop.
#[derive(Debug)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    /// Waits for a turn, first come first served. Dropping the future gives up the place in the queue.
    pub(super) async fn take(&self) -> Turn {
        // The semaphore is never closed.
        Turn { _permit: Arc::clone(&self.0).acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::Turns;

    #[tokio::test]
    async fn there_are_as_many_turns_as_the_limit_and_whoever_waited_longer_is_next() {
        let turns = Turns::new(2);
        let first = turns.take().await;
        let _second = turns.take().await;
        let (mut third, mut fourth) = (Box::pin(turns.take()), Box::pin(turns.take()));
        assert!((&mut third).now_or_never().is_none() && (&mut fourth).now_or_never().is_none());
        drop(first);
        assert!((&mut fourth).now_or_never().is_none());
        let third = (&mut third).now_or_never();
        assert!(third.is_some());
        drop(third);
        assert!(fourth.now_or_never().is_some());
    }
}
