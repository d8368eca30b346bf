//! Verification and rebuilding of a directory, also of one that no longer opens.

use std::path::Path;
use std::sync::Arc;

use chaski_store::{OpenError, OpenOptions, SystemEnv, doctor as store_doctor};

use super::node::blocking;
use super::unlocking::{LOCK_WAIT, open_error, store_options};
use crate::admin::{AdminRequest, AdminResponse, DoctorReport, Exchange, Input, Session, doctor_report};
use crate::error::NodeError;
use crate::key::{KeyOptions, for_opening};

/// Verifies the directory, in the node that runs on it or here; rebuilding needs it alone.
///
/// # Errors
/// When the directory is in use, no node's, or the key doesn't open it.
pub async fn doctor(data: &Path, key: &KeyOptions, rebuild: bool) -> Result<DoctorReport, NodeError> {
    if let Some(session) = Session::connect(data).await? {
        let (exchange, input, _output) = Exchange::pair();
        let _ended = input.send(Input::End).await;
        return match session.call(AdminRequest::Doctor { rebuild }, exchange).await? {
            AdminResponse::Doctor(report) => Ok(report),
            _ => Err(NodeError::Failed(
                "the running node's answer is of an unexpected kind".to_owned(),
            )),
        };
    }
    let (data, key) = (data.to_path_buf(), key.clone());
    blocking(move || here(&data, &key, rebuild)).await
}

fn here(data: &Path, key: &KeyOptions, rebuild: bool) -> Result<DoctorReport, NodeError> {
    let mut last = OpenError::NoKey;
    for way in for_opening(data, key)? {
        let options = OpenOptions {
            lock_wait: LOCK_WAIT,
            ..store_options()
        };
        let env = Arc::new(SystemEnv);
        let examined = if rebuild {
            store_doctor::rebuild(data, &way.unlock, env, options)
        } else {
            store_doctor::examine(data, &way.unlock, env, options)
        };
        match examined {
            Ok(report) => return Ok(doctor_report(&report)),
            Err(error @ (OpenError::NoKey | OpenError::WrongKey | OpenError::KeyFile(_))) => last = error,
            Err(error) => return Err(open_error(&error, data)),
        }
    }
    Err(open_error(&last, data))
}
