//! Reads the embedded table. The table is ours and tested; a line that can't be read is left
//! out rather than stopping the node.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{
    CodeSet, Composite, CompositeId, Definitions, Element, Field, TypeDef, TypeKind, TypeRef,
};

/// A type while reading: its own elements only.
struct RawType {
    name: &'static str,
    letter: &'static str,
    base: &'static str,
    elements: Vec<u32>,
}

#[derive(Default)]
struct Loader {
    out: Definitions,
    raw: Vec<RawType>,
    by_name: BTreeMap<&'static str, usize>,
    /// `@path` of content references, by element number.
    references: BTreeMap<u32, &'static str>,
    /// Backbones by type number and path.
    backbones: BTreeMap<(usize, &'static str), CompositeId>,
    /// Choice keys, each leaked once: they live as long as the table.
    keys: BTreeSet<&'static str>,
}

/// Reads the whole table.
pub(super) fn load(table: &'static str) -> Definitions {
    let mut loader = Loader::default();
    for line in table.lines() {
        let mut fields = line.split('\t');
        match fields.next() {
            Some("V") => loader.code_set(fields),
            Some("T") => loader.type_line(fields),
            Some("E") => loader.element(fields),
            _ => {}
        }
    }
    loader.number_composites();
    loader.link_references();
    loader.link_types();
    loader.fill_composites();
    loader.out
}

impl Loader {
    fn code_set(&mut self, fields: std::str::Split<'static, char>) {
        let systems = fields
            .skip(1)
            .map(|group| {
                let mut words = group.split(' ');
                let system = words.next().unwrap_or_default();
                let mut codes: Vec<&'static str> = words.collect();
                codes.sort_unstable();
                (system, codes)
            })
            .collect();
        self.out.code_sets.push(CodeSet { systems });
    }

    fn type_line(&mut self, mut fields: std::str::Split<'static, char>) {
        let (Some(name), Some(letter)) = (fields.next(), fields.next()) else {
            return;
        };
        self.by_name.insert(name, self.raw.len());
        let base = fields.next().unwrap_or_default();
        self.raw.push(RawType {
            name,
            letter,
            base,
            elements: Vec::new(),
        });
    }

    fn element(&mut self, mut fields: std::str::Split<'static, char>) {
        let (Some(path), Some(min), Some(max)) = (fields.next(), fields.next(), fields.next()) else {
            return;
        };
        let flags = fields.next().unwrap_or_default();
        let types = fields.next().unwrap_or_default();
        let number = self.out.elements.len() as u32;
        let mut element = Element {
            path,
            name: path.rsplit('.').next().unwrap_or(path),
            min: min.parse().unwrap_or(0),
            max: max.parse().unwrap_or(u16::MAX),
            is_modifier: flags.contains('m'),
            is_summary: flags.contains('s'),
            types: Vec::new(),
            backbone: None,
            code_set: fields.next().and_then(|set| set.parse().ok()),
        };
        if let Some(target) = types.strip_prefix('@') {
            self.references.insert(number, target);
        } else {
            element.types = types.split(' ').filter(|t| !t.is_empty()).map(type_ref).collect();
        }
        self.out.elements.push(element);
        if let Some(raw) = self.raw.last_mut() {
            raw.elements.push(number);
        }
    }

    /// Gives each type's root and each backbone a number.
    fn number_composites(&mut self) {
        for (at, raw) in self.raw.iter().enumerate() {
            let root = CompositeId(self.backbones.len() as u32);
            self.backbones.insert((at, ""), root);
            for number in &raw.elements {
                let Some(element) = self.out.elements.get_mut(*number as usize) else {
                    continue;
                };
                let inline = matches!(element.types.as_slice(), [only] if is_inline(only.code));
                if inline {
                    let id = CompositeId(self.backbones.len() as u32);
                    self.backbones.insert((at, element.path), id);
                    element.backbone = Some(id);
                }
            }
            self.out.types.push(TypeDef {
                name: raw.name,
                kind: match raw.letter {
                    "p" | "P" => TypeKind::Primitive,
                    "r" | "R" => TypeKind::Resource,
                    _ => TypeKind::Datatype,
                },
                is_abstract: matches!(raw.letter, "C" | "R" | "P"),
                base: raw.base,
                composite: root,
            });
        }
        self.out.types.sort_unstable_by_key(|t| t.name);
    }

