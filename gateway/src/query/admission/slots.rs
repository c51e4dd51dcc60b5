//! The slots of one class of query and the queue before them: owns their counting. Does not know
//! what runs in a slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::Metrics;

#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    queued_max: usize,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    class: &'static str,
    running: AtomicUsize,
    queued: AtomicUsize,
    metrics: Metrics,
}

/// One taken slot; freed on drop.
#[derive(Debug)]
pub(super) struct Slot {
    counts: Arc<Counts>,
    _permit: OwnedSemaphorePermit,
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotsRefusal {
    QueueFull,
    WaitedTooLong,
}

impl Slots {
    pub(super) fn new(class: &'static str, count: usize, queued_max: usize, metrics: Metrics) -> Self {
        let counts = Counts { class, running: AtomicUsize::new(0), queued: AtomicUsize::new(0), metrics };
        counts.publish();
        let free = Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self { free, queued_max, counts: Arc::new(counts) }
    }

    /// Queries that hold a slot.
    pub(super) fn running(&self) -> usize {
        self.counts.running.load(Ordering::Acquire)
    }

    /// Takes a free slot at once or queues for one, first come first served.
    pub(super) async fn acquire(&self, wait_max: Duration) -> Result<Slot, SlotsRefusal> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(self.take(permit));
        }
        let place = self.queue()?;
        let waited = tokio::time::timeout(wait_max, Arc::clone(&self.free).acquire_owned()).await;
        drop(place);
        match waited {
            Ok(Ok(permit)) => Ok(self.take(permit)),
            // The semaphore is never closed; a closed one would have no slot to give.
            Ok(Err(_)) | Err(_) => Err(SlotsRefusal::WaitedTooLong),
        }
    }

    fn take(&self, permit: OwnedSemaphorePermit) -> Slot {
        self.counts.running.fetch_add(1, Ordering::AcqRel);
        self.counts.publish();
        Slot { counts: Arc::clone(&self.counts), _permit: permit }
    }

    fn queue(&self) -> Result<QueuePlace, SlotsRefusal> {
        let queued = self.counts.queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, |queued| {
            (queued < self.queued_max).then_some(queued + 1)
        });
        match queued {
            Ok(_) => {
                self.counts.publish();
                Ok(QueuePlace(Arc::clone(&self.counts)))
            }
            Err(_) => Err(SlotsRefusal::QueueFull),
        }
    }
}

impl Counts {
    fn publish(&self) {
        let (running, queued) = (self.running.load(Ordering::Acquire), self.queued.load(Ordering::Acquire));
        self.metrics.admission(self.class, running, queued);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.counts.running.fetch_sub(1, Ordering::AcqRel);
        self.counts.publish();
    }
}

/// A place in the queue; given up on drop, also when the caller goes away.
struct QueuePlace(Arc<Counts>);

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::AcqRel);
        self.0.publish();
    }
}
