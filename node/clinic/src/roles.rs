//! What a caller may be: what the policy decides by, beside what they are cleared for.

/// What a person may be; a caller holds one or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Tokens, node state and shared records; no clinical record.
    Administrator,
    /// Reads and writes clinical records, resolves conflicts.
    Clinician,
    /// Reads clinical records.
    Reader,
    /// The person at the node's own console: everything.
    Operator,
}

impl Role {
    /// Every role, in the order they are listed to people.
    pub const ALL: [Role; 4] = [Role::Administrator, Role::Clinician, Role::Reader, Role::Operator];

    /// The name used in contexts, tokens and audit entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Administrator => "administrator",
            Role::Clinician => "clinician",
            Role::Reader => "reader",
            Role::Operator => "operator",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Role::Administrator => 1,
            Role::Clinician => 2,
            Role::Reader => 4,
            Role::Operator => 8,
        }
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Roles(u8);

impl Roles {
    /// No role at all: everything is refused.
    pub const NONE: Roles = Roles(0);

    /// The set of one role.
    #[must_use]
    pub const fn one(role: Role) -> Roles {
        Roles(role.bit())
    }

    /// This set and `role`.
    #[must_use]
    pub const fn with(self, role: Role) -> Roles {
        Roles(self.0 | role.bit())
    }

    /// What the bootstrap token holds: administrator and clinician.
    #[must_use]
    pub const fn bootstrap() -> Roles {
        Roles::one(Role::Administrator).with(Role::Clinician)
    }

    /// Whether `role` is in the set.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads names joined by commas; `None` if one is unknown or there is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Roles> {
        let mut roles = Roles::NONE;
        for name in text.split(',').map(str::trim) {
            roles = roles.with(Role::ALL.into_iter().find(|role| role.name() == name)?);
        }
        Some(roles)
    }

    /// The names joined by commas, as [`Roles::parse`] reads them.
    #[must_use]
    pub fn names(self) -> String {
        let names: Vec<&str> = Role::ALL
            .into_iter()
            .filter(|role| self.has(*role))
            .map(Role::name)
            .collect();
        names.join(",")
    }

    /// Whether one of `roles` is in the set.
    pub(crate) fn any(self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }
}

impl std::fmt::Display for Roles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names())
    }
}
