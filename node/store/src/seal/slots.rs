//! Unlock slots: the ways to the master key, in `slots.json` beside the database.
//!
//! Shape: canonical JSON and a line feed: `{"chaski":"store","format":1,"keyring":hex,
//! "slots":[{"kind","name",..,"wrapped":hex}]}`. Each slot wraps the master key; the
//! master key seals the keyring, with the rest of the file as additional data.
//!
//! Invariants: any edit of the file is noticed; the file is replaced whole and synced;
//! nothing in it opens the store without a passphrase, words or key file.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use chaski_json::{Json, Object};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    env::{Env, random_array},
    error::OpenError,
    hex,
    seal::{Cipher, KeyId, keyring::Keyring, open_with, seal_with},
};

/// Newest format of the slots file and the store.
pub(crate) const FORMAT: u32 = 1;
/// Name of the slots file.
pub(crate) const FILE: &str = "slots.json";
/// Longest slots file read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Most slots in a store.
const SLOTS_MAX: usize = 16;
/// Longest key file read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 4096;
const KEY_FILE_HEAD: &str = "chaski-key-1:";
/// Passes of Argon2id.
const ARGON2_PASSES: u32 = 3;
/// Most memory a slots file may ask for, in KiB.
const ARGON2_MEMORY_KIB_MAX: u32 = 1024 * 1024;

/// A way to unlock a store.
#[derive(Clone)]
pub enum Unlock {
    /// A passphrase.
    Passphrase(String),
    /// The recovery words.
    Words(String),
    /// A key file; also how a systemd credential is given.
    KeyFile(PathBuf),
    /// The 32 bytes of a key, for tests.
    Raw([u8; 32]),
}

impl Drop for Unlock {
    fn drop(&mut self) {
        match self {
            Unlock::Passphrase(text) | Unlock::Words(text) => text.zeroize(),
            Unlock::Raw(key) => key.zeroize(),
            Unlock::KeyFile(_) => {}
        }
    }
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Unlock {
    fn kind(&self) -> &'static str {
        match self {
            Unlock::Passphrase(_) => "passphrase",
            Unlock::Words(_) => "words",
            Unlock::KeyFile(_) | Unlock::Raw(_) => "key-file",
        }
    }
}

/// A slot, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// `passphrase`, `words` or `key-file`.
    pub kind: String,
}

#[derive(Clone)]
struct Slot {
    kind: String,
    salt: Vec<u8>,
    memory_kib: u32,
    passes: u32,
    wrapped: Vec<u8>,
}

/// The parsed file.
pub(crate) struct SlotsFile {
    slots: Vec<Slot>,
    keyring: Vec<u8>,
}

fn io_error(error: &std::io::Error) -> OpenError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => OpenError::DiskFull,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly,
        kind => OpenError::Io(kind.to_string()),
    }
}

fn read_bounded(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    fs::File::open(path)?.take(bytes_max + 1).read_to_end(&mut out)?;
    if out.len() as u64 > bytes_max {
        return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
    }
    Ok(out)
}

/// Writes `bytes` to `path` so that a power cut leaves the old or the new file.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    // Left by a power cut, or put there by somebody: a link would not be followed, nor a file shared.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(dir) = path.parent() {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// That a key file can't be used, and why.
fn unusable(path: &Path, why: impl std::fmt::Display) -> OpenError {
    OpenError::KeyFile(format!("{}: {why}", path.display()))
}

/// Why a key file can't be read.
fn unread(path: &Path, error: &std::io::Error) -> OpenError {
    match error.kind() {
        std::io::ErrorKind::NotFound => unusable(path, "it does not exist"),
        std::io::ErrorKind::IsADirectory => unusable(path, "it is a directory"),
        std::io::ErrorKind::FileTooLarge => unusable(
            path,
            format!("it is no key file: it is over {KEY_FILE_BYTES_MAX} bytes"),
        ),
        _ => unusable(path, format!("it cannot be read: {error}")),
    }
}

