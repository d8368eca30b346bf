//! Through the router, over a store in memory.

mod bounds;
mod bundles;
mod compartment;
mod doors;
mod errors;
mod full;
mod interactions;
mod paging;
mod parts;
mod reads;
mod server;
