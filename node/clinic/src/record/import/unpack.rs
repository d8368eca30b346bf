//! Takes containers apart: Bundles of every type, and Parameters.
//!
//! Invariants: a container is never stored as a record where its content was taken; what an entry asks for is done or
//! refused by name; a history is taken from its oldest entry to its newest; containers are opened to a depth of
//! [`DEPTH_MAX`].

use chaski_fhir::reference;
use chaski_json::Json;

use super::entry::{Asked, Item, ReadItem};
use super::incoming::Place;
use super::{ImportError, ImportSession};
use crate::record::RecordError;
use crate::record::bundle::{Method, Request, read_request, same_kind};
use crate::record::export::take_whole_mark;

/// Containers within each other, at most.
const DEPTH_MAX: usize = 8;

/// What an entry comes to.
enum Step {
    Item(Item),
    /// A container, or a resource that nothing is asked of.
    Inside(Json),
    /// It holds no record; what it holds instead, where that is worth a word.
    Nothing(&'static str),
}

impl ImportSession<'_> {
    /// Takes a value of a file, or what an entry or parameter holds.
    pub(super) fn take(&mut self, place: Place, mut json: Json, depth: usize) -> Result<(), ImportError> {
        let kind = json
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let is_container = matches!(kind, "Bundle" | "Parameters") && !take_whole_mark(&mut json);
        if is_container && depth >= DEPTH_MAX {
            let reason = format!("more than {DEPTH_MAX} Bundles or Parameters within each other");
            self.refuse(&place, ("", ""), reason);
            return Ok(());
        }
        match json.get("resourceType").and_then(Json::as_str) {
            Some("Bundle") if is_container => self.bundle(&place, json, depth),
            Some("Parameters") if is_container => self.parameters(&place, json, depth),
            _ => {
                self.go_on()?;
                self.single(Item::plain(place, json))
            }
        }
    }

    fn single(&mut self, mut item: Item) -> Result<(), ImportError> {
        match self.read(&mut item) {
            Ok(Some(read)) => self.accept(read),
            Ok(None) => {
                self.report.records += 1;
                self.report.unchanged += 1;
                Ok(())
            }
            Err(error) => {
                self.refuse_item(&item, error.to_string());
                Ok(())
            }
        }
    }

    fn parameters(&mut self, place: &Place, mut json: Json, depth: usize) -> Result<(), ImportError> {
        let mut held = Vec::new();
        resources(&mut json, DEPTH_MAX, &mut held);
        if held.is_empty() {
            let reason = "Parameters that hold no resource: there is no record in them";
            self.refuse(place, ("Parameters", ""), reason.to_owned());
            return Ok(());
        }
        let said = "Parameters: the resources in them are taken; what else they say is not kept";
        self.say(place, ("Parameters", ""), said.to_owned());
        for (number, resource) in held.into_iter().enumerate() {
            self.take(place.entry(number), resource, depth + 1)?;
        }
        Ok(())
    }

    fn bundle(&mut self, place: &Place, mut bundle: Json, depth: usize) -> Result<(), ImportError> {
        let of_type = bundle
            .get("type")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        let entries = match bundle.get_mut("entry").map(Json::take) {
            Some(Json::Array(entries)) => entries,
            None => Vec::new(),
            Some(_) => {
                self.refuse(place, ("Bundle", ""), "entry must be an array".to_owned());
                return Ok(());
            }
        };
        if let Some(said) = what_is_lost(&of_type) {
            self.say(place, ("Bundle", ""), said.to_owned());
        }
        self.bundles += 1;
        let number = self.bundles;
        let mut entries: Vec<(usize, Json)> = entries.into_iter().enumerate().collect();
        if of_type == "history" {
            // The newest stands first (FHIR R4, RESTful API, history).
            entries.reverse();
        }
        let mut items = Vec::with_capacity(entries.len());
        for (index, entry) in entries {
            let place = place.entry(index);
            match step(&of_type, entry, &place, number) {
                Ok(Step::Item(item)) => items.push(Ok(item)),
                Ok(Step::Inside(resource)) => self.take(place, resource, depth + 1)?,
                Ok(Step::Nothing("")) => {}
                Ok(Step::Nothing(said)) => self.say(&place, ("", ""), said.to_owned()),
                Err((item, error)) => items.push(Err((*item, error))),
            }
        }
        self.items(items, of_type == "transaction")
    }

