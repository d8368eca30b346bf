//! Tests of the store as its users see it.

mod audit;
mod complete;
mod crash;
mod decided;
mod decode;
mod doctor;
mod durable;
mod files;
mod found;
mod history;
mod made;
mod peers;
mod reopen;
mod replicate;
mod room;
mod rules;
mod seal;
mod search;
mod shown;
mod slots;
mod undone;
mod versions;
mod writes;
