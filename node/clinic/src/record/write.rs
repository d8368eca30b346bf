//! Create, update and delete one record.

use chaski_fhir::search::Query;
use chaski_json::Json;
use chaski_store::{
    Base, COLLISION_PATH, CommitError, Current, HISTORY_CHANGES_MAX, RESOURCE_BYTES_MAX, RecordKey, Refusal,
    VersionId, Write, Written,
};

use super::RecordError;
use super::prepare::{Pending, derived_key, id_of, kind_of};
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// How a record is created.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// `If-None-Exist`: a query string; a match is answered instead.
    pub if_none_exist: Option<String>,
}

/// As `If-Match`: there must be such a record, in whatever version (RFC 9110, 13.1.1).
pub const ANY_VERSION: &str = "*";

/// How a record is updated.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// The version the writer read, or [`ANY_VERSION`].
    pub if_match: Option<String>,
    /// Merge when that version is no longer current, instead of refusing; without a version to match, when the one in
    /// the body's `meta.versionId` is not.
    pub merge: bool,
    /// Create only: the record must not exist (`If-None-Match: *`).
    pub must_not_exist: bool,
    /// The write decides open conflicts of what it changes.
    pub resolution: bool,
    /// Accept an id that is no UUID for this one record.
    pub accept_id: bool,
}

