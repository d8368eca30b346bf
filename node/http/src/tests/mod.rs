//! Through the router, over a store in memory.

mod bounds;
mod bundles;
mod doors;
mod errors;
mod interactions;
mod paging;
mod server;
