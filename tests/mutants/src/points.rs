//! Where in a file a switch can sit: walks the syntax tree of product code and proposes the changes.
//!
//! Left out: what cannot be switched at run time (constants, patterns, what stands inside a macro call), tests, and
//! `Debug`, which no user sees.

use std::ops::Range;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::switch::{Genre, Site, Switch, number, one_line};
use crate::values;

/// Every switch of one file of product code, in the order of the source.
///
/// # Errors
/// Where the file is not Rust.
pub fn of_file(package: &str, file: &str, text: &str) -> Result<Vec<Switch>> {
    let tree = syn::parse_file(text).with_context(|| format!("{file} does not parse"))?;
    let mut walk = Walk {
        package,
        file,
        text,
        names: Vec::new(),
        found: Vec::new(),
    };
    walk.visit_file(&tree);
    let mut found = walk.found;
    found.sort_by_key(|switch| (switch.site.range().start, switch.genre));
    number(&mut found);
    Ok(found)
}

struct Walk<'a> {
    package: &'a str,
    file: &'a str,
    text: &'a str,
    /// The impl, modules and functions around the place.
    names: Vec<String>,
    found: Vec<Switch>,
}

/// Whether the item is compiled for tests only.
pub fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = attribute
            .path()
            .segments
            .last()
            .is_some_and(|name| name.ident == "test");
        let is_cfg = attribute.path().is_ident("cfg");
        is_test
            || is_cfg
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("test"))
    })
}

impl Walk<'_> {
    fn add(&mut self, genre: Genre, shown: Range<usize>, replacement: &str, site: Site) {
        // What is put in front of a body or a pattern is no text of the source.
        let original = self.text.get(shown.clone()).map(one_line).unwrap_or_default();
        let line = |at: usize| {
            1 + self
                .text
                .get(..at)
                .map_or(0, |before| before.matches('\n').count())
        };
        let lines = (line(shown.start), line(shown.end.max(shown.start + 1) - 1));
        self.found.push(Switch {
            package: self.package.to_owned(),
            file: self.file.to_owned(),
            function: self.names.join("::"),
            genre,
            original,
            replacement: replacement.to_owned(),
            ordinal: 1,
            lines,
            site,
            hurts: None,
        });
    }

    fn source(&self, node: &impl Spanned) -> (Range<usize>, String) {
        let range = node.span().byte_range();
        let text = self.text.get(range.clone()).unwrap_or_default().to_owned();
        (range, text)
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        self.names.push(signature.ident.to_string());
        if signature.constness.is_none() {
            let open = block.brace_token.span.open().byte_range().end;
            let (head, _) = self.source(signature);
            for value in values::of_return(&signature.output) {
                self.add_body(head.start..block.span().byte_range().end, open, &value);
            }
            visit::visit_block(self, block);
        }
        self.names.pop();
    }

    fn add_body(&mut self, whole: Range<usize>, open: usize, value: &str) {
        self.add(Genre::Value, whole, value, Site::Body(open));
        if let Some(last) = self.found.last_mut() {
            "the body".clone_into(&mut last.original);
        }
    }

    /// Both outcomes of a condition that binds nothing.
    fn condition(&mut self, genre: Genre, condition: &syn::Expr, outcomes: &[&str]) {
        if holds_let(condition) {
            return;
        }
        let (range, _) = self.source(condition);
        for outcome in outcomes {
            self.add(genre, range.clone(), outcome, Site::Expression(range.clone()));
        }
    }
}

/// Whether a condition binds with `let` somewhere in its chain.
fn holds_let(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => holds_let(&binary.left) || holds_let(&binary.right),
        syn::Expr::Paren(inner) => holds_let(&inner.expr),
        _ => false,
    }
}

/// What may stand in an operator's place.
fn other_operators(operator: &syn::BinOp) -> &'static [&'static str] {
    use syn::BinOp::{
        Add, AddAssign, And, BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Div, DivAssign,
        Eq, Ge, Gt, Le, Lt, Mul, MulAssign, Ne, Or, Rem, RemAssign, Shl, ShlAssign, Shr, ShrAssign, Sub,
        SubAssign,
    };
    match operator {
        Eq(_) => &["!="],
        Ne(_) => &["=="],
        Lt(_) => &["==", ">", "<="],
        Gt(_) => &["==", "<", ">="],
        Le(_) => &[">", "<"],
        Ge(_) => &["<", ">"],
        And(_) => &["||"],
        Or(_) => &["&&"],
        Add(_) => &["-", "*"],
        Sub(_) => &["+", "/"],
        Mul(_) => &["+", "/"],
        Div(_) => &["%", "*"],
        Rem(_) => &["/", "+"],
        Shl(_) => &[">>"],
        Shr(_) => &["<<"],
        BitAnd(_) => &["|", "^"],
        BitOr(_) => &["&", "^"],
        BitXor(_) => &["|", "&"],
        AddAssign(_) => &["-=", "*="],
        SubAssign(_) => &["+=", "/="],
        MulAssign(_) => &["+=", "/="],
        DivAssign(_) => &["%=", "*="],
        RemAssign(_) => &["/=", "+="],
        ShlAssign(_) => &[">>="],
        ShrAssign(_) => &["<<="],
        BitAndAssign(_) => &["|=", "^="],
        BitOrAssign(_) => &["&=", "^="],
        BitXorAssign(_) => &["|=", "&="],
        _ => &[],
    }
}

