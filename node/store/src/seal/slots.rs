//! Unlock slots: the ways to the master key, in `slots.json` beside the database; and in texts that
//! hold another secret, such as the root key that is kept away from every node ([`seal`], [`unseal`]).
//!
//! Shape: canonical JSON and a line feed: `{"chaski":"store","format":1,"keyring":hex,
//! "slots":[{"kind","salt",..,"wrapped":hex}]}`; a [`Form`] says what stands there instead in another
//! text. Each slot wraps the master key; the master key seals the keyring or the other secret, with
//! the rest of the file as additional data.
//!
//! Invariants: any edit of the file is noticed; the store's is replaced whole and synced; nothing in
//! it opens what is sealed without a passphrase, words or key file.

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

/// What a text with slots holds, and how it says so. What is written in one form opens in no other.
#[derive(Debug)]
pub struct Form {
    /// What it is: its member `chaski`.
    pub name: &'static str,
    /// Its member `format`, from 1.
    pub format: u32,
    /// The name of the member with what is sealed.
    pub sealed: &'static str,
    /// The names of further members, for all to read. None is changed unnoticed.
    pub beside: &'static [&'static str],
}

/// The slots file of a store.
const STORE: Form = Form {
    name: "store",
    format: FORMAT,
    sealed: "keyring",
    beside: &[],
};

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
    form: &'static Form,
    /// All members but the slots and what is sealed.
    head: Object,
    slots: Vec<Slot>,
    sealed: Vec<u8>,
}

/// A text that was sealed.
pub struct Sealed {
    /// The text, one line.
    pub text: String,
    /// Words that open it.
    pub words: String,
}

/// What a text held.
pub struct Unsealed {
    /// The secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// The members of [`Form::beside`], as they were when it was sealed.
    pub beside: Object,
}

fn damaged() -> OpenError {
    OpenError::Damaged("slots".to_owned())
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

/// The key that wraps the master key in a slot; `None` if `unlock` cannot fit it. A key file fits where
/// there is a directory outside of which it lies.
fn slot_key(
    slot: &Slot,
    unlock: &Unlock,
    dir: Option<&Path>,
) -> Result<Option<Zeroizing<[u8; 32]>>, OpenError> {
    if slot.kind != unlock.kind() {
        return Ok(None);
    }
    let strong = |key: &[u8]| Zeroizing::new(blake3::derive_key("chaski store 1 slot", key));
    Ok(match unlock {
        Unlock::Passphrase(text) => Some(passphrase_key(slot, text)?),
        Unlock::Words(words) => words_entropy(words).map(|entropy| strong(&entropy)),
        Unlock::KeyFile(path) => match dir {
            Some(dir) => Some(strong(key_file(path, dir, None)?.as_slice())),
            None => None,
        },
        Unlock::Raw(key) => Some(strong(key)),
    })
}

fn passphrase_key(slot: &Slot, text: &str) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    if slot.memory_kib > ARGON2_MEMORY_KIB_MAX || slot.passes > 64 {
        return Err(damaged());
    }
    let params = Params::new(slot.memory_kib, slot.passes, 1, Some(32)).map_err(|_| damaged())?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), &slot.salt, key.as_mut_slice())
        .map_err(|_| damaged())?;
    Ok(key)
}

