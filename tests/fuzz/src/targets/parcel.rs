//! Parcels: as they come, and rightly sealed by a member who means ill, put together here from
//! the format's description alone.

use std::sync::LazyLock;

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::aead::Payload;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use chaski_crdt::author::NodeId;
use chaski_crdt::parcel::{Head, Item, MAGIC, ParcelReader, VERSION};
use ed25519_dalek::Signer;
use hpke::rand_core::{CryptoRng, RngCore};
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use sha2::{Digest, Sha256};

use crate::{NETWORK, signer};

type X25519 = hpke::kem::X25519HkdfSha256;

const KEY: [u8; 32] = [3; 32];
const NONCE: [u8; 16] = [5; 16];

/// Gives the bytes to what reads parcels.
pub fn parcel(bytes: &[u8]) {
    read(bytes);
    let mut behind = HEADER[..MAGIC.len() + 1 + 8].to_vec();
    behind.extend_from_slice(bytes);
    read(&behind);
    read_sealed(bytes);
}

/// Reads what stands behind the first byte, sealed by a member; the byte says how.
pub(crate) fn read_sealed(bytes: &[u8]) -> usize {
    let Some((&how, rest)) = bytes.split_first() else {
        return 0;
    };
    let mut plain = if how & 1 == 0 { HEAD.clone() } else { Vec::new() };
    plain.extend_from_slice(rest);
    // Frames of a size that the input names, so that messages span them.
    read(&sealed(&plain, usize::from(how >> 1).max(1) * 7))
}

/// Whatever comes, it ends, and an error stands. Says how many items came.
fn read(bytes: &[u8]) -> usize {
    let mut reader = ParcelReader::new(NETWORK, signer(1));
    let mut items = 0_usize;
    for piece in bytes.chunks(100) {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(item)) => {
                    assert!(items > 0 || matches!(item, Item::Head(_)), "the head comes first");
                    items += 1;
                    assert!(items <= bytes.len(), "no item is made of nothing");
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.next(), Err(error));
                    assert_eq!(reader.finish(), Err(error));
                    return items;
                }
            }
        }
    }
    let _ = reader.finish();
    items
}

/// The same bytes for the same input.
struct Fixed;

impl RngCore for Fixed {
    fn next_u32(&mut self) -> u32 {
        9
    }
    fn next_u64(&mut self) -> u64 {
        9
    }
    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.fill(9);
    }
}

impl CryptoRng for Fixed {}

/// A header for signer 1, as signer 0 writes it.
static HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let prefix = [MAGIC.as_slice(), &[VERSION], &NETWORK.0[..8], &NONCE].concat();
    let reader = signer(1);
    let point = reader.verifying_key().to_montgomery();
    let public = <X25519 as Kem>::PublicKey::from_bytes(point.as_bytes()).expect("a key");
    let info = [b"chaski/parcel/1\0".as_slice(), &NETWORK.0].concat();
    let (encapped, wrapped) = hpke::single_shot_seal::<
        hpke::aead::ChaCha20Poly1305,
        hpke::kdf::HkdfSha256,
        X25519,
        _,
    >(&OpModeS::Base, &public, &info, &KEY, &prefix, &mut Fixed)
    .expect("a slot");
    let hint = Sha256::new()
        .chain_update(b"chaski/parcel-hint/1\0")
        .chain_update(NONCE)
        .chain_update(NodeId::of(&reader).0)
        .finalize();
    [
        prefix.as_slice(),
        &[0, 1],
        &hint[..8],
        &encapped.to_bytes(),
        &wrapped,
    ]
    .concat()
});

/// A head that signer 0 has signed.
static HEAD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let head = Head {
        sender: NodeId::of(&signer(0)),
        made_ms: 1,
        epoch: 2,
        scope: 3,
        from: [0; 3],
        left_out: false,
        held: Vec::new(),
    };
    let value = postcard::to_stdvec(&head).expect("a head");
    let text = [
        b"chaski/parcel-head/1\0".as_slice(),
        &Sha256::digest(&*HEADER),
        &[0; 32],
        &value,
    ]
    .concat();
    let body = [signer(0).sign(&text).to_bytes().as_slice(), &value].concat();
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [[1].as_slice(), &length, &body].concat()
});

fn sealed(plain: &[u8], frame: usize) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&KEY.into());
    let digest = Sha256::digest(&*HEADER);
    let mut out = HEADER.clone();
    let count = plain.chunks(frame).len();
    for (at, piece) in plain.chunks(frame).enumerate() {
        let last = at + 1 == count;
        let number = u32::try_from(at).expect("few").to_be_bytes();
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&NONCE);
        nonce[19..23].copy_from_slice(&number);
        nonce[23] = u8::from(last);
        let payload = Payload {
            msg: piece,
            aad: &digest,
        };
        let body = cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("a frame");
        let head = u32::try_from(body.len()).expect("short") | if last { 1 << 31 } else { 0 };
        out.extend_from_slice(&head.to_be_bytes());
        out.extend_from_slice(&body);
    }
    out
}