    /// Takes what the entries of one Bundle ask for; of a transaction all or nothing.
    fn items(
        &mut self,
        items: Vec<Result<Item, (Item, RecordError)>>,
        is_whole: bool,
    ) -> Result<(), ImportError> {
        let mut taken: Vec<(Item, Option<ReadItem>)> = Vec::with_capacity(items.len());
        let mut refused: Vec<(Item, RecordError)> = Vec::new();
        for item in items {
            self.go_on()?;
            match item {
                Ok(mut item) => match self.read(&mut item) {
                    Ok(read) => taken.push((item, read)),
                    Err(error) => refused.push((item, error)),
                },
                Err(failed) => refused.push(failed),
            }
        }
        let first = refused.first().map(|(item, _)| item.place.entry.clone());
        for (item, error) in refused {
            self.refuse_item(&item, error.to_string());
        }
        for (item, read) in taken {
            match (&first, read) {
                (Some(first), _) if is_whole => {
                    let reason = format!(
                        "entry {first} of its transaction is refused, and a transaction is taken whole or not at all"
                    );
                    self.refuse_item(&item, reason);
                }
                (_, Some(read)) => self.accept(read)?,
                (_, None) => {
                    self.report.records += 1;
                    self.report.unchanged += 1;
                }
            }
        }
        Ok(())
    }
}

/// What taking a Bundle of this type apart does not keep.
fn what_is_lost(of_type: &str) -> Option<&'static str> {
    Some(match of_type {
        "transaction"
        | "batch"
        | "searchset"
        | "collection"
        | "history"
        | "batch-response"
        | "transaction-response" => return None,
        "document" => {
            "a document: its entries are taken as records; the document as one, its identifier and its signature are not kept"
        }
        "message" => {
            "a message: its entries are taken as records; what its header asks for is not done, and the message as one is not kept"
        }
        _ => "a Bundle of a type that FHIR R4 does not have: its entries are taken as those of a collection",
    })
}

/// The resources that Parameters hold, in their order.
fn resources(parameters: &mut Json, depth: usize, held: &mut Vec<Json>) {
    for name in ["parameter", "part"] {
        let Some(list) = parameters.get_mut(name).and_then(Json::as_array_mut) else {
            continue;
        };
        for one in list {
            if let Some(resource) = one.get_mut("resource").map(Json::take)
                && resource.as_object().is_some()
            {
                held.push(resource);
            }
            if depth > 0 {
                resources(one, depth - 1, held);
            }
        }
    }
}

/// What an entry comes to; one that is refused is told by what is known of it.
fn step(
    of_type: &str,
    mut entry: Json,
    place: &Place,
    bundle: u64,
) -> Result<Step, (Box<Item>, RecordError)> {
    if entry.pointer("/search/mode").and_then(Json::as_str) == Some("outcome") {
        // What a server said about its search is no record.
        return Ok(Step::Nothing(""));
    }
    let is_response = matches!(of_type, "batch-response" | "transaction-response");
    let kind = entry.pointer("/resource/resourceType").and_then(Json::as_str);
    if kind == Some("OperationOutcome") && (is_response || of_type == "searchset") {
        return Ok(Step::Nothing(
            "what a server said about a request: it is no record",
        ));
    }
    let is_container = matches!(kind, Some("Bundle" | "Parameters"));
    let mut item = Item {
        place: place.clone(),
        asked: Asked::Plain,
        json: Json::Null,
        full_url: entry.get("fullUrl").and_then(Json::as_str).map(str::to_owned),
        time: entry
            .pointer("/response/lastModified")
            .and_then(Json::as_str)
            .map(str::to_owned),
        etag: entry
            .pointer("/response/etag")
            .and_then(Json::as_str)
            .map(str::to_owned),
        bundle,
    };
    let asked = match of_type {
        "history" => asked_then(&entry),
        _ if is_response || entry.get("request").is_none() => Ok(None),
        _ => asked_now(&mut entry, &mut item),
    };
    let resource = match entry.get_mut("resource").map(Json::take) {
        Some(resource) if !resource.is_null() => Some(resource),
        _ => None,
    };
    if item.json.is_null()
        && let Some(resource) = resource
    {
        item.json = resource;
    }
    match asked {
        Ok(None) if item.json.is_null() => Ok(match is_response {
            true => Step::Nothing(""),
            false => Step::Nothing("an entry without a resource"),
        }),
        Ok(None) if is_container => Ok(Step::Inside(item.json)),
        Ok(asked) => {
            if let Some(asked) = asked {
                item.asked = asked;
            }
            match item.asked {
                Asked::Question => Ok(Step::Nothing(
                    "an entry that asks for something: it holds no record",
                )),
                _ => Ok(Step::Item(item)),
            }
        }
        Err(error) => Err((Box::new(item), error)),
    }
}