impl Clinic {
    /// Creates a record under a new id; the body's own id is ignored.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn record_create(
        &self,
        caller: &Caller,
        mut json: Json,
        options: &CreateOptions,
    ) -> Result<Written, RecordError> {
        let kind = kind_of(&json)?.to_owned();
        self.allow(caller, Action::RecordCreate, &Target::Kind(&kind))?;
        let condition = match &options.if_none_exist {
            Some(query) => Some(self.condition(&kind, query)?),
            None => None,
        };
        if let Some(query) = &condition
            && let Some(key) = self.match_one(caller, query)?
        {
            return self.unchanged(caller, &key);
        }
        let key = match condition.as_ref().and_then(derived_key) {
            Some(key) if self.may_take(caller, &key)? => key,
            _ => self.new_key(&kind)?,
        };
        self.prepare(caller, &mut json, &key, None, &Pending::new())?;
        let if_none_exist = condition.map(|query| self.door_condition(caller, query));
        let create = Write::Create {
            json,
            if_none_exist: if_none_exist.transpose()?,
        };
        self.commit_one(caller, create)
    }

    /// Replaces a record, or creates it under the id of its URL.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn record_update(
        &self,
        caller: &Caller,
        kind: &str,
        id: &str,
        mut json: Json,
        options: &UpdateOptions,
    ) -> Result<Written, RecordError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind(kind))?;
        check_key(&json, kind, id)?;
        let key = RecordKey::new(kind, id).map_err(|_| RecordError::BadId)?;
        let named_version = named(options.if_match.as_deref())
            .or_else(|| json.pointer("/meta/versionId").and_then(Json::as_str));
        let before = self.door_read_at(caller, Action::RecordUpdate, &key, named_version)?;
        if before.is_none() {
            self.check_id(kind, id, options.accept_id)?;
        }
        if options.must_not_exist && before.as_ref().is_some_and(|current| !current.deleted) {
            return Err(RecordError::Exists(key));
        }
        let base = if options.must_not_exist {
            // Looked at above for the sake of a quick answer; it is the store's writer that decides.
            Base::Absent
        } else {
            self.update_base(caller, &key, &json, before.as_ref(), options)?
        };
        self.prepare(caller, &mut json, &key, before.as_ref(), &Pending::new())?;
        let write = Write::Put {
            key,
            json,
            base,
            resolution: options.resolution,
        };
        self.commit_one(caller, write)
    }

    /// Updates the one record a condition matches, or creates one.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::NoMatch`] where a version is named and nothing matches.
    pub fn record_update_where(
        &self,
        caller: &Caller,
        kind: &str,
        query: &str,
        json: Json,
        options: &UpdateOptions,
    ) -> Result<Written, RecordError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind(kind))?;
        if kind_of(&json)? != kind {
            return Err(RecordError::KeyMismatch {
                body: kind_of(&json)?.to_owned(),
                url: kind.to_owned(),
            });
        }
        let condition = self.condition(kind, query)?;
        for _ in 0..CONDITION_TRIES_MAX {
            let done = match self.match_current(caller, &condition)? {
                Some(found) => self.update_found(caller, found, json.clone(), options),
                None => self.create_unmatched(caller, &condition, json.clone(), options),
            };
            // Another writer was between the search and the write: what matches is looked for again.
            if let Some(done) = settled(done, named(options.if_match.as_deref()).is_some()) {
                return done;
            }
        }
        Err(RecordError::Matched(kind.to_owned()))
    }

    /// Updates what a condition has found, as it was then: changed since, it may no longer match.
    fn update_found(
        &self,
        caller: &Caller,
        found: Current,
        mut json: Json,
        options: &UpdateOptions,
    ) -> Result<Written, RecordError> {
        let key = &found.key;
        if id_of(&json).is_none()
            && let Some(members) = json.as_object_mut()
        {
            members.insert("id".to_owned(), Json::from(key.id()));
        }
        let is_as_found = named(options.if_match.as_deref()).is_none()
            && match self.update_base(caller, key, &json, Some(&found), options)? {
                Base::Current | Base::OfPatient | Base::OneOfSeveral | Base::Present => true,
                Base::Version(version) => version == found.version,
                Base::IfMatch(_) | Base::Absent => false,
            };
        let options = UpdateOptions {
            if_match: match is_as_found {
                true => Some(found.version.to_string()),
                false => options.if_match.clone(),
            },
            ..options.clone()
        };
        self.record_update(caller, key.kind(), key.id(), json, &options)
    }

    /// Creates what a condition did not find; `created` is false, and nothing is written, where another
    /// writer has made it meanwhile.
    fn create_unmatched(
        &self,
        caller: &Caller,
        condition: &Query,
        mut json: Json,
        options: &UpdateOptions,
    ) -> Result<Written, RecordError> {
        let kind = &condition.kind;
        if options.if_match.is_some() {
            return Err(RecordError::NoMatch(kind.clone()));
        }
        let key = match (derived_key(condition), id_of(&json)) {
            (Some(key), _) if self.may_take(caller, &key)? => key,
            (_, Some(id)) => self.check_id(kind, id, options.accept_id)?,
            (_, None) => self.new_key(kind)?,
        };
        self.prepare(caller, &mut json, &key, None, &Pending::new())?;
        let create = Write::Create {
            json,
            if_none_exist: Some(self.door_condition(caller, condition.clone())?),
        };
        let written = self.commit_one(caller, create)?;
        match written.created {
            true => Ok(written),
            false => Err(RecordError::Matched(kind.clone())),
        }
    }

    /// Whether whoever writes may see what has stood under a key, if anything has: else a record of their own gets
    /// another, and nothing is told of that one.
    pub(crate) fn may_take(&self, caller: &Caller, key: &RecordKey) -> Result<bool, RecordError> {
        match self.door_read(caller, Action::RecordCreate, key) {
            Err(RecordError::NotFound(_)) => Ok(false),
            Ok(_) | Err(RecordError::Collision(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Marks a record deleted. Deleting what is deleted is no error, whatever version was
    /// read, "any" included: a reply lost on the way is asked for again.
    ///
    /// # Errors
    /// [`RecordError::NotFound`], [`RecordError::Stale`], or the policy's or
    /// store's.
    pub fn record_delete(
        &self,
        caller: &Caller,
        key: &RecordKey,
        if_match: Option<&str>,
    ) -> Result<Written, RecordError> {
        self.allow(caller, Action::RecordDelete, &Target::Kind(key.kind()))?;
        let before = self.door_read_at(caller, Action::RecordDelete, key, named(if_match))?;
        let Some(before) = before else {
            return Err(match if_match {
                Some(_) => stale(key, None),
                None => RecordError::NotFound(key.clone()),
            });
        };
        if before.deleted {
            return Ok(already(&before));
        }
        let base = match if_match {
            Some(version) => match_base(key, version, Some(&before))?,
            None => Base::Current,
        };
        self.commit_one(
            caller,
            Write::Delete {
                key: key.clone(),
                base,
            },
        )
    }

    /// Everything a resource goes through before a commit; it leaves with its
    /// id set.
    pub(crate) fn prepare(
        &self,
        caller: &Caller,
        json: &mut Json,
        key: &RecordKey,
        before: Option<&Current>,
        pending: &Pending,
    ) -> Result<(), RecordError> {
        if let Some(members) = json.as_object_mut() {
            members.insert("id".to_owned(), Json::from(key.id()));
        }
        check_whole(json)?;
        self.settle_references(caller, json)?;
        self.check_structure(json, before)?;
        self.check_references(caller, json, before, pending)
    }

    /// Commits one write.
    pub(crate) fn commit_one(&self, caller: &Caller, write: Write) -> Result<Written, RecordError> {
        let written = self.commit(caller, vec![write]).map_err(|error| match error {
            RecordError::Entry { source, .. } => *source,
            other => other,
        })?;
        written
            .into_iter()
            .next()
            .ok_or(RecordError::Store(chaski_store::StoreError::Stopped))
    }

    /// Commits writes as one; a refusal names the write as an entry.
    pub(crate) fn commit(&self, caller: &Caller, writes: Vec<Write>) -> Result<Vec<Written>, RecordError> {
        self.store()
            .commit_cleared(caller.context(), caller.clearance(), writes)
            .map_err(commit_error)
    }

    /// The base of an update: the version of If-Match, else what is current. A writer who wants its change merged with
    /// what others wrote since its body was read says so: then it is the body's `meta.versionId`, where it is one of
    /// ours. Else a body that was read long ago replaces what stands, as PUT does everywhere.
    pub(crate) fn update_base(
        &self,
        caller: &Caller,
        key: &RecordKey,
        json: &Json,
        before: Option<&Current>,
        options: &UpdateOptions,
    ) -> Result<Base, RecordError> {
        let is_any = options.if_match.as_deref() == Some(ANY_VERSION);
        if is_any && before.is_none_or(|current| current.deleted) {
            return Err(stale(key, None));
        }
        if let Some(text) = named(options.if_match.as_deref()) {
            if !options.merge {
                return match_base(key, text, before);
            }
            let current = before
                .map(|current| current.version.to_string())
                .unwrap_or_default();
            let known = self.known_version(caller, key, text, before)?;
            return known.map(Base::Version).ok_or(RecordError::Stale {
                key: key.clone(),
                current,
            });
        }
        if is_any {
            // Any version will do: what the body was read at is not asked.
            return Ok(Base::Present);
        }
        let read = json.pointer("/meta/versionId").and_then(Json::as_str);
        let text = read.filter(|_| options.merge).unwrap_or_default();
        Ok(self
            .known_version(caller, key, text, before)?
            .map_or(Base::Current, Base::Version))
    }

    /// The version that `text` names, if this record has had it here.
    fn known_version(
        &self,
        caller: &Caller,
        key: &RecordKey,
        text: &str,
        before: Option<&Current>,
    ) -> Result<Option<VersionId>, RecordError> {
        let (Ok(version), Some(before)) = (text.parse::<VersionId>(), before) else {
            return Ok(None);
        };
        if before.version == version {
            return Ok(Some(version));
        }
        Ok(self
            .door_version(caller, Action::RecordUpdate, key, &version)?
            .filter(|found| !found.deleted)
            .map(|_| version))
    }

    fn unchanged(&self, caller: &Caller, key: &RecordKey) -> Result<Written, RecordError> {
        let current = self.door_read(caller, Action::RecordCreate, key)?;
        current
            .as_ref()
            .map(already)
            .ok_or_else(|| RecordError::NotFound(key.clone()))
    }

    /// Deletes the record a condition matches, if one does.
    ///
    /// # Errors
    /// [`RecordError::MultipleMatches`] when it matches more; [`RecordError::NoMatch`] where a version is
    /// named and nothing matches.
    pub fn record_delete_where(
        &self,
        caller: &Caller,
        kind: &str,
        query: &str,
        if_match: Option<&str>,
    ) -> Result<Option<Written>, RecordError> {
        self.allow(caller, Action::RecordDelete, &Target::Kind(kind))?;
        let condition: Query = self.condition(kind, query)?;
        for _ in 0..CONDITION_TRIES_MAX {
            let Some(found) = self.match_current(caller, &condition)? else {
                return match if_match {
                    Some(_) => Err(RecordError::NoMatch(kind.to_owned())),
                    None => Ok(None),
                };
            };
            let version = found.version.to_string();
            let own = named(if_match);
            let done = self.record_delete(caller, &found.key, own.or(Some(&version)));
            if let Some(done) = settled(done, own.is_some()) {
                return done.map(Some);
            }
        }
        Err(RecordError::Matched(kind.to_owned()))
    }
}

/// How often a conditional write is tried when others write between its search and itself.
const CONDITION_TRIES_MAX: usize = 3;

/// What a conditional write came to; nothing where another writer came between. A version that the
/// writer named decides by itself.
fn settled<T>(done: Result<T, RecordError>, is_version_named: bool) -> Option<Result<T, RecordError>> {
    match done {
        Err(RecordError::Matched(_)) => None,
        Err(RecordError::Stale { .. }) if !is_version_named => None,
        done => Some(done),
    }
}

pub(crate) fn already(current: &Current) -> Written {
    Written {
        key: current.key.clone(),
        version: current.version.clone(),
        last_updated_ms: current.last_updated_ms,
        created: false,
        unchanged: true,
        apart: Vec::new(),
    }
}

/// Refuses what a read left a part of (`_summary`, `_elements`): put back, it
/// would take the rest away.
pub(crate) fn check_whole(json: &Json) -> Result<(), RecordError> {
    let tags = json.pointer("/meta/tag").and_then(Json::as_array);
    let is_part = tags.is_some_and(|tags| {
        tags.iter()
            .any(|tag| tag.get("code").and_then(Json::as_str) == Some("SUBSETTED"))
    });
    if is_part {
        return Err(RecordError::Refused(
            "this is part of a record (tagged SUBSETTED): read the whole record, then change it".to_owned(),
        ));
    }
    Ok(())
}

/// The version an If-Match names; "any" names none.
pub(crate) fn named(if_match: Option<&str>) -> Option<&str> {
    if_match.filter(|version| *version != ANY_VERSION)
}

/// Refuses a body that is not, by its own type and id, the record of the URL.
///
/// An update must carry its id (FHIR R4, RESTful API, update): a body without one is as
/// likely meant for another record.
pub(crate) fn check_key(json: &Json, kind: &str, id: &str) -> Result<(), RecordError> {
    let body_kind = kind_of(json)?;
    match id_of(json) {
        Some(body) if body_kind == kind && body == id => Ok(()),
        None if body_kind == kind && json.get("id").is_none() => Err(RecordError::IdMissing {
            kind: kind.to_owned(),
            url: format!("{kind}/{}", shown_id(Some(id))),
        }),
        body => Err(RecordError::KeyMismatch {
            body: format!("{body_kind}/{}", shown_id(body)),
            url: format!("{kind}/{}", shown_id(Some(id))),
        }),
    }
}

pub(crate) fn match_base(
    key: &RecordKey,
    version: &str,
    before: Option<&Current>,
) -> Result<Base, RecordError> {
    if version == ANY_VERSION {
        return match before {
            Some(current) if !current.deleted => Ok(Base::Present),
            _ => Err(stale(key, None)),
        };
    }
    match version.parse::<VersionId>() {
        Ok(version) if before.is_some_and(|current| current.version == version) => Ok(Base::IfMatch(version)),
        _ => Err(stale(key, before)),
    }
}

fn stale(key: &RecordKey, before: Option<&Current>) -> RecordError {
    RecordError::Stale {
        key: key.clone(),
        current: before
            .map(|current| current.version.to_string())
            .unwrap_or_default(),
    }
}

/// An id as an error may show it: only if it is one.
fn shown_id(id: Option<&str>) -> &str {
    match id {
        Some(id) if chaski_fhir::id::is_fhir_id(id) => id,
        Some(_) => "(no valid id)",
        None => "(no id)",
    }
}

/// A failed commit as this service says it.
pub(crate) fn commit_error(error: CommitError) -> RecordError {
    match error {
        CommitError::Refused { index, key, refusal } => refused(key, refusal).at_entry(index),
        CommitError::TooMany { max } => {
            RecordError::TooLarge(format!("a transaction holds at most {max} records"))
        }
        CommitError::Store(error) => error.into(),
    }
}

/// The limit of one record, and the way round it.
fn record_too_large() -> String {
    format!(
        "one record holds at most {} MiB of JSON: put a large attachment in parts into several records, or where it can be \
         fetched and refer to it by its url",
        RESOURCE_BYTES_MAX / (1024 * 1024)
    )
}

pub(crate) fn refused(key: Option<RecordKey>, refusal: Refusal) -> RecordError {
    let kind = key.as_ref().map(|key| key.kind().to_owned()).unwrap_or_default();
    let Some(key) = key else {
        return match refusal {
            Refusal::MultipleMatches => RecordError::MultipleMatches(kind),
            Refusal::Matched => RecordError::Matched(kind),
            other => RecordError::Refused(other.to_string()),
        };
    };
    match refusal {
        Refusal::NotFound => RecordError::NotFound(key),
        Refusal::Exists => RecordError::Exists(key),
        Refusal::Deleted => RecordError::Gone {
            key,
            version: String::new(),
        },
        Refusal::VersionMismatch { current } => RecordError::Stale {
            key,
            current: current.map(|version| version.to_string()).unwrap_or_default(),
        },
        Refusal::UnknownVersion => RecordError::VersionNotFound(key),
        Refusal::Conflicted { path } if path == COLLISION_PATH => RecordError::Collision(key),
        Refusal::Conflicted { path } => RecordError::ConflictOpen { key, path },
        Refusal::MultipleMatches => RecordError::MultipleMatches(kind),
        Refusal::Matched => RecordError::Matched(kind),
        Refusal::TooLarge => RecordError::TooLarge(record_too_large()),
        Refusal::HistoryFull => RecordError::Refused(format!(
            "the record's history is full: one record holds at most {HISTORY_CHANGES_MAX} changes made at nodes"
        )),
        Refusal::Invalid(_) | Refusal::Condition(_) => RecordError::Refused(refusal.to_string()),
    }
}
