//! Who wants to know when something was written.
//!
//! Invariants: announced only after the batch is durable, with its last feed position;
//! a subscriber is called on the writer's thread and must return at once.

use std::sync::{Arc, Mutex, PoisonError, Weak};

type Listener = Box<dyn Fn(u64) + Send + Sync>;

#[derive(Default)]
struct Listeners {
    next: u64,
    list: Vec<(u64, Arc<Listener>)>,
}

/// The live channel of a store.
pub(crate) struct Watch {
    position: Mutex<u64>,
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
    fn a_listener_that_outlives_the_channel_harms_nobody() {
        let watch = Watch::new(3);
        let kept = watch.subscribe(Box::new(|_| {}));
        drop(watch);
        drop(kept);
    }
}
