//! `GET /parcel`; `POST /parcel/write`: the file to carry away; `POST /parcel/read`: one that was brought.
//!
//! Both posts can be reloaded as pages, so that a change of language or a page's own refresh leads to the
//! forms and repeats nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use askama::Template;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chaski_clinic::form::FieldErrors;
use tokio::sync::OwnedSemaphorePermit;

use super::parcels::{FileFault, ParcelFailure, ParcelRecipient, ParcelTaken, ParcelWanted};
use super::stream::{
    Measured, Patience, answer_pieces, body, drain_body, drain_field, hand_on, upload_pieces,
};
use crate::error::{Fault, PageError, parcel_denied};
use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::nag_view::{NagView, nag_views};
use crate::security::same_secret;
use crate::show::Clock;
use crate::signed::{Posted, Signed};
use crate::state::UiState;

/// What the boxes of the recipients are called, before their key.
const TO_START: &str = "to-";
/// How long the list of recipients is waited for.
const LIST_WAIT: Duration = Duration::from_secs(5);
/// Characters of a key that stand for a name in a file's name.
const MARK_CHARS: usize = 8;
/// The longest form token read.
const CSRF_BYTES_MAX: usize = 256;

#[derive(Template)]
#[template(path = "parcel.html")]
struct ParcelPage {
    f: Frame,
    /// What is wrong with this site, so that a file may reach nobody or say a wrong time.
    nags: Vec<NagView>,
    /// `None` where the node is too busy to say.
    recipients: Option<Vec<ParcelRecipient>>,
    /// Some of them may receive.
    is_for_somebody: bool,
    /// What the last file holds that was written in this session, and for whom.
    written: Option<String>,
    told: Told,
}

/// What the last post came to.
#[derive(Default)]
struct Told {
    problem: Option<String>,
    taken: Option<TakenView>,
}

struct TakenView {
    raw: ParcelTaken,
    /// All of it was taken in and nothing is missing.
    is_whole: bool,
    fault: Option<String>,
}

pub(crate) async fn parcel_page(signed: Signed) -> Response {
    match signed.state().clinic.parcel_allowed(&signed.caller) {
        true => show(&signed, StatusCode::OK, Told::default()).await,
        false => parcel_denied(&signed.visitor),
    }
}

/// Those a file may be for; nothing where the node is too busy to say.
async fn recipients(signed: &Signed) -> Option<Vec<ParcelRecipient>> {
    let parcels = Arc::clone(&signed.state().parcels);
    let listed = tokio::task::spawn_blocking(move || parcels.parcel_recipients());
    match tokio::time::timeout(LIST_WAIT, listed).await {
        Ok(Ok(Ok(recipients))) => Some(recipients),
        _ => None,
    }
}

async fn show(signed: &Signed, status: StatusCode, told: Told) -> Response {
    // What the last post came to is told whatever becomes of the list.
    let recipients = recipients(signed).await;
    let f = signed.frame(Nav::None).await;
    let nags = signed.state().node.nags();
    let nags = nag_views(&f.clock, nags.iter().filter(|nag| nag.is_against_exchange()));
    let listed = recipients.as_deref().unwrap_or_default();
    page(
        status,
        &ParcelPage {
            written: written_text(signed, &f.clock),
            is_for_somebody: listed.iter().any(|one| !one.is_over),
            f,
            nags,
            recipients,
            told,
        },
    )
}

fn written_text(signed: &Signed, clock: &Clock) -> Option<String> {
    let (at_ms, written) = signed.state().sessions.parcel_last(&signed.secret)?;
    let t = clock.t;
    let (sites, time) = (written.to.join(&format!("{} ", t.s("comma"))), clock.at(&at_ms));
    let named = [("sites", sites.as_str()), ("time", time.as_str())];
    Some(match written.records {
        0 => t.aa("parcel-written-nothing", &named),
        some => t.naa("parcel-written", some, &named),
    })
}

async fn failed(signed: &Signed, failure: ParcelFailure) -> Response {
    let t = signed.t();
    let (status, problem) = match failure {
        ParcelFailure::Denied => return parcel_denied(&signed.visitor),
        ParcelFailure::Internal(reference) => {
            return PageError::noted(&signed.visitor, reference).into_response();
        }
        ParcelFailure::File(fault) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("{} {}", fault_text(t, fault), t.s("parcel-nothing-taken")),
        ),
        ParcelFailure::Stranger(from) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            t.a("parcel-failed-stranger", "site", from),
        ),
        ParcelFailure::Revoked(from) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            t.a("parcel-failed-revoked", "site", from),
        ),
        ParcelFailure::Recipients => (StatusCode::UNPROCESSABLE_ENTITY, t.s("parcel-failed-recipients")),
        ParcelFailure::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, t.s("parcel-failed-disk-full")),
        ParcelFailure::Awaiting => (StatusCode::UNPROCESSABLE_ENTITY, t.s("parcel-failed-awaiting")),
        ParcelFailure::Interrupted => (StatusCode::BAD_REQUEST, t.s("parcel-failed-interrupted")),
        ParcelFailure::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, t.s("parcel-failed-busy")),
    };
    problem_page(signed, status, problem).await
}