impl Slot {
    fn make(
        unlock: &Unlock,
        dir: Option<&Path>,
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
                if let Some(dir) = dir {
                    key_file(path, dir, Some(random_array(env)))?;
                }
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
        .map_err(|_| not_sealed())?;
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

    fn open(&self, unlock: &Unlock, dir: Option<&Path>) -> Result<Option<Zeroizing<[u8; 32]>>, OpenError> {
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

fn not_sealed() -> OpenError {
    OpenError::Io("sealing".to_owned())
}

/// What a key opened.
struct Opening {
    master: Zeroizing<[u8; 32]>,
    secret: Zeroizing<Vec<u8>>,
}

fn check_format(form: &Form, json: &Json) -> Result<(), OpenError> {
    let format = json.get("format").and_then(Json::as_u64);
    match format.and_then(|format| u32::try_from(format).ok()) {
        Some(found) if found == form.format => Ok(()),
        Some(found) if found > form.format => Err(OpenError::Newer {
            found,
            known: form.format,
        }),
        Some(found) if found > 0 => Err(OpenError::Form {
            what: form.name,
            found: u8::try_from(found).unwrap_or(u8::MAX),
            known: u8::try_from(form.format).unwrap_or(u8::MAX),
        }),
        _ => Err(damaged()),
    }
}

impl SlotsFile {
    /// A file with slots for `unlocks` and one for recovery words, which are returned, with nothing sealed yet.
    fn make(
        (form, beside): (&'static Form, Object),
        unlocks: &[Unlock],
        dir: Option<&Path>,
        env: &dyn Env,
        memory_kib: u32,
    ) -> Result<(SlotsFile, Zeroizing<[u8; 32]>, String), OpenError> {
        let mut head = beside;
        head.insert("chaski".to_owned(), Json::from(form.name));
        head.insert("format".to_owned(), Json::from(form.format));
        let master = Zeroizing::new(random_array::<32>(env));
        let entropy = Zeroizing::new(random_array::<32>(env));
        let words = bip39::Mnemonic::from_entropy(entropy.as_slice())
            .map_err(|_| OpenError::Io("words".to_owned()))?
            .to_string();
        let by_words = Unlock::Words(words.clone());
        let slots = unlocks
            .iter()
            .chain([&by_words])
            .map(|unlock| Slot::make(unlock, dir, &master, env, memory_kib))
            .collect::<Result<Vec<_>, _>>()?;
        let file = SlotsFile {
            form,
            head,
            slots,
            sealed: Vec::new(),
        };
        Ok((file, master, words))
    }

    fn body(&self) -> Object {
        let mut out = self.head.clone();
        out.insert(
            "slots".to_owned(),
            self.slots.iter().map(Slot::to_json).collect::<Json>(),
        );
        out
    }

    fn seal(&mut self, master: &[u8; 32], secret: &[u8], env: &dyn Env) -> Result<(), OpenError> {
        let associated = Json::Object(self.body()).canonical();
        self.sealed = seal_with(
            &Cipher::new(master),
            KeyId::NODE,
            env,
            associated.as_bytes(),
            secret,
        )
        .map_err(|_| not_sealed())?;
        Ok(())
    }

    fn text(&self) -> String {
        let mut body = self.body();
        body.insert(self.form.sealed.to_owned(), Json::from(hex::encode(&self.sealed)));
        format!("{}\n", Json::Object(body).canonical())
    }

    fn read(dir: &Path) -> Result<SlotsFile, OpenError> {
        let bytes = read_bounded(&dir.join(FILE), FILE_BYTES_MAX).map_err(|error| io_error(&error))?;
        let file = SlotsFile::parse(&STORE, &bytes)?;
        if file.text().as_bytes() != bytes {
            Err(damaged())
        } else {
            Ok(file)
        }
    }

    fn parse(form: &'static Form, bytes: &[u8]) -> Result<SlotsFile, OpenError> {
        let limits = chaski_json::Limits {
            bytes_max: FILE_BYTES_MAX as usize,
            depth_max: 8,
        };
        let json = chaski_json::parse(bytes, &limits).map_err(|_| damaged())?;
        if json.get("chaski").and_then(Json::as_str) != Some(form.name) {
            return Err(OpenError::Foreign);
        }
        check_format(form, &json)?;
        let slots = json.get("slots").and_then(Json::as_array).ok_or_else(damaged)?;
        if slots.len() > SLOTS_MAX {
            return Err(damaged());
        }
        let slots = slots
            .iter()
            .map(Slot::from_json)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(damaged)?;
        let sealed = json
            .get(form.sealed)
            .and_then(Json::as_str)
            .and_then(hex::decode)
            .ok_or_else(damaged)?;
        let mut head = json.as_object().cloned().ok_or_else(damaged)?;
        head.retain(|name, _| name != "slots" && name != form.sealed);
        let is_known = |name: &str| ["chaski", "format"].contains(&name) || form.beside.contains(&name);
        if head.len() != form.beside.len() + 2 || !head.keys().all(|name| is_known(name)) {
            return Err(damaged());
        }
        Ok(SlotsFile {
            form,
            head,
            slots,
            sealed,
        })
    }

    /// The master key, and what is sealed under it.
    fn unlock(&self, unlock: &Unlock, dir: Option<&Path>) -> Result<Opening, OpenError> {
        for slot in &self.slots {
            if let Some(master) = slot.open(unlock, dir)? {
                let associated = Json::Object(self.body()).canonical();
                let secret = open_with(&Cipher::new(&master), associated.as_bytes(), &self.sealed)
                    .map(Zeroizing::new)
                    .ok_or_else(damaged)?;
                return Ok(Opening { master, secret });
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
    let beside = (&STORE, Object::new());
    let (mut file, master, words) =
        SlotsFile::make(beside, std::slice::from_ref(unlock), Some(dir), env, memory_kib)?;
    file.seal(&master, &Zeroizing::new(keyring.to_bytes()), env)?;
    Ok((file, words))
}

/// Seals a secret into a text that a passphrase, where one is given, and the words each open.
///
/// # Errors
/// When the passphrase is empty.
pub fn seal(
    (form, beside): (&'static Form, Object),
    secret: &[u8],
    passphrase: Option<String>,
    env: &dyn Env,
    memory_kib: u32,
) -> Result<Sealed, OpenError> {
    let unlocks: Vec<Unlock> = passphrase.map(Unlock::Passphrase).into_iter().collect();
    let (mut file, master, words) = SlotsFile::make((form, beside), &unlocks, None, env, memory_kib)?;
    file.seal(&master, secret, env)?;
    Ok(Sealed {
        text: file.text(),
        words,
    })
}

/// Opens a text that [`seal`] made. Blanks and line ends round it may have come or gone on its way.
///
/// # Errors
/// When it is no such text, has another format, has been changed, or is not opened by `unlock`.
pub fn unseal(form: &'static Form, text: &str, unlock: &Unlock) -> Result<Unsealed, OpenError> {
    let mut file = SlotsFile::parse(form, text.trim().as_bytes())?;
    if file.text().trim() != text.trim() {
        return Err(damaged());
    }
    let Opening { secret, .. } = file.unlock(unlock, None)?;
    file.head.retain(|name, _| form.beside.contains(&name.as_str()));
    Ok(Unsealed {
        secret,
        beside: file.head,
    })
}

/// The keyring of the store in `dir`.
pub(crate) fn open(dir: &Path, unlock: &Unlock) -> Result<Keyring, OpenError> {
    let Opening { secret, .. } = SlotsFile::read(dir)?.unlock(unlock, Some(dir))?;
    Keyring::from_bytes(&secret).ok_or_else(damaged)
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
    let Opening { master, secret } = file.unlock(existing, Some(dir))?;
    file.slots.retain(|slot| slot.kind != new.kind());
    file.slots
        .push(Slot::make(new, Some(dir), &master, env, memory_kib)?);
    file.seal(&master, &secret, env)?;
    file.write(dir)
}
