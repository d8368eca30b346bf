//! Names to addresses.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use crate::limits::DIAL_MS_MAX;

/// Addresses tried of one name.
const NAME_ADDRESSES_MAX: usize = 4;

/// Socket addresses of a text; names are looked up, numbers need no DNS.
pub(super) async fn resolve(text: &str) -> Vec<SocketAddr> {
    if let Ok(address) = text.parse() {
        return vec![address];
    }
    found_in_time(tokio::net::lookup_host(text), Duration::from_millis(DIAL_MS_MAX)).await
}

/// The first addresses of a lookup. A resolver that nobody answers, as on a network without its uplink,
/// takes longer than a whole dialling may.
async fn found_in_time<A: Iterator<Item = SocketAddr>>(
    lookup: impl Future<Output = std::io::Result<A>>,
    wait: Duration,
) -> Vec<SocketAddr> {
    match tokio::time::timeout(wait, lookup).await {
        Ok(Ok(found)) => found.take(NAME_ADDRESSES_MAX).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_needs_no_lookup_and_a_name_does() {
        let plain = resolve("192.0.2.1:8031").await;
        assert_eq!(plain, [SocketAddr::from(([192, 0, 2, 1], 8031))]);
        assert!(resolve("no address at all").await.is_empty());
    }

    #[tokio::test]
    async fn a_resolver_that_is_silent_is_not_waited_for() {
        let silent = std::future::pending::<std::io::Result<std::vec::IntoIter<SocketAddr>>>();
        assert!(found_in_time(silent, Duration::from_millis(5)).await.is_empty());
        let many = vec![SocketAddr::from(([192, 0, 2, 1], 8031)); 9].into_iter();
        let found = found_in_time(std::future::ready(Ok(many)), Duration::from_secs(5)).await;
        assert_eq!(found.len(), NAME_ADDRESSES_MAX);
    }
}
