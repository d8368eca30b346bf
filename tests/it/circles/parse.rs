//! From the tokens of a file to the modules in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::sources::{Mention, Module, Package, Use};
use super::tokens::{Kind, Token, tokens};

/// Keywords before the name of an item.
const DEFINE: [&str; 9] = [
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "const",
    "static",
    "macro_rules",
];
/// Items that end at a semicolon, though braces may stand before it.
const TO_SEMICOLON: [&str; 6] = ["use", "const", "static", "let", "type", "extern"];

type Files = BTreeMap<PathBuf, String>;

/// Reads a file, and those of its child modules, and returns its number among the package's modules.
pub fn file(
    package: &mut Package,
    files: &Files,
    file: &Path,
    parent: Option<usize>,
    folder: &Path,
) -> usize {
    let module = Module {
        file: file.to_owned(),
        folder: folder.to_owned(),
        parent,
        ..Module::default()
    };
    package.modules.push(module);
    let at = package.modules.len() - 1;
    let tokens = tokens(&files[file]);
    Parser {
        package,
        files,
        tokens: &tokens,
        open: vec![Some(at)],
        is_for_tests: false,
    }
    .run();
    at
}

struct Parser<'a> {
    package: &'a mut Package,
    files: &'a Files,
    tokens: &'a [Token],
    /// A module for each brace that one opened, nothing for another brace.
    open: Vec<Option<usize>>,
    /// The next item is only compiled in tests.
    is_for_tests: bool,
}

