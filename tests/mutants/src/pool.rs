//! A few threads that take work from one list.

use std::sync::Mutex;

/// Does `work` for each item with so many threads; the answers stand in the items' order. `work` is also told how many
/// items were taken before.
pub fn map<T: Send, R: Send>(jobs: usize, items: Vec<T>, work: impl Fn(usize, T) -> R + Sync) -> Vec<R> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.next());
                    let Some((nth, item)) = next else { break };
                    let answer = work(nth, item);
                    if let Ok(mut answers) = answers.lock() {
                        answers.push((nth, answer));
                    }
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_default();
    answers.sort_by_key(|(nth, _)| *nth);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