/// Whether leaving the statement out is a change worth trying: a call or an assignment whose value nobody takes.
fn is_act(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::MethodCall(_) | syn::Expr::Call(_) | syn::Expr::Assign(_) => true,
        syn::Expr::Try(inner) => is_act(&inner.expr),
        syn::Expr::Await(inner) => is_act(&inner.base),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Fn(function) if !is_test_only(&function.attrs) => {
                self.function(&function.sig, &function.block)
            }
            syn::Item::Mod(module) if !is_test_only(&module.attrs) => {
                self.names.push(module.ident.to_string());
                visit::visit_item_mod(self, module);
                self.names.pop();
            }
            syn::Item::Impl(block) if !is_test_only(&block.attrs) && !is_debug(block) => {
                self.names.push(type_name(&block.self_ty));
                visit::visit_item_impl(self, block);
                self.names.pop();
            }
            syn::Item::Trait(block) => {
                self.names.push(block.ident.to_string());
                visit::visit_item_trait(self, block);
                self.names.pop();
            }
            _ => {}
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if let syn::ImplItem::Fn(function) = item
            && !is_test_only(&function.attrs)
        {
            self.function(&function.sig, &function.block);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if let syn::TraitItem::Fn(function) = item
            && let Some(block) = &function.default
        {
            self.function(&function.sig, block);
        }
    }

    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_type(&mut self, _: &'ast syn::Type) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    /// The length of `[value; length]` is a constant.
    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if let syn::Stmt::Expr(expression, Some(_)) = statement
            && is_act(expression)
        {
            let (range, _) = self.source(statement);
            self.add(Genre::Statement, range.clone(), "", Site::Statements(range));
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        self.condition(Genre::Condition, &branch.cond, &["true", "false"]);
        visit::visit_expr_if(self, branch);
    }

    fn visit_expr_while(&mut self, turn: &'ast syn::ExprWhile) {
        self.condition(Genre::Condition, &turn.cond, &["false"]);
        visit::visit_expr_while(self, turn);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let (range, text) = self.source(binary);
        let operator = binary.op.span().byte_range();
        if !holds_let(&binary.left) && !holds_let(&binary.right) {
            for other in other_operators(&binary.op) {
                let mut changed = text.clone();
                changed.replace_range(operator.start - range.start..operator.end - range.start, other);
                self.add(
                    Genre::Operator,
                    range.clone(),
                    &changed,
                    Site::Expression(range.clone()),
                );
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if matches!(unary.op, syn::UnOp::Not(_) | syn::UnOp::Neg(_)) {
            let (range, _) = self.source(unary);
            let (_, inner) = self.source(&unary.expr);
            self.add(Genre::Negation, range.clone(), &inner, Site::Expression(range));
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
        let last = choice.arms.len().saturating_sub(1);
        let has_wildcard = choice
            .arms
            .last()
            .is_some_and(|arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none());
        for (nth, arm) in choice.arms.iter().enumerate() {
            match &arm.guard {
                Some((_, guard)) => self.condition(Genre::Guard, guard, &["true", "false"]),
                None if has_wildcard && nth != last => {
                    let (pattern, _) = self.source(&arm.pat);
                    self.add(Genre::Arm, pattern.clone(), "never", Site::Pattern(pattern.end));
                }
                None => {}
            }
        }
        visit::visit_expr_match(self, choice);
    }
}

fn is_debug(block: &syn::ItemImpl) -> bool {
    block
        .trait_
        .as_ref()
        .and_then(|(_, path, _)| path.segments.last())
        .is_some_and(|name| name.ident == "Debug" || name.ident == "Drop")
}

fn type_name(ty: &syn::Type) -> String {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        syn::Type::Reference(reference) => return type_name(&reference.elem),
        _ => None,
    }
    .unwrap_or_else(|| "impl".to_owned())
}