async fn problem_page(signed: &Signed, status: StatusCode, problem: String) -> Response {
    let told = Told {
        problem: Some(problem),
        taken: None,
    };
    show(signed, status, told).await
}

fn fault_text(t: &Texts, fault: FileFault) -> String {
    t.s(match fault {
        FileFault::NotAParcel => "parcel-fault-none",
        FileFault::Version => "parcel-fault-version",
        FileFault::OtherNetwork => "parcel-fault-network",
        FileFault::NotForThisNode => "parcel-fault-not-for",
        FileFault::Empty => "parcel-fault-empty",
        FileFault::Own => "parcel-fault-own",
        FileFault::Altered => "parcel-fault-altered",
        FileFault::Cut => "parcel-fault-cut",
        FileFault::Extended => "parcel-fault-extended",
        FileFault::Malformed => "parcel-fault-malformed",
    })
}

fn place(signed: &Signed) -> Result<OwnedSemaphorePermit, ParcelFailure> {
    Arc::clone(&signed.state().parcel_places)
        .try_acquire_owned()
        .map_err(|_| ParcelFailure::Unavailable)
}

pub(crate) async fn parcel_write(posted: Posted) -> Response {
    if posted.resumed {
        return posted.resume_at("/parcel");
    }
    let Posted { signed, fields, .. } = posted;
    let to = fields.iter().filter(|(_, ticked)| *ticked == "1");
    let wanted = ParcelWanted {
        to: to
            .filter_map(|(name, _)| name.strip_prefix(TO_START).map(str::to_owned))
            .collect(),
        all: fields.text("all") == "1",
    };
    if wanted.to.is_empty() {
        let problem = signed.t().s("parcel-failed-nobody");
        return problem_page(&signed, StatusCode::UNPROCESSABLE_ENTITY, problem).await;
    }
    let place = match place(&signed) {
        Ok(place) => place,
        Err(failure) => return failed(&signed, failure).await,
    };
    let (parcels, caller) = (Arc::clone(&signed.state().parcels), signed.caller.clone());
    let listed = recipients(&signed).await.unwrap_or_default();
    let to = recipients_stem(&listed, &wanted.to);
    let (mut out, mut pieces) = answer_pieces();
    let (state, secret) = (signed.state().clone(), signed.secret.clone());
    let work = tokio::task::spawn_blocking(move || {
        // Given back when the work ends, however slowly the browser still takes what waits.
        let _place = place;
        let written = parcels.parcel_write(&caller, &wanted, &mut out)?;
        let now_ms = state.node.now_ms();
        state.sessions.parcel_written(&secret, now_ms, written.clone());
        Ok(written)
    });
    match pieces.recv().await {
        Some(first) => download(&signed, &to, body(first, pieces, work)),
        None => match work.await {
            Ok(Err(failure)) => failed(&signed, failure).await,
            _ => failed(&signed, ParcelFailure::Unavailable).await,
        },
    }
}

fn download(signed: &Signed, to: &str, body: axum::body::Body) -> Response {
    let f = signed.visitor.bare_frame(Nav::None);
    let moment = f.clock.file_moment();
    let from = match file_stem(&f.node.name) {
        empty if empty.is_empty() => "chaski".to_owned(),
        from => from,
    };
    let file = format!("attachment; filename=\"{from}-to-{to}-{moment}.chaski\"");
    let disposition = HeaderValue::from_str(&file).unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    (
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            ),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        body,
    )
        .into_response()
}

/// For whom a file is, in its name: the one site, all that may receive, or how many of them.
fn recipients_stem(listed: &[ParcelRecipient], to: &[String]) -> String {
    let able: Vec<&ParcelRecipient> = listed.iter().filter(|one| !one.is_over).collect();
    let is_chosen = |one: &&ParcelRecipient| to.contains(&one.key);
    match to {
        [key] => {
            let named = able.into_iter().find(is_chosen);
            let name = named.map(|one| file_stem(&one.name)).unwrap_or_default();
            // Names may be alike, or hold no letter that every stick takes.
            match named.and_then(|one| one.mark.as_deref()) {
                Some(mark) => file_stem(&format!("{name}-{mark}")),
                None if name.is_empty() => key.chars().take(MARK_CHARS).collect(),
                None => name,
            }
        }
        to if able.iter().all(is_chosen) && able.len() == to.len() => "all".to_owned(),
        to => format!("{}-sites", to.len()),
    }
}

/// A node's name as any stick's file system and any header take it.
fn file_stem(name: &str) -> String {
    const CHARS_MAX: usize = 40;
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(CHARS_MAX).collect()
}