/// What was done to a record, as an entry of a history says it.
fn asked_then(entry: &Json) -> Result<Option<Asked>, RecordError> {
    let method = entry.pointer("/request/method").and_then(Json::as_str);
    let has_resource = entry.get("resource").is_some_and(|resource| !resource.is_null());
    if method != Some("DELETE") {
        return match has_resource {
            true => Ok(None),
            false => Err(RecordError::Bundle(
                "an entry of a history has neither a resource nor DELETE".to_owned(),
            )),
        };
    }
    let url = entry.pointer("/request/url").and_then(Json::as_str);
    let full_url = entry.get("fullUrl").and_then(Json::as_str);
    let named = [url, full_url].into_iter().flatten().find_map(local_name);
    let (kind, id) = named.ok_or_else(|| {
        RecordError::Bundle("a DELETE in a history does not say of which record: Type/id".to_owned())
    })?;
    Ok(Some(Asked::Delete { kind, id }))
}

/// Type and id of a URL, relative or not.
fn local_name(url: &str) -> Option<(String, String)> {
    let relative = reference::tail(url).map_or(url, |(_, rest)| rest);
    match reference::parse(relative.trim_start_matches('/'), &[]) {
        reference::Reference::Local { kind, id, .. } => Some((kind.to_owned(), id.to_owned())),
        _ => None,
    }
}

/// What an entry asks a server for, by the rules of `/fhir`. The resource is put into the item.
fn asked_now(entry: &mut Json, item: &mut Item) -> Result<Option<Asked>, RecordError> {
    // Kept for a refusal, which names what it refuses.
    item.json = entry.get("resource").cloned().unwrap_or_default();
    if let Some(url) = entry.pointer("/request/url").and_then(Json::as_str)
        && let Some((_, rest)) = reference::tail(url)
    {
        let relative = Json::from(rest);
        if let Some(request) = entry.get_mut("request").and_then(Json::as_object_mut) {
            request.insert("url".to_owned(), relative);
        }
    }
    let Request {
        method,
        kind,
        id,
        query,
        if_match,
        if_none_exist,
        must_not_exist,
        resource,
        ..
    } = read_request(entry.take())?;
    if method == Method::Get {
        return Ok(Some(Asked::Question));
    }
    if if_match.is_some() {
        return Err(RecordError::Bundle(
            "ifMatch names a version of the server that the Bundle was made for, which an import can't check: send the Bundle to that server, or leave ifMatch out".to_owned(),
        ));
    }
    let body = || {
        resource
            .as_ref()
            .ok_or_else(|| RecordError::Bundle("the entry has no resource".to_owned()))
    };
    if method != Method::Delete {
        same_kind(body()?, &kind)?;
    }
    let asked = match (method, id, query) {
        (Method::Post, None, None) => Asked::Create(if_none_exist),
        (Method::Put, Some(id), None) => Asked::Put {
            id,
            is_new: must_not_exist,
        },
        (Method::Put, None, Some(query)) => Asked::PutWhere(query),
        (Method::Delete, Some(id), None) => Asked::Delete { kind, id },
        (Method::Delete, None, Some(query)) => Asked::DeleteWhere { kind, query },
        _ => {
            return Err(RecordError::Bundle(
                "the request's method and url do not go together".to_owned(),
            ));
        }
    };
    Ok(Some(asked))
}
