//! The modules of a package: which file each is, what it defines, what it `use`s, and every path in it. No types are
//! known: a method that is called on a value is no import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::parse;

/// A file needs something that another defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: PathBuf,
    pub to: PathBuf,
    /// As the importing file writes it.
    pub path: String,
    pub line: usize,
}

/// A path in a source, other than the name of a thing beside it.
#[derive(Clone, Debug)]
pub struct Mention {
    pub path: Vec<String>,
    pub line: usize,
}

/// One leaf of a `use`.
#[derive(Clone, Debug)]
pub struct Use {
    pub mention: Mention,
    /// The name that it brings; none for `*`.
    pub name: Option<String>,
}

/// A module: a file, or what `mod name { … }` holds.
#[derive(Debug, Default)]
pub struct Module {
    pub file: PathBuf,
    /// Where the files of its child modules stand.
    pub folder: PathBuf,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    pub defines: BTreeSet<String>,
    pub uses: Vec<Use>,
    pub mentions: Vec<Mention>,
    /// Every word in it, for what `use …::*` brings.
    pub words: BTreeMap<String, usize>,
}

/// The names that are being looked up, so that re-exports in a ring end.
type Seen = BTreeSet<(usize, String)>;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    /// An item, defined in this module.
    Item(usize),
    /// Another package's.
    Outside,
}

/// The sources of one package, read.
#[derive(Debug, Default)]
pub struct Package {
    pub modules: Vec<Module>,
    /// Files that only tests compile, and the folders of their modules.
    pub for_tests: BTreeSet<PathBuf>,
}

impl Package {
    /// Reads the sources from `lib.rs` and `main.rs` on, by path below the package's folder of sources.
    pub fn read(files: &BTreeMap<PathBuf, String>) -> Self {
        let mut package = Self::default();
        for root in ["lib.rs", "main.rs"] {
            let file = Path::new(root);
            if files.contains_key(file) {
                parse::file(&mut package, files, file, None, Path::new(""));
            }
        }
        package
    }

    pub fn has_file(&self, file: &Path) -> bool {
        self.modules.iter().any(|module| module.file == file)
    }

    pub fn is_for_tests(&self, file: &Path) -> bool {
        self.for_tests.iter().any(|place| file.starts_with(place))
    }

    /// Every import between two files, in the order of the sources.
    pub fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            for import in &module.uses {
                match import.name {
                    Some(_) => self.add(&mut imports, at, &import.mention),
                    None => self.add_all(&mut imports, at, &import.mention),
                }
            }
            for mention in &module.mentions {
                self.add(&mut imports, at, mention);
            }
        }
        imports
    }

    fn add(&self, imports: &mut Vec<Import>, from: usize, mention: &Mention) {
        for target in self.resolve(from, &mention.path, &mut Seen::new()) {
            self.add_one(imports, from, &target, mention.path.join("::"), mention.line);
        }
    }

    /// What `use …::*` brings is what the file then names.
    fn add_all(&self, imports: &mut Vec<Import>, from: usize, mention: &Mention) {
        for target in self.resolve(from, &mention.path, &mut Seen::new()) {
            let Target::Module(of) = target else {
                self.add_one(imports, from, &target, mention.path.join("::"), mention.line);
                continue;
            };
            for (word, line) in &self.modules[from].words {
                for target in self.lookup(of, word, &mut Seen::new()).unwrap_or_default() {
                    let path = format!("{}::{word}", mention.path.join("::"));
                    self.add_one(imports, from, &target, path, *line);
                }
            }
        }
    }

    fn add_one(&self, imports: &mut Vec<Import>, from: usize, target: &Target, path: String, line: usize) {
        let Target::Item(to) = target else { return };
        let (from, to) = (&self.modules[from].file, &self.modules[*to].file);
        if from != to {
            let (from, to) = (from.clone(), to.clone());
            imports.push(Import { from, to, path, line });
        }
    }

    fn resolve(&self, from: usize, path: &[String], seen: &mut Seen) -> BTreeSet<Target> {
        let Some((first, rest)) = path.split_first() else {
            return BTreeSet::new();
        };
        let mut targets = match self.walk(from, first) {
            Some(module) => BTreeSet::from([Target::Module(module)]),
            None => {
                let found = self.lookup(from, first, seen);
                found.unwrap_or_else(|| BTreeSet::from([Target::Outside]))
            }
        };
        for name in rest {
            let mut next = BTreeSet::new();
            for target in targets {
                let Target::Module(module) = target else {
                    next.insert(target);
                    continue;
                };
                match self.walk(module, name) {
                    Some(module) => {
                        next.insert(Target::Module(module));
                    }
                    // What nobody is seen to define is a macro's, most likely of that very file.
                    None => next.extend(
                        self.lookup(module, name, seen)
                            .unwrap_or_else(|| BTreeSet::from([Target::Item(module)])),
                    ),
                }
            }
            targets = next;
        }
        targets
    }

    /// `crate`, `self` and `super`.
    fn walk(&self, from: usize, name: &str) -> Option<usize> {
        match name {
            "self" => Some(from),
            "super" => self.modules[from].parent,
            "crate" => {
                let mut top = from;
                while let Some(parent) = self.modules[top].parent {
                    top = parent;
                }
                Some(top)
            }
            _ => None,
        }
    }

    /// What a name means in a module; none where nobody says.
    fn lookup(&self, of: usize, name: &str, seen: &mut Seen) -> Option<BTreeSet<Target>> {
        let module = &self.modules[of];
        let mut found = BTreeSet::new();
        found.extend(module.children.get(name).map(|child| Target::Module(*child)));
        found.extend(module.defines.contains(name).then_some(Target::Item(of)));
        let key = (of, name.to_owned());
        if !seen.insert(key.clone()) {
            return Some(found);
        }
        for import in module
            .uses
            .iter()
            .filter(|import| import.name.as_deref() == Some(name))
        {
            found.extend(self.resolve(of, &import.mention.path, seen));
        }
        if found.is_empty() {
            for import in module.uses.iter().filter(|import| import.name.is_none()) {
                for target in self.resolve(of, &import.mention.path, seen) {
                    if let Target::Module(module) = target {
                        found.extend(self.lookup(module, name, seen).unwrap_or_default());
                    }
                }
            }
        }
        seen.remove(&key);
        (!found.is_empty()).then_some(found)
    }
}
