//! Tests of the store as its users see it.

mod crash;
mod decode;
mod files;
mod replicate;
mod search;
mod writes;
