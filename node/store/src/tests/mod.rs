//! Tests of the store as its users see it.

mod crash;
mod decode;
mod files;
mod reopen;
mod replicate;
mod seal;
mod search;
mod slots;
mod writes;
