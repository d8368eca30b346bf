//! Who wants to know when something was written.
//!
//! Invariants: announced only after the batch is durable, with its last feed position;
//! a subscriber is called on the writer's thread and must return at once.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

type Listener = Box<dyn Fn(u64) + Send + Sync>;

#[derive(Default)]
struct Listeners {
    next: u64,
    list: Vec<(u64, Arc<Listener>)>,
}

/// The live channel of a store.
pub(crate) struct Watch {
    position: Mutex<u64>,
    moved: Condvar,
    listeners: Arc<Mutex<Listeners>>,
}

/// Keeps a listener; dropping it ends the calls.
pub struct Subscription {
    id: u64,
    listeners: Weak<Mutex<Listeners>>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade() {
            let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.list.retain(|(id, _)| *id != self.id);
        }
    }
}

impl Watch {
    pub(crate) fn new(position: u64) -> Watch {
        Watch {
            position: Mutex::new(position),
            moved: Condvar::new(),
            listeners: Arc::default(),
        }
    }

    pub(crate) fn announce(&self, position: u64) {
        {
            let mut at = self.position.lock().unwrap_or_else(PoisonError::into_inner);
            if *at >= position {
                return;
            }
            *at = position;
        }
        self.moved.notify_all();
        let listeners: Vec<_> = {
            let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners
                .list
                .iter()
                .map(|(_, listener)| Arc::clone(listener))
                .collect()
        };
        for listener in listeners {
            listener(position);
        }
    }

    /// Waits until the position is beyond `after` or `timeout` has passed.
    pub(crate) fn wait(&self, after: u64, timeout: Duration) -> u64 {
        let until = Instant::now() + timeout;
        let mut at = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        while *at <= after {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            at = self
                .moved
                .wait_timeout(at, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *at
    }

    pub(crate) fn subscribe(&self, listener: Listener) -> Subscription {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.next += 1;
        let id = listeners.next;
        listeners.list.push((id, Arc::new(listener)));
        Subscription {
            id,
            listeners: Arc::downgrade(&self.listeners),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_hears_of_each_new_position_until_it_goes() {
        let watch = Watch::new(3);
        let heard: [Arc<Mutex<Vec<u64>>>; 2] = Default::default();
        let listen = |at: usize| {
            let own = Arc::clone(&heard[at]);
            watch.subscribe(Box::new(move |position| own.lock().unwrap().push(position)))
        };
        let (first, second) = (listen(0), listen(1));
        // What is no news is not told.
        for position in [1, 3, 4, 4, 2, 9] {
            watch.announce(position);
        }
        drop(first);
        watch.announce(10);
        let third = listen(0);
        watch.announce(11);
        drop((second, third));
        watch.announce(12);
        assert_eq!(*heard[0].lock().unwrap(), [4, 9, 11]);
        assert_eq!(*heard[1].lock().unwrap(), [4, 9, 10, 11]);
    }

    #[test]
    fn who_waits_is_told_at_once_or_when_the_time_is_over() {
        let watch = Watch::new(3);
        let long = Duration::from_secs(600);
        assert_eq!(watch.wait(2, long), 3, "it is there");
        assert_eq!(watch.wait(3, Duration::ZERO), 3);
        assert_eq!(watch.wait(3, Duration::from_millis(1)), 3, "nothing came");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| watch.wait(4, long));
            watch.announce(4);
            watch.announce(5);
            assert_eq!(waits.join().unwrap(), 5);
        });
        // A listener that outlives the channel harms nobody.
        let kept = watch.subscribe(Box::new(|_| {}));
        drop(watch);
        drop(kept);
    }
}
