//! The network's root key in a file, to be kept away from every node.
//!
//! Shape: a text with slots (`node/store/src/seal/slots.rs`), one line of canonical JSON:
//! `{"chaski":"root","format":2,"network":hex,"root":hex,"sealed":hex,"slots":[..]}`. `sealed` is the root's
//! seed; a slot each for the recovery words and, where one is given, the passphrase.
//!
//! Invariants: the file alone tells nothing but which network it is of; words or passphrase alone open it.

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_json::{Json, Object};
use chaski_store::slots::{self, Form, Sealed};
use chaski_store::{Env, OpenError, OpenOptions, Unlock};
use zeroize::Zeroizing;

use crate::error::NodeError;

const FORM: Form = Form {
    name: "root",
    format: 2,
    sealed: "sealed",
    beside: &["network", "root"],
};

/// The root key and what it is of.
#[derive(Clone)]
pub struct Root {
    /// The network that it is the root of.
    pub network: NetworkId,
    /// The public key.
    pub root: NodeId,
    /// The secret key, which signs for the network.
    pub seed: Zeroizing<[u8; 32]>,
}

/// Seals a root; the file's content and its recovery words.
///
/// # Errors
/// When the passphrase is empty, or sealing fails.
pub fn seal(root: &Root, passphrase: Option<String>, env: &dyn Env) -> Result<Sealed, NodeError> {
    let mut beside = Object::new();
    beside.insert("network".to_owned(), Json::from(root.network.to_string()));
    beside.insert("root".to_owned(), Json::from(root.root.to_string()));
    let memory_kib = OpenOptions::default().argon2_memory_kib;
    let seed = root.seed.as_slice();
    slots::seal((&FORM, beside), seed, passphrase, env, memory_kib).map_err(|error| match error {
        OpenError::NoKey => NodeError::Key("the passphrase for the root file is empty".to_owned()),
        error => NodeError::failed("sealing the root key", error),
    })
}

/// Opens a file.
///
/// # Errors
/// When it is no such file, is from another version, or the secret doesn't open it.
pub fn open(text: &str, secret: &Unlock) -> Result<Root, NodeError> {
    let not_one = || NodeError::Damage("this is no root file, or it is damaged".to_owned());
    let opened = slots::unseal(&FORM, text, secret).map_err(|error| match error {
        OpenError::Newer { found, .. } => another_version(found),
        OpenError::Form { found, .. } => another_version(u32::from(found)),
        OpenError::WrongKey => NodeError::Key("neither words nor passphrase of this root file".to_owned()),
        _ => not_one(),
    })?;
    let beside = |name: &str| opened.beside.get(name).and_then(Json::as_str);
    Ok(Root {
        network: beside("network")
            .and_then(|text| text.parse().ok())
            .ok_or_else(not_one)?,
        root: beside("root")
            .and_then(|text| text.parse().ok())
            .ok_or_else(not_one)?,
        seed: <[u8; 32]>::try_from(opened.secret.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| not_one())?,
    })
}

fn another_version(found: u32) -> NodeError {
    NodeError::Failed(format!(
        "the root file has format {found}, this version reads format {}: another version wrote it; use that one",
        FORM.format
    ))
}

#[cfg(test)]
mod tests {
    use chaski_store::SystemEnv;

    use super::*;

    fn root() -> Root {
        Root {
            network: NetworkId([1; 32]),
            root: NodeId([2; 32]),
            seed: Zeroizing::new([3; 32]),
        }
    }

    fn sealed(passphrase: Option<&str>) -> (String, Unlock) {
        let sealed = seal(&root(), passphrase.map(str::to_owned), &SystemEnv).unwrap();
        (sealed.text, Unlock::Words(sealed.words))
    }

    fn code(text: &str, secret: &Unlock) -> Option<u8> {
        open(text, secret).err().map(|error| error.exit_code())
    }

    #[test]
    fn words_and_passphrase_each_open_the_file_and_nothing_else_does() {
        let (text, words) = sealed(Some("correct horse"));
        for secret in [&words, &Unlock::Passphrase("correct horse".to_owned())] {
            let opened = open(&text, secret).unwrap();
            assert_eq!(
                (opened.network, opened.root, *opened.seed),
                (root().network, root().root, [3; 32])
            );
        }
        let (_, other_words) = sealed(None);
        for wrong in [
            other_words,
            Unlock::Words("three llamas".to_owned()),
            Unlock::Passphrase("wrong".to_owned()),
        ] {
            assert_eq!(code(&text, &wrong), Some(5), "{wrong:?}");
        }
        assert!(!text.contains(&"03".repeat(8)));
        assert_eq!(
            seal(&root(), Some(String::new()), &SystemEnv)
                .err()
                .map(|error| error.exit_code()),
            Some(5)
        );
    }

    #[test]
    fn an_edited_file_does_not_open() {
        let (text, words) = sealed(None);
        let own = root().network.to_string();
        let edits = [
            text.replace(&own, &NetworkId([9; 32]).to_string()),
            text.replace(&root().root.to_string(), &NodeId([9; 32]).to_string()),
            text.replace("\"passes\":0", "\"passes\":1"),
            text.replace("\"root\",", "\"root\",\"more\":1,"),
            text.chars().take(text.len() / 2).collect(),
            text.replace("\"chaski\":\"root\"", "\"chaski\":\"store\""),
            format!("{{\"chaski\":\"{}\"}}", "r".repeat(70_000)),
            "{}".to_owned(),
            String::new(),
        ];
        for edited in edits {
            assert_ne!(edited, text);
            let told = open(&edited, &words).err();
            assert!(
                told.as_ref()
                    .is_some_and(|error| [4, 5].contains(&error.exit_code())),
                "{edited}: {told:?}"
            );
        }
        // What mail and editors do to ends of lines is no edit.
        for carried in [text.trim().to_owned(), format!("\r\n{}\r\n", text.trim())] {
            assert_eq!(open(&carried, &words).unwrap().network, root().network);
        }
    }

    #[test]
    fn a_file_of_another_version_says_so() {
        let (text, words) = sealed(None);
        for format in [1, 3] {
            let other = text.replace("\"format\":2", &format!("\"format\":{format}"));
            let told = open(&other, &words).err().unwrap();
            assert!(
                told.exit_code() == 1 && told.to_string().contains(&format!("has format {format}")),
                "{told}"
            );
        }
    }
}
