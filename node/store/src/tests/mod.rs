//! Tests of the store as its users see it.

mod audit;
mod crash;
mod decode;
mod durable;
mod files;
mod found;
mod history;
mod reopen;
mod replicate;
mod seal;
mod search;
mod slots;
mod undone;
mod writes;
