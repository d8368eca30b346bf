//! Changes by members of a network who mean ill: whatever the operations say,
//! checksum, actor and signature are right.

use chaski_crdt::author::{AuthorId, NetworkId, NodeId, SignedChange, Writer};
use chaski_crdt::change::{CHUNK_TYPE_CHANGE, ChangeHash, MAGIC};
use chaski_crdt::hlc::{Hlc, Message, Stamp};
use chaski_crdt::key::RecordKey;
use chaski_crdt::policy::Policy;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use crate::unsigned;

/// The network of all changes here.
pub const NETWORK: NetworkId = NetworkId([7; 32]);
/// How many members there are.
pub const SIGNERS: u8 = 2;

/// A member's key.
pub fn signer(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number % SIGNERS + 1; 32])
}

/// The policy of real records.
pub fn policy() -> &'static dyn Policy {
    chaski_store::record_policy()
}

/// A stamp of this millisecond.
pub fn stamp(ms: u64) -> Stamp {
    Stamp {
        hlc: Hlc::from_ms(ms),
        message: Message::default(),
    }
}

/// A writer of a member's only life.
pub fn writer_of<'a>(signer: &'a SigningKey, next_seq: &'a mut u64) -> Writer<'a> {
    Writer {
        signer,
        network: NETWORK,
        incarnation: 1,
        next_seq,
    }
}

/// A change's body: these dependencies and this member's actor on this branch
/// in front of `tail`, which is everything from the sequence number on.
pub fn body_of(number: u8, branch: u8, deps: &[ChangeHash], tail: &[u8]) -> Vec<u8> {
    let author = AuthorId {
        node: NodeId::of(&signer(number)),
        incarnation: 1,
    };
    let mut deps = deps.to_vec();
    deps.sort_unstable();
    deps.dedup();
    let mut body = unsigned(deps.len() as u64);
    deps.iter().for_each(|dep| body.extend_from_slice(&dep.0));
    let actor = author.actor(branch);
    body.extend(unsigned(actor.len() as u64));
    body.extend_from_slice(&actor);
    body.extend_from_slice(tail);
    body
}

/// The `tail` of a change that was written honestly.
pub fn tail_of(bytes: &[u8]) -> Vec<u8> {
    let body = bytes.get(9..).expect("a header");
    let length = body.iter().position(|byte| byte & 0x80 == 0).expect("a length") + 1;
    let body = body.get(length..).expect("a body");
    // Seeds have fewer than 128 dependencies.
    let deps = usize::from(*body.first().expect("a count"));
    body.get(1 + 32 * deps + 1 + 17..).expect("a tail").to_vec()
}

/// A whole chunk of a body.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![CHUNK_TYPE_CHANGE];
    hashed.extend(unsigned(body.len() as u64));
    hashed.extend_from_slice(body);
    let hash = Sha256::digest(&hashed);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&hash[..4]);
    bytes.extend(hashed);
    bytes
}

/// Signs a chunk for a record, if its own reader takes it.
pub fn sign(number: u8, next_seq: &mut u64, key: &RecordKey, bytes: Vec<u8>) -> Option<SignedChange> {
    let signer = signer(number);
    writer_of(&signer, next_seq).sign(key, bytes).ok()
}

/// A `tail` with these puts of (register, scalar type, content), none of which
/// follows another.
pub fn tail_with(seq: u64, start_op: u64, puts: &[(String, u8, Vec<u8>)]) -> Vec<u8> {
    let count = puts.len();
    let key = |key: &str| [unsigned(key.len() as u64), key.as_bytes().to_vec()].concat();
    let meta = |kind: u8, value: &[u8]| unsigned((value.len() as u64) << 4 | u64::from(kind));
    let keys = runs(puts.iter().map(|(name, _, _)| key(name)).collect());
    let metas = runs(puts.iter().map(|(_, kind, value)| meta(*kind, value)).collect());
    let values = puts.iter().flat_map(|(_, _, value)| value.clone()).collect();
    let all = |value: u8| [positive(count), vec![value]].concat();
    let columns = [
        (21, keys),
        (52, unsigned(count as u64)),
        (66, all(1)),
        (86, metas),
        (87, values),
        (112, all(0)),
    ];
    let mut tail = [unsigned(seq), unsigned(start_op), vec![0, 0, 0]].concat();
    tail.extend(unsigned(columns.len() as u64));
    for (column, data) in &columns {
        tail.extend(unsigned(*column));
        tail.extend(unsigned(data.len() as u64));
    }
    columns.iter().for_each(|(_, data)| tail.extend_from_slice(data));
    tail
}

/// A column of these values: a count before each that repeats, a negative one
/// before a stretch in which none does. Any other form is refused.
fn runs(values: Vec<Vec<u8>>) -> Vec<u8> {
    let (mut out, mut stretch) = (Vec::new(), Vec::new());
    let end = |out: &mut Vec<u8>, stretch: &mut Vec<Vec<u8>>| {
        if !stretch.is_empty() {
            out.extend(negative(stretch.len()));
            out.extend(stretch.drain(..).flatten());
        }
    };
    for run in values.chunk_by(|one, next| one == next) {
        match run {
            [one] => stretch.push(one.clone()),
            _ => {
                end(&mut out, &mut stretch);
                out.extend(positive(run.len()));
                out.extend_from_slice(&run[0]);
            }
        }
    }
    end(&mut out, &mut stretch);
    out
}

/// Signed LEB128 of a count.
fn positive(count: usize) -> Vec<u8> {
    let mut out = unsigned(count as u64);
    if out.last().is_some_and(|last| last & 0x40 != 0) {
        *out.last_mut().expect("a byte") |= 0x80;
        out.push(0);
    }
    out
}

/// Signed LEB128 of a count, negated.
fn negative(count: usize) -> Vec<u8> {
    let mut value = -(count as i64);
    let mut out = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == -1 && low & 0x40 != 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}
