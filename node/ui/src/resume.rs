//! What was typed outlives the session in which it was typed.
//!
//! A form sent after its session ended (an hour at the bedside, a restart of
//! the node) is answered with the log-in, which carries the form's fields
//! hidden; after the log-in the form is shown again, filled in.
//!
//! Invariants: what was typed stands in pages only, never in a URL, a cookie
//! or the node's memory; it comes back to the person who typed it and to
//! nobody else who signs in there; nothing of it is saved before its reader
//! sends it again.

use askama::Template;

use crate::fields::Fields;
use crate::frame::{Frame, Nav};
use crate::security::{local_path, same_secret};
use crate::state::UiState;

/// Says that a form is to be shown again, not saved.
pub(crate) const RESUME_FIELD: &str = "resume";
const PATH_FIELD: &str = "kept_path";
const FIELD_START: &str = "kept:";

/// A form's token: a secret of the session, and a mark of whose form it is that outlives it.
pub(crate) fn form_token(state: &UiState, secret: &str, holder_id: &str) -> String {
    format!("{secret}.{}", owner_mark(state, holder_id))
}

/// Whether a form token of an earlier session was this person's.
pub(crate) fn is_owner(state: &UiState, form_token: &str, holder_id: &str) -> bool {
    form_token
        .split_once('.')
        .is_some_and(|(_, mark)| same_secret(mark, &owner_mark(state, holder_id)))
}

/// Of the token that its holder signs in with, under a key that only the node has: nobody can make
/// another's, or tell from one whose it is.
fn owner_mark(state: &UiState, holder_id: &str) -> String {
    let hash = blake3::keyed_hash(&state.node.form_key(), holder_id.as_bytes());
    hash.to_hex().chars().take(MARK_DIGITS).collect()
}

const MARK_DIGITS: usize = 32;

/// A form that waits for its owner to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) path: String,
    fields: Vec<(String, String)>,
}

impl Kept {
    /// Of a form that met no session; `None` where there is nothing to come back to.
    pub(crate) fn of_post(path: &str, fields: &Fields) -> Option<Self> {
        let is_form = path != "/logout" && !fields.text("csrf").is_empty();
        is_form.then(|| Self {
            path: local_path(path).to_owned(),
            fields: fields
                .iter()
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
        })
    }

    /// Of the log-in form that carries it.
    pub(crate) fn of_login(fields: &Fields) -> Option<Self> {
        let path = fields.text(PATH_FIELD);
        (!path.is_empty()).then(|| Self {
            path: local_path(&path).to_owned(),
            fields: fields
                .iter()
                .filter_map(|(name, text)| {
                    Some((name.strip_prefix(FIELD_START)?.to_owned(), text.to_owned()))
                })
                .collect(),
        })
    }

    /// Hidden fields of the log-in form.
    pub(crate) fn hidden(&self) -> Vec<(String, &str)> {
        let path = (PATH_FIELD.to_owned(), self.path.as_str());
        let fields = self
            .fields
            .iter()
            .map(|(name, text)| (format!("{FIELD_START}{name}"), text.as_str()));
        std::iter::once(path).chain(fields).collect()
    }

    /// Whether this person typed it.
    pub(crate) fn belongs_to(&self, state: &UiState, holder_id: &str) -> bool {
        self.fields
            .iter()
            .any(|(name, text)| name == "csrf" && is_owner(state, text, holder_id))
    }

    /// The fields as they were sent, without the token of the session that ended.
    pub(crate) fn typed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .filter(|(name, _)| name != "csrf" && name != RESUME_FIELD)
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

/// The step between the log-in and the form: a post, so that nothing typed stands in a URL.
#[derive(Template)]
#[template(path = "resume.html")]
pub(crate) struct ResumePage {
    pub(crate) f: Frame,
    pub(crate) csrf: String,
    pub(crate) kept: Kept,
}