/// The key of a key file; made 0600 with `fresh` bytes if it does not exist.
fn key_file(path: &Path, dir: &Path, fresh: Option<[u8; 32]>) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    refuse_inside(path, dir)?;
    if let Some(key) = fresh
        && !path.exists()
    {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .map_err(|error| unusable(path, format!("its directory cannot be made: {error}")))?;
        }
        let text = Zeroizing::new(format!("{KEY_FILE_HEAD}{}\n", hex::encode(&key)));
        write_whole(path, text.as_bytes())
            .map_err(|error| unusable(path, format!("it cannot be written: {error}")))?;
        return Ok(Zeroizing::new(key));
    }
    let bytes = Zeroizing::new(read_bounded(path, KEY_FILE_BYTES_MAX).map_err(|error| unread(path, &error))?);
    let no_key_file = || {
        unusable(
            path,
            format!("it is no key file, which is a line of {KEY_FILE_HEAD} and 64 hexadecimal digits"),
        )
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| no_key_file())?;
    let digits = text.trim().strip_prefix(KEY_FILE_HEAD).ok_or_else(no_key_file)?;
    let key = hex::decode(digits).and_then(|key| <[u8; 32]>::try_from(key).ok());
    key.map(Zeroizing::new).ok_or_else(no_key_file)
}

fn refuse_inside(path: &Path, dir: &Path) -> Result<(), OpenError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parent = path
        .parent()
        .map(|parent| parent.canonicalize().unwrap_or_else(|_| absolute(parent)));
    let dir = dir.canonicalize().unwrap_or_else(|_| absolute(dir));
    if parent.is_some_and(|parent| parent.starts_with(&dir)) {
        return Err(unusable(path, "it lies inside the data directory"));
    }
    Ok(())
}

fn words_entropy(words: &str) -> Option<Zeroizing<Vec<u8>>> {
    let words = words
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    let mnemonic = bip39::Mnemonic::parse_normalized(&words).ok()?;
    Some(Zeroizing::new(mnemonic.to_entropy()))
}

/// The key that wraps the master key in a slot; `None` if `unlock` cannot fit it.
fn slot_key(slot: &Slot, unlock: &Unlock, dir: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, OpenError> {
    if slot.kind != unlock.kind() {
        return Ok(None);
    }
    let strong = |key: &[u8]| Zeroizing::new(blake3::derive_key("chaski store 1 slot", key));
    Ok(match unlock {
        Unlock::Passphrase(text) => Some(passphrase_key(slot, text)?),
        Unlock::Words(words) => words_entropy(words).map(|entropy| strong(&entropy)),
        Unlock::KeyFile(path) => Some(strong(key_file(path, dir, None)?.as_slice())),
        Unlock::Raw(key) => Some(strong(key)),
    })
}

fn passphrase_key(slot: &Slot, text: &str) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    if slot.memory_kib > ARGON2_MEMORY_KIB_MAX || slot.passes > 64 {
        return Err(OpenError::Damaged("slots".to_owned()));
    }
    let params = Params::new(slot.memory_kib, slot.passes, 1, Some(32))
        .map_err(|_| OpenError::Damaged("slots".to_owned()))?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), &slot.salt, key.as_mut_slice())
        .map_err(|_| OpenError::Damaged("slots".to_owned()))?;
    Ok(key)
}

impl Slot {
    fn make(
        unlock: &Unlock,
        dir: &Path,
        master: &[u8; 32],
        env: &dyn Env,
        memory_kib: u32,
    ) -> Result<Slot, OpenError> {
        let mut slot = Slot {
            kind: unlock.kind().to_owned(),
            salt: Vec::new(),
            memory_kib: 0,
            passes: 0,
            wrapped: Vec::new(),
        };
        match unlock {
            Unlock::Passphrase(text) if text.is_empty() => return Err(OpenError::NoKey),
            Unlock::Passphrase(_) => {
                slot.salt = random_array::<16>(env).to_vec();
                slot.memory_kib = memory_kib;
                slot.passes = ARGON2_PASSES;
            }
            Unlock::KeyFile(path) => {
                key_file(path, dir, Some(random_array(env)))?;
            }
            Unlock::Words(_) | Unlock::Raw(_) => {}
        }
        let key = slot_key(&slot, unlock, dir)?.ok_or(OpenError::WrongKey)?;
        slot.wrapped = seal_with(
            &Cipher::new(&key),
            KeyId::NODE,
            env,
            slot.associated().as_bytes(),
            master,
        )
        .map_err(|_| OpenError::Io("sealing".to_owned()))?;
        Ok(slot)
    }

