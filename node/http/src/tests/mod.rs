//! Through the router, over a store in memory.

mod bounds;
mod bundles;
mod compartment;
mod doors;
mod errors;
mod full;
mod interactions;
mod links;
mod paging;
mod parts;
mod reads;
mod server;
mod told;
mod wishes;
mod work;