pub(crate) async fn parcel_read(State(state): State<UiState>, request: Request) -> Response {
    let (mut parts, sent) = request.into_parts();
    // Who it is is known before anything of the file is looked at.
    let Ok(signed) = Signed::from_request_parts(&mut parts, &state).await else {
        drain_body(sent.into_data_stream()).await;
        return Redirect::to("/login?next=/parcel").into_response();
    };
    let place = match place(&signed) {
        Ok(place) => place,
        Err(failure) => {
            drain_body(sent.into_data_stream()).await;
            return failed(&signed, failure).await;
        }
    };
    let (sent, is_in_file) = Measured::body(sent);
    let upload = match Multipart::from_request(Request::from_parts(parts, sent), &state).await {
        Ok(upload) => upload,
        Err(_) => {
            return signed
                .error(Fault::Invalid(FieldErrors::default()))
                .into_response();
        }
    };
    let answer = taken_in(&signed, upload, &is_in_file).await;
    drop(place);
    match answer {
        Ok(taken) => taken_page(&signed, taken).await,
        Err(Refused::Parcel(failure)) => failed(&signed, failure).await,
        Err(Refused::Form(status, text)) => problem_page(&signed, status, signed.t().s(text)).await,
    }
}

/// Why an upload brought nothing.
enum Refused {
    Parcel(ParcelFailure),
    /// With the key of what is told.
    Form(StatusCode, &'static str),
}

impl Refused {
    const FILE_MISSING: Self = Self::Form(StatusCode::UNPROCESSABLE_ENTITY, "parcel-failed-no-file");
    const FORM_OLD: Self = Self::Form(StatusCode::FORBIDDEN, "parcel-failed-form-old");
    const TOO_SLOW: Self = Self::Form(StatusCode::REQUEST_TIMEOUT, "parcel-failed-interrupted");
    const CUT: Self = Self::Parcel(ParcelFailure::Interrupted);
}

/// Reads the form: its token first, as the page sends it, then the file.
async fn taken_in(
    signed: &Signed,
    mut upload: Multipart,
    is_in_file: &AtomicBool,
) -> Result<ParcelTaken, Refused> {
    let mut patience = Patience::default();
    let mut field = next(&mut upload, &mut patience).await?;
    if field.name() != Some("csrf") || !is_token(signed, &mut field, &mut patience).await? {
        drain_field(field).await;
        if let Ok(file) = next(&mut upload, &mut patience).await {
            is_in_file.store(true, Ordering::Relaxed);
            drain_field(file).await;
        }
        return Err(Refused::FORM_OLD);
    }
    drop(field);
    let mut field = next(&mut upload, &mut patience).await?;
    is_in_file.store(true, Ordering::Relaxed);
    let first = match patience.wait(field.chunk()).await {
        Some(Ok(first)) => first.filter(|first| !first.is_empty()),
        Some(Err(_)) => return Err(Refused::CUT),
        None => return Err(Refused::TOO_SLOW),
    };
    let Some(first) = first else {
        // A browser without a file sends a nameless one.
        return Err(match field.file_name() {
            None | Some("") => Refused::FILE_MISSING,
            Some(_) => Refused::Parcel(ParcelFailure::File(FileFault::Empty)),
        });
    };
    let (parcels, caller) = (Arc::clone(&signed.state().parcels), signed.caller.clone());
    let (pieces, mut file) = upload_pieces();
    let work = tokio::task::spawn_blocking(move || parcels.parcel_read(&caller, &mut file));
    hand_on(&mut field, first, &mut patience, pieces).await;
    let taken = work.await.unwrap_or(Err(ParcelFailure::Unavailable));
    drain_field(field).await;
    taken.map_err(Refused::Parcel)
}

async fn next<'a>(upload: &'a mut Multipart, patience: &mut Patience) -> Result<Field<'a>, Refused> {
    match patience.wait(upload.next_field()).await {
        Some(Ok(Some(field))) => Ok(field),
        Some(Ok(None)) => Err(Refused::FILE_MISSING),
        Some(Err(_)) => Err(Refused::CUT),
        None => Err(Refused::TOO_SLOW),
    }
}

async fn is_token(signed: &Signed, field: &mut Field<'_>, patience: &mut Patience) -> Result<bool, Refused> {
    let mut sent = Vec::new();
    loop {
        match patience.wait(field.chunk()).await {
            Some(Ok(Some(bytes))) if sent.len().saturating_add(bytes.len()) <= CSRF_BYTES_MAX => {
                sent.extend_from_slice(&bytes);
            }
            Some(Ok(Some(_))) => return Ok(false),
            Some(Ok(None)) => return Ok(same_secret(&String::from_utf8_lossy(&sent), &signed.csrf)),
            Some(Err(_)) => return Err(Refused::CUT),
            None => return Err(Refused::TOO_SLOW),
        }
    }
}

async fn taken_page(signed: &Signed, taken: ParcelTaken) -> Response {
    let t = signed.t();
    let status = match taken.fault {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let view = TakenView {
        is_whole: taken.fault.is_none()
            && !taken.gap
            && taken.refused == 0
            && taken.quarantined == 0
            && taken.awaiting == 0,
        fault: taken.fault.map(|fault| fault_text(t, fault)),
        raw: taken,
    };
    let told = Told {
        problem: None,
        taken: Some(view),
    };
    show(signed, status, told).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_holds_letters_and_digits_only() {
        assert_eq!(file_stem("Santa Rosa \"/..\\ 2"), "Santa-Rosa-2");
        assert_eq!(file_stem("عيادة"), "");
        assert!(file_stem(&"x".repeat(200)).len() <= 40);
    }
}