    fn associated(&self) -> String {
        format!(
            "slot {} {} {} {}",
            self.kind,
            hex::encode(&self.salt),
            self.memory_kib,
            self.passes
        )
    }

    fn open(&self, unlock: &Unlock, dir: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, OpenError> {
        let Some(key) = slot_key(self, unlock, dir)? else {
            return Ok(None);
        };
        let Some(plain) = open_with(&Cipher::new(&key), self.associated().as_bytes(), &self.wrapped) else {
            return Ok(None);
        };
        let plain = Zeroizing::new(plain);
        Ok(<[u8; 32]>::try_from(plain.as_slice()).ok().map(Zeroizing::new))
    }

    fn to_json(&self) -> Json {
        let mut out = Object::new();
        out.insert("kind".to_owned(), Json::from(self.kind.as_str()));
        out.insert("salt".to_owned(), Json::from(hex::encode(&self.salt)));
        out.insert("memory_kib".to_owned(), Json::from(self.memory_kib));
        out.insert("passes".to_owned(), Json::from(self.passes));
        out.insert("wrapped".to_owned(), Json::from(hex::encode(&self.wrapped)));
        Json::Object(out)
    }

    fn from_json(json: &Json) -> Option<Slot> {
        let number = |name: &str| {
            json.get(name)?
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
        };
        let bytes = |name: &str| json.get(name)?.as_str().and_then(hex::decode);
        Some(Slot {
            kind: json.get("kind")?.as_str()?.to_owned(),
            salt: bytes("salt")?,
            memory_kib: number("memory_kib")?,
            passes: number("passes")?,
            wrapped: bytes("wrapped")?,
        })
    }
}

impl SlotsFile {
    fn body(&self) -> Object {
        let mut out = Object::new();
        out.insert("chaski".to_owned(), Json::from("store"));
        out.insert("format".to_owned(), Json::from(FORMAT));
        out.insert(
            "slots".to_owned(),
            self.slots.iter().map(Slot::to_json).collect::<Json>(),
        );
        out
    }

    fn seal(&mut self, master: &[u8; 32], keyring: &Keyring, env: &dyn Env) -> Result<(), OpenError> {
        let associated = Json::Object(self.body()).canonical();
        let plain = Zeroizing::new(keyring.to_bytes());
        self.keyring = seal_with(
            &Cipher::new(master),
            KeyId::NODE,
            env,
            associated.as_bytes(),
            &plain,
        )
        .map_err(|_| OpenError::Io("sealing".to_owned()))?;
        Ok(())
    }

    fn text(&self) -> String {
        let mut body = self.body();
        body.insert("keyring".to_owned(), Json::from(hex::encode(&self.keyring)));
        format!("{}\n", Json::Object(body).canonical())
    }

    fn read(dir: &Path) -> Result<SlotsFile, OpenError> {
        let bytes = read_bounded(&dir.join(FILE), FILE_BYTES_MAX).map_err(|error| io_error(&error))?;
        let damaged = || OpenError::Damaged("slots".to_owned());
        let limits = chaski_json::Limits {
            bytes_max: FILE_BYTES_MAX as usize,
            depth_max: 8,
        };
        let json = chaski_json::parse(&bytes, &limits).map_err(|_| damaged())?;
        if json.get("chaski").and_then(Json::as_str) != Some("store") {
            return Err(OpenError::Foreign);
        }
        match json
            .get("format")
            .and_then(Json::as_u64)
            .and_then(|format| u32::try_from(format).ok())
        {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => return Err(OpenError::Newer { found, known: FORMAT }),
            _ => return Err(damaged()),
        }
        let slots = json.get("slots").and_then(Json::as_array).ok_or_else(damaged)?;
        if slots.len() > SLOTS_MAX {
            return Err(damaged());
        }
        let slots = slots
            .iter()
            .map(Slot::from_json)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(damaged)?;
        let keyring = json
            .get("keyring")
            .and_then(Json::as_str)
            .and_then(hex::decode)
            .ok_or_else(damaged)?;
        let file = SlotsFile { slots, keyring };
        if file.text().as_bytes() != bytes {
            Err(damaged())
        } else {
            Ok(file)
        }
    }

