//! What one field of two records says.

/// How a field of one record agrees with that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agreement {
    /// The same, but for case, accents and punctuation.
    Equal,
    /// Written or heard otherwise, or within what an estimate leaves open.
    Near,
    /// Another.
    Differs,
    /// One of them, or both, don't say.
    Unknown,
}

/// What a field says, and what that weighs, in hundredths of a bit.
pub(in crate::patient) struct Weighed {
    pub(in crate::patient) agreement: Agreement,
    pub(in crate::patient) weight: i32,
    pub(in crate::patient) shown: (String, String),
}

impl Weighed {
    /// A difference counts for nothing.
    pub(in crate::patient) fn doubt(&mut self) {
        if self.agreement == Agreement::Differs {
            (self.agreement, self.weight) = (Agreement::Unknown, 0);
        }
    }
}
