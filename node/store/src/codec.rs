//! The byte forms rows are made of: varints, framed bytes, packed ids.
//!
//! Invariants: reading never allocates more than the bytes it was given justify; a
//! value read back is the value written; a UUID takes 17 bytes instead of 37.

use chaski_crdt::{change::ChangeHash, key::RecordKey};
use chaski_fhir::{
    compartment::{Compartment, Filing, Scope},
    label::Classes,
};

use crate::error::StoreError;

/// Builds a row.
#[derive(Default)]
pub(crate) struct Enc {
    pub(crate) out: Vec<u8>,
}

impl Enc {
    pub(crate) fn new() -> Enc {
        Enc::default()
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Enc {
        self.out.push(value);
        self
    }

    pub(crate) fn flag(&mut self, value: bool) -> &mut Enc {
        self.u8(u8::from(value))
    }

    /// LEB128.
    pub(crate) fn varint(&mut self, mut value: u64) -> &mut Enc {
        while value >= 0x80 {
            self.out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8)
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Enc {
        self.out.extend_from_slice(bytes);
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Enc {
        self.varint(bytes.len() as u64).raw(bytes)
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Enc {
        self.bytes(text.as_bytes())
    }

    /// An id: a lower-case UUID packed, anything else as text.
    pub(crate) fn id(&mut self, id: &str) -> &mut Enc {
        match uuid_of(id) {
            Some(uuid) => self.u8(0).raw(&uuid),
            None => self.u8(1).text(id),
        }
    }

    pub(crate) fn key(&mut self, key: &RecordKey) -> &mut Enc {
        self.text(key.kind()).id(key.id())
    }

    pub(crate) fn hashes(&mut self, hashes: &[ChangeHash]) -> &mut Enc {
        self.varint(hashes.len() as u64);
        for hash in hashes {
            self.raw(&hash.0);
        }
        self
    }

    pub(crate) fn filing(&mut self, filing: &Filing) -> &mut Enc {
        self.varint(filing.compartments.len() as u64);
        for compartment in &filing.compartments {
            self.compartment(compartment);
        }
        self.classes(&filing.classes)
    }

    pub(crate) fn scope(&mut self, scope: &Scope) -> &mut Enc {
        self.compartment(&scope.compartment).classes(&scope.classes)
    }

    fn compartment(&mut self, compartment: &Compartment) -> &mut Enc {
        match compartment {
            Compartment::Shared => self.u8(0),
            Compartment::Unfiled => self.u8(1),
            Compartment::Patient(id) => self.u8(2).id(id),
        }
    }

    pub(crate) fn classes(&mut self, classes: &Classes) -> &mut Enc {
        self.varint(classes.len() as u64);
        for class in classes.iter() {
            self.text(class);
        }
        self
    }
}

/// The sixteen bytes of a lower-case hyphenated UUID.
pub(crate) fn uuid_of(id: &str) -> Option<[u8; 16]> {
    if id.len() != 36 || id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    uuid::Uuid::try_parse(id).ok().map(|uuid| *uuid.as_bytes())
}

/// Reads a row.
pub(crate) struct Dec<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Dec<'a> {
    /// A reader over `bytes` of a row called `what` in errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Dec<'a> {
        Dec { rest: bytes, what }
    }

    pub(crate) fn damaged(&self) -> StoreError {
        StoreError::Damaged(self.what)
    }

    /// The number of the form, which is the only one read.
    pub(crate) fn form(&mut self, known: u8) -> Result<(), StoreError> {
        let found = self.u8()?;
        if found == known {
            return Ok(());
        }
        Err(StoreError::Form {
            what: self.what,
            found,
            known,
        })
    }

    /// Whether all was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(StoreError::Damaged(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| StoreError::Damaged(self.what))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StoreError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.u8()? != 0)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, StoreError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged())
    }

    /// A count of things that take at least one byte each.
    pub(crate) fn count(&mut self) -> Result<usize, StoreError> {
        let count = self.varint()? as usize;
        if count > self.rest.len() {
            Err(self.damaged())
        } else {
            Ok(count)
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let len = self.varint()? as usize;
        self.take(len)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoreError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged())
    }

    pub(crate) fn id(&mut self) -> Result<String, StoreError> {
        match self.u8()? {
            0 => Ok(uuid::Uuid::from_bytes(self.array()?).hyphenated().to_string()),
            1 => Ok(self.text()?.to_owned()),
            _ => Err(self.damaged()),
        }
    }

    pub(crate) fn key(&mut self) -> Result<RecordKey, StoreError> {
        let kind = self.text()?;
        let id = self.id()?;
        RecordKey::new(kind, &id).map_err(|_| self.damaged())
    }

    pub(crate) fn hashes(&mut self) -> Result<Vec<ChangeHash>, StoreError> {
        let count = self.count()?;
        (0..count).map(|_| Ok(ChangeHash(self.array()?))).collect()
    }

    pub(crate) fn scope(&mut self) -> Result<Scope, StoreError> {
        Ok(Scope {
            compartment: self.compartment()?,
            classes: self.classes()?,
        })
    }

    pub(crate) fn filing(&mut self) -> Result<Filing, StoreError> {
        let count = self.count()?;
        let compartments = (0..count).map(|_| self.compartment()).collect::<Result<_, _>>()?;
        Ok(Filing {
            compartments,
            classes: self.classes()?,
        })
    }

    fn compartment(&mut self) -> Result<Compartment, StoreError> {
        match self.u8()? {
            0 => Ok(Compartment::Shared),
            1 => Ok(Compartment::Unfiled),
            2 => Ok(Compartment::Patient(self.id()?)),
            _ => Err(self.damaged()),
        }
    }

    pub(crate) fn classes(&mut self) -> Result<Classes, StoreError> {
        let count = self.count()?;
        let mut classes = Classes::default();
        for _ in 0..count {
            classes.add(self.text()?);
        }
        Ok(classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let key = RecordKey::new("Patient", "0190a1b2-0000-7000-8000-0123456789ab").unwrap();
        let filing = Filing {
            compartments: vec![Compartment::Patient("p.1".into()), Compartment::Shared],
            classes: ["HIV", "PSY"].into_iter().collect(),
        };
        let mut enc = Enc::new();
        enc.varint(u64::MAX).key(&key).text("x").filing(&filing);
        enc.hashes(&[ChangeHash([7; 32])]);
        let mut dec = Dec::new(&enc.out, "row");
        assert_eq!(dec.varint().unwrap(), u64::MAX);
        assert_eq!(dec.key().unwrap(), key);
        assert_eq!(dec.text().unwrap(), "x");
        assert_eq!(dec.filing().unwrap(), filing);
        assert_eq!(dec.hashes().unwrap(), vec![ChangeHash([7; 32])]);
        assert!(dec.u8().is_err());
    }

    #[test]
    fn an_id_comes_back_as_it_was_spelled() {
        let ids = [
            ("0190a1b2-c3d4-7000-8000-0123456789ab", true),
            ("0190A1B2-C3D4-7000-8000-0123456789AB", false),
            ("0190a1b2-c3d4-7000-8000-0123456789aB", false),
            ("0190A1b2-c3d4-7000-8000-0123456789ab", false),
            ("0190a1b2c3d4700080000123456789ab", false),
            ("0190a1b2-c3d4-7000-8000-0123456789a", false),
            ("0190a1b2-c3d4-7000-8000-0123456789abc", false),
            ("0190a1b2.c3d4.7000.8000.0123456789ab", false),
            ("0190a1b2-c3d4-7000-80000-123456789ab", false),
            ("gggggggg-gggg-gggg-gggg-gggggggggggg", false),
            ("A", false),
        ];
        for (id, is_packed) in ids {
            let mut enc = Enc::new();
            let scope = Scope::from(Compartment::Patient(id.to_owned()));
            enc.id(id).scope(&scope);
            let mut dec = Dec::new(&enc.out, "row");
            assert_eq!(dec.id().unwrap(), id);
            assert_eq!(dec.scope().unwrap(), scope);
            assert_eq!(uuid_of(id).is_some(), is_packed, "{id}");
            assert_eq!(Enc::new().id(id).out.len() == 17, is_packed, "{id}");
        }
    }
}
