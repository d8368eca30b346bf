//! One target a file.

pub mod authority;
pub mod change_merge;
pub mod change_parse;
pub mod codec;
pub mod http_search;
pub mod import;
pub mod json;
pub mod parcel;
pub mod reconcile;
pub mod search;
pub mod texts;
pub mod ticket;
pub mod wire;
