//! Words and marks of Rust source, without its comments; texts are kept apart, for an attribute may hold a path in one.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, a keyword or a number.
    Word,
    /// `::`, or one other character.
    Mark,
    /// What stands between quotes.
    Text,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }

    /// A name that an item could have.
    pub fn is_name(&self) -> bool {
        self.kind == Kind::Word && !self.text.starts_with(|char: char| char.is_ascii_digit())
    }
}

pub fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        chars: source.chars().collect(),
        at: 0,
        line: 1,
        found: Vec::new(),
    };
    while reader.at < reader.chars.len() {
        reader.read();
    }
    reader.found
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Token>,
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn step(&mut self) {
        if self.peek(0) == '\n' {
            self.line += 1;
        }
        self.at += 1;
    }

    fn push(&mut self, kind: Kind, text: String, line: usize) {
        self.found.push(Token { kind, text, line });
    }

    fn read(&mut self) {
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while self.at < self.chars.len() && self.peek(0) != '\n' {
                    self.step();
                }
            }
            ('/', '*') => self.comment(),
            ('"', _) => self.text(),
            ('\'', _) => self.quote(),
            (':', ':') => {
                self.at += 2;
                self.push(Kind::Mark, "::".to_owned(), line);
            }
            (char, _) if is_word(char) => self.word(),
            (char, _) => {
                if !char.is_whitespace() {
                    self.push(Kind::Mark, char.to_string(), line);
                }
                self.step();
            }
        }
    }

    fn comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.step();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn text(&mut self) {
        let line = self.line;
        let mut text = String::new();
        self.step();
        while self.at < self.chars.len() && self.peek(0) != '"' {
            if self.peek(0) == '\\' {
                self.step();
            }
            text.push(self.peek(0));
            self.step();
        }
        self.step();
        self.push(Kind::Text, text, line);
    }

    /// A text that ends at a quote with as many `#` as it began with.
    fn raw_text(&mut self) {
        let line = self.line;
        let mut hashes = 0;
        while self.peek(0) == '#' {
            hashes += 1;
            self.step();
        }
        self.step();
        let mut text = String::new();
        while self.at < self.chars.len() {
            if self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#') {
                break;
            }
            text.push(self.peek(0));
            self.step();
        }
        self.at += 1 + hashes;
        self.push(Kind::Text, text, line);
    }

    /// `'a'`, `'\n'` or the lifetime `'a`.
    fn quote(&mut self) {
        self.step();
        if self.peek(0) == '\\' {
            self.step();
            self.step();
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.step();
            }
            self.step();
        } else if self.peek(1) == '\'' {
            self.step();
            self.step();
        } else {
            while is_word(self.peek(0)) {
                self.step();
            }
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let mut word = String::new();
        while is_word(self.peek(0)) {
            word.push(self.peek(0));
            self.step();
        }
        let is_prefix = ["r", "b", "br", "c", "cr"].contains(&word.as_str());
        match self.peek(0) {
            '"' if is_prefix && word.contains('r') => self.raw_text(),
            '"' if is_prefix => self.text(),
            '\'' if word == "b" => self.quote(),
            '#' if word == "r" && is_word(self.peek(1)) => self.step(),
            '#' if is_prefix && word.contains('r') && ['#', '"'].contains(&self.peek(1)) => self.raw_text(),
            _ => self.push(Kind::Word, word, line),
        }
    }
}