    fn unlock(&self, unlock: &Unlock, dir: &Path) -> Result<(Zeroizing<[u8; 32]>, Keyring), OpenError> {
        for slot in &self.slots {
            if let Some(master) = slot.open(unlock, dir)? {
                let associated = Json::Object(self.body()).canonical();
                let plain = open_with(&Cipher::new(&master), associated.as_bytes(), &self.keyring)
                    .map(Zeroizing::new)
                    .ok_or_else(|| OpenError::Damaged("slots".to_owned()))?;
                let keyring =
                    Keyring::from_bytes(&plain).ok_or_else(|| OpenError::Damaged("slots".to_owned()))?;
                return Ok((master, keyring));
            }
        }
        Err(OpenError::WrongKey)
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), OpenError> {
        write_whole(&dir.join(FILE), self.text().as_bytes()).map_err(|error| io_error(&error))
    }
}

/// Makes the slots file of a new store: a slot for `unlock` and one for recovery words,
/// which are returned. Once it is written ([`SlotsFile::write`]), the store is there.
pub(crate) fn create(
    dir: &Path,
    unlock: &Unlock,
    env: &dyn Env,
    memory_kib: u32,
    keyring: &Keyring,
) -> Result<(SlotsFile, String), OpenError> {
    let master = Zeroizing::new(random_array::<32>(env));
    let entropy = Zeroizing::new(random_array::<32>(env));
    let words = bip39::Mnemonic::from_entropy(entropy.as_slice())
        .map_err(|_| OpenError::Io("words".to_owned()))?
        .to_string();
    let mut file = SlotsFile {
        slots: vec![
            Slot::make(unlock, dir, &master, env, memory_kib)?,
            Slot::make(&Unlock::Words(words.clone()), dir, &master, env, memory_kib)?,
        ],
        keyring: Vec::new(),
    };
    file.seal(&master, keyring, env)?;
    Ok((file, words))
}

/// The keyring of the store in `dir`.
pub(crate) fn open(dir: &Path, unlock: &Unlock) -> Result<Keyring, OpenError> {
    SlotsFile::read(dir)?
        .unlock(unlock, dir)
        .map(|(_, keyring)| keyring)
}

/// The slots of the store in `dir`.
///
/// # Errors
/// When there is no readable slots file.
pub fn list(dir: &Path) -> Result<Vec<SlotInfo>, OpenError> {
    if !dir.join(FILE).exists() {
        return Err(OpenError::Missing);
    }
    let file = SlotsFile::read(dir)?;
    Ok(file
        .slots
        .into_iter()
        .map(|slot| SlotInfo { kind: slot.kind })
        .collect())
}

/// Adds a slot for `new` to the store in `dir`, which `existing` opens; replaces an
/// older slot of the same kind.
///
/// # Errors
/// When `existing` does not open it or the file cannot be written.
pub fn replace(
    dir: &Path,
    existing: &Unlock,
    new: &Unlock,
    env: &dyn Env,
    memory_kib: u32,
) -> Result<(), OpenError> {
    let mut file = SlotsFile::read(dir)?;
    let (master, keyring) = file.unlock(existing, dir)?;
    file.slots.retain(|slot| slot.kind != new.kind());
    file.slots.push(Slot::make(new, dir, &master, env, memory_kib)?);
    file.seal(&master, &keyring, env)?;
    file.write(dir)
}