impl Parser<'_> {
    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(text))
    }

    fn name(&self, at: usize) -> Option<&str> {
        self.tokens
            .get(at)
            .filter(|token| token.is_name())
            .map(|token| token.text.as_str())
    }

    /// The innermost module, by its number.
    fn inmost(&self) -> usize {
        self.open.iter().rev().flatten().next().copied().unwrap_or(0)
    }

    fn module(&mut self) -> &mut Module {
        let at = self.inmost();
        &mut self.package.modules[at]
    }

    fn run(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
    }

    /// Reads what begins at a token, and returns where the next thing begins.
    fn step(&mut self, at: usize) -> usize {
        if self.is(at, "#") && (self.is(at + 1, "[") || self.is(at + 1, "!") && self.is(at + 2, "[")) {
            return self.attribute(at);
        }
        if std::mem::take(&mut self.is_for_tests) {
            return self.skip_item(at);
        }
        if self.is(at, "use") && !self.is(at + 1, "<") {
            return self.use_tree(at + 1, &[]) + 1;
        }
        if self.is(at, "mod") && self.name(at + 1).is_some() {
            return self.child(at + 1);
        }
        if self.is(at, "{") {
            self.open.push(None);
        } else if self.is(at, "}") {
            self.open.pop();
        }
        let is_item = self.open.last().is_some_and(Option::is_some);
        if is_item && DEFINE.iter().any(|keyword| self.is(at, keyword)) {
            let skipped = ["!", "mut"].iter().filter(|word| self.is(at + 1, word)).count();
            if let Some(name) = self.name(at + 1 + skipped).map(str::to_owned) {
                self.module().defines.insert(name);
            }
        }
        self.path(at)
    }

    /// The end of the group that opens at a token: the place after its closing mark.
    fn group(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(at) {
            if ["(", "[", "{"].iter().any(|mark| token.is(mark)) {
                depth += 1;
            } else if [")", "]", "}"].iter().any(|mark| token.is(mark)) {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
        }
        self.tokens.len()
    }

    fn attribute(&mut self, at: usize) -> usize {
        let is_inner = self.is(at + 1, "!");
        let opens = at + 1 + usize::from(is_inner);
        let end = self.group(opens);
        let words: Vec<&Token> = self.tokens[opens..end].iter().collect();
        let has = |word: &str| words.iter().any(|token| token.is(word));
        if has("cfg") && has("test") && !has("not") {
            if is_inner {
                let file = self.module().file.clone();
                self.package.for_tests.insert(file);
                return self.tokens.len();
            }
            self.is_for_tests = true;
            return end;
        }
        let texts = words.iter().filter(|token| token.kind == Kind::Text);
        let paths: Vec<Mention> = texts
            .flat_map(|token| paths_in(&token.text, token.line))
            .collect();
        self.module().mentions.extend(paths);
        for inside in opens..end {
            self.path_alone(inside);
        }
        end
    }

    /// Past an item that only tests compile. Files that it declares are noted as theirs.
    fn skip_item(&mut self, from: usize) -> usize {
        let mut at = from;
        while ["pub", "async", "unsafe", "const", "crate"]
            .iter()
            .any(|word| self.is(at, word))
            && (!self.is(at, "const") || self.is(at + 1, "fn"))
        {
            at += 1;
            if self.is(at, "(") {
                at = self.group(at);
            }
        }
        if self.is(at, "mod") && self.is(at + 2, ";") {
            let name = self.name(at + 1).unwrap_or_default().to_owned();
            let place = self.module().folder.join(name);
            self.package.for_tests.insert(place.with_extension("rs"));
            self.package.for_tests.insert(place);
        }
        let to_semicolon = TO_SEMICOLON.iter().any(|word| self.is(at, word));
        while at < self.tokens.len() {
            if ["(", "[", "{"].iter().any(|mark| self.is(at, mark)) {
                let is_body = self.is(at, "{") && !to_semicolon;
                at = self.group(at);
                if is_body {
                    return at;
                }
                continue;
            }
            // A field, a variant, an arm or a statement may end with what holds it.
            if [")", "]", "}"].iter().any(|mark| self.is(at, mark)) {
                return at;
            }
            at += 1;
            if self.is(at - 1, ";") || self.is(at - 1, ",") && self.is_field(from) {
                return at;
            }
        }
        at
    }

    /// Whether what begins here is no item: its end may be a comma.
    fn is_field(&self, at: usize) -> bool {
        let after = match self.is(at, "pub") && self.is(at + 1, "(") {
            true => self.group(at + 1),
            false => at + usize::from(self.is(at, "pub")),
        };
        let items = ["fn", "struct", "enum", "impl", "trait", "mod", "async", "unsafe"];
        !items.iter().chain(&TO_SEMICOLON).any(|word| self.is(after, word))
    }

    /// `mod name;` or `mod name {`, from the name on.
    fn child(&mut self, at: usize) -> usize {
        let name = self.tokens[at].text.clone();
        let parent = self.inmost();
        let folder = self.module().folder.join(&name);
        let child = if self.is(at + 1, "{") {
            let file = self.module().file.clone();
            self.package.modules.push(Module {
                file,
                folder,
                parent: Some(parent),
                ..Module::default()
            });
            let child = self.package.modules.len() - 1;
            self.open.push(Some(child));
            child
        } else {
            let places = [folder.with_extension("rs"), folder.join("mod.rs")];
            let place = places.into_iter().find(|place| self.files.contains_key(place));
            let place = place.unwrap_or_else(|| panic!("no file of mod {name}: {}", folder.display()));
            file(self.package, self.files, &place, Some(parent), &folder)
        };
        self.package.modules[parent].children.insert(name, child);
        at + 2
    }

    /// A tree of a `use`, after the path that leads to it; returns the place of the mark that ends it.
    fn use_tree(&mut self, from: usize, before: &[String]) -> usize {
        let mut at = from;
        let mut path = before.to_vec();
        loop {
            if self.is(at, "{") {
                at += 1;
                while at < self.tokens.len() && !self.is(at, "}") {
                    // At least one token further, whatever a macro wrote there.
                    at = self.use_tree(at, &path).max(at + 1);
                    at += usize::from(self.is(at, ","));
                }
                return at + 1;
            }
            let line = self.tokens.get(at).map_or(0, |token| token.line);
            if self.is(at, "*") {
                self.module().uses.push(Use {
                    mention: Mention { path, line },
                    name: None,
                });
                return at + 1;
            }
            if let Some(name) = self.name(at) {
                // `a::{self}` is `a`.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                at += 1;
            }
            if self.is(at, "::") {
                at += 1;
                continue;
            }
            let mut name = path.last().cloned();
            if self.is(at, "as") {
                name = self.name(at + 1).map(str::to_owned);
                at += 2;
            }
            self.module().uses.push(Use {
                mention: Mention { path, line },
                name,
            });
            return at;
        }
    }

    /// Notes a path or a word, and returns the place after it.
    fn path(&mut self, at: usize) -> usize {
        let (path, end) = path_at(self.tokens, at);
        let Some(first) = path.first() else {
            return at + 1;
        };
        let line = self.tokens[at].line;
        // A method's or a field's name; a range may end with a path.
        let is_of_value = at > 0 && self.is(at - 1, ".") && (at < 2 || !self.is(at - 2, "."));
        let is_after_path = at > 0 && self.is(at - 1, "::") || is_of_value;
        if !is_after_path {
            let first = first.clone();
            self.module().words.entry(first).or_insert(line);
            if path.len() > 1 {
                self.module().mentions.push(Mention { path, line });
            }
        }
        end
    }

    /// As `path`, where the next token is read anyway.
    fn path_alone(&mut self, at: usize) {
        if at == 0 || !self.is(at - 1, "::") {
            self.path(at);
        }
    }
}

/// Names with `::` between them from a token on, and the place after them.
fn path_at(tokens: &[Token], from: usize) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut at = from;
    while let Some(token) = tokens.get(at).filter(|token| token.is_name()) {
        path.push(token.text.clone());
        at += 1;
        let goes_on = tokens.get(at).is_some_and(|token| token.is("::"))
            && tokens.get(at + 1).is_some_and(Token::is_name);
        if !goes_on {
            break;
        }
        at += 1;
    }
    (path, at)
}

/// The paths in a text of an attribute, such as `with = "crate::hex"`.
fn paths_in(text: &str, line: usize) -> Vec<Mention> {
    let tokens = tokens(text);
    let begins = |at: &usize| *at == 0 || !tokens[at - 1].is("::");
    let paths = (0..tokens.len()).filter(begins).map(|at| path_at(&tokens, at).0);
    paths
        .filter(|path| path.len() > 1)
        .map(|path| Mention { path, line })
        .collect()
}
