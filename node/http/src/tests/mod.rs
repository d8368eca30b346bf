//! Through the router, over a store in memory.

mod bundles;
mod errors;
mod interactions;
mod paging;
mod server;
