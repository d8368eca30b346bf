//! The one integration binary: what a user of the whole product would notice.
//!
//! Most tests drive the built `chaski` command and served nodes; the simulator
//! drives the sans-IO engine in virtual time. Data of others is read from
//! `CHASKI_KIT`; a test that finds none says `SKIPPED: …`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod apart_and_together;
mod bad_input;
mod bad_luck;
mod browser;
mod circles;
mod clients;
mod conflicts;
mod formats;
mod fuzz;
mod grants;
mod https;
mod hub;
mod hub_status;
mod immunization;
mod import;
mod json_keys;
mod layering;
mod lifecycle;
mod link_profile;
mod network_pages;
mod opening;
mod outputs;
mod parcels;
mod power_cut;
mod problem;
mod records;
mod release;
mod sealed;
mod simulator;
mod slow_link;
mod sync;
mod tidy;
mod unlock;
mod wrong_clock;
