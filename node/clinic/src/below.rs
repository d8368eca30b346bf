//! Small readings over the store that several features share.

use chaski_json::Json;
use chaski_store::{
    AUTHORED_URL, Authored, CONFLICT_CODE, CONFLICT_URL, Context, RecordKey, StoreError, TAG_SYSTEM,
};

use crate::Clinic;

impl Clinic {
    /// Whether a record is here and not deleted.
    pub(crate) fn is_here(&self, ctx: &Context, key: &RecordKey) -> Result<bool, StoreError> {
        Ok(self
            .store()
            .read(ctx, key)?
            .is_some_and(|current| !current.deleted))
    }

    /// Who made the newest change of a record.
    pub(crate) fn last_authored(&self, key: &RecordKey) -> Result<Option<Authored>, StoreError> {
        Ok(self
            .store()
            .authored(key)?
            .into_iter()
            .max_by_key(|authored| authored.time_ms))
    }
}

/// Takes off what this node's reads add to a record.
pub(crate) fn strip(json: &mut Json) {
    let Some(members) = json.as_object_mut() else {
        return;
    };
    let Some(meta) = members.get_mut("meta").and_then(Json::as_object_mut) else {
        return;
    };
    meta.remove("versionId");
    meta.remove("lastUpdated");
    let own_extension = |one: &Json| {
        matches!(
            one.get("url").and_then(Json::as_str),
            Some(CONFLICT_URL | AUTHORED_URL)
        )
    };
    let own_tag = |one: &Json| {
        one.get("system").and_then(Json::as_str) == Some(TAG_SYSTEM)
            && one.get("code").and_then(Json::as_str) == Some(CONFLICT_CODE)
    };
    for (name, own) in [
        ("extension", &own_extension as &dyn Fn(&Json) -> bool),
        ("tag", &own_tag),
    ] {
        if let Some(list) = meta.get_mut(name).and_then(Json::as_array_mut) {
            list.retain(|one| !own(one));
            if list.is_empty() {
                meta.remove(name);
            }
        }
    }
    if meta.is_empty() {
        members.remove("meta");
    }
}
