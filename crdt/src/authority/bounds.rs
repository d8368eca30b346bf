//! How much one statement says at most, and how much is held.

/// The most statements in an encoded authority.
pub const STATEMENTS_MAX: usize = 65_536;
/// The most bytes of one signer's statements that are held, revocations apart.
pub const SIGNER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most bytes of one signer's revocations, of members and of issuers, that are held.
pub const SIGNER_REVOCATIONS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most bytes of an encoded authority.
pub const AUTHORITY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most bytes of one statement's body.
pub const STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// The longest name, site, role or panel in a statement, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The most sites or panels one grant or limit may list.
pub const LISTED_MAX: usize = 256;
/// The most incarnations a revocation may name.
pub const INCARNATIONS_MAX: usize = 3_000;