    fn link_references(&mut self) {
        for (at, raw) in self.raw.iter().enumerate() {
            for number in &raw.elements {
                let Some(target) = self.references.get(number) else {
                    continue;
                };
                if let Some(element) = self.out.elements.get_mut(*number as usize) {
                    element.backbone = self.backbones.get(&(at, *target)).copied();
                }
            }
        }
    }

    /// Types are looked up once, here.
    fn link_types(&mut self) {
        let Definitions { types, elements, .. } = &mut self.out;
        for t in elements.iter_mut().flat_map(|element| &mut element.types) {
            let at = types.binary_search_by(|known| known.name.cmp(t.code)).ok();
            if let Some(known) = at.and_then(|at| types.get(at)) {
                t.kind = known.kind;
                t.composite = known.composite;
            }
        }
    }

    fn fill_composites(&mut self) {
        self.out
            .composites
            .resize_with(self.backbones.len(), Composite::default);
        let backbones = std::mem::take(&mut self.backbones);
        for ((at, path), id) in &backbones {
            let elements = self.elements_of(*at, path);
            let mut fields: Vec<Field> = Vec::with_capacity(elements.len());
            for number in &elements {
                self.fields_of(*number, &mut fields);
            }
            fields.sort_unstable_by_key(|field| field.key);
            if let Some(composite) = self.out.composites.get_mut(id.0 as usize) {
                *composite = Composite { fields, elements };
            }
        }
    }

    /// Elements of a type's root (path empty) or backbone, inherited ones first.
    fn elements_of(&self, at: usize, path: &str) -> Vec<u32> {
        let Some(raw) = self.raw.get(at) else {
            return Vec::new();
        };
        let own = |number: &&u32| {
            let Some(element) = self.out.elements.get(**number as usize) else {
                return false;
            };
            element.path.rsplit_once('.').map_or("", |(parent, _)| parent) == path
        };
        let base = if path.is_empty() {
            raw.base
        } else {
            raw.elements
                .iter()
                .filter_map(|number| self.out.elements.get(*number as usize))
                .find(|element| element.path == path)
                .and_then(|element| element.types.first())
                .map_or("", |t| t.code)
        };
        let mut elements = self
            .by_name
            .get(base)
            .map(|base| self.elements_of(*base, ""))
            .unwrap_or_default();
        elements.extend(raw.elements.iter().filter(own));
        elements
    }

    fn fields_of(&mut self, number: u32, fields: &mut Vec<Field>) {
        let Some(element) = self.out.elements.get(number as usize) else {
            return;
        };
        let Some(stem) = element.name.strip_suffix("[x]") else {
            fields.push(Field {
                key: element.name,
                element: number,
                type_index: None,
            });
            return;
        };
        fields.push(Field {
            key: element.name,
            element: number,
            type_index: None,
        });
        for (at, choice) in element.types.iter().enumerate() {
            let key = choice_key(stem, choice.code);
            let key = match self.keys.get(key.as_str()) {
                Some(known) => known,
                None => {
                    let leaked: &'static str = Box::leak(key.into_boxed_str());
                    self.keys.insert(leaked);
                    leaked
                }
            };
            fields.push(Field {
                key,
                element: number,
                type_index: Some(at as u16),
            });
        }
    }
}

/// Types whose children stand in the definition of the type that uses them.
fn is_inline(code: &str) -> bool {
    matches!(code, "BackboneElement" | "Element")
}

/// Reads `code` or `code(target,target)`; kind and elements are linked later.
fn type_ref(text: &'static str) -> TypeRef {
    let (code, targets) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((code, targets)) => (code, targets.split(',').collect()),
        None => (text, Vec::new()),
    };
    TypeRef {
        code,
        targets,
        kind: TypeKind::Datatype,
        composite: CompositeId(u32::MAX),
    }
}

fn choice_key(stem: &str, code: &str) -> String {
    let mut key = String::with_capacity(stem.len() + code.len());
    key.push_str(stem);
    let mut letters = code.chars();
    key.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    key.push_str(letters.as_str());
    key
}
