//! Care of a store: finding damage, and making a whole store of what is whole.

pub(crate) mod manifest;
