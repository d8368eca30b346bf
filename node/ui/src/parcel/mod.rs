//! Records by stick or mail: what the pages ask of the node for it, and the page.
//!
//! Invariants: no parcel is held whole, neither here nor on the node's disk; who may
//! is the clinic's to say, each time; what a parcel holds is unknown to the pages.

mod page;
mod parcels;
mod stream;

pub(crate) use page::{parcel_page, parcel_read, parcel_write};
pub use parcels::{
    FileFault, ParcelFailure, ParcelRecipient, ParcelTaken, ParcelWanted, ParcelWritten, Parcels,
};
