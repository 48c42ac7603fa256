//! What can be told about an expression from its text: its references, its path, the guards it needs.

use std::collections::BTreeSet;

use weir_core::evaluator::References;
use weir_core::lexer::{Kind, Lexer, Token};

use crate::guards;
use crate::path::Path;

/// The names a scope can bind.
pub(crate) const ROOTS: [&str; 9] =
    ["input", "steps", "item", "index", "iteration", "previous", "parent", "vars", "execution"];

/// An expression, read once and kept.
#[derive(Debug)]
pub(crate) struct Expression {
    /// Its text.
    pub(crate) source: String,
    /// What it refers to, as far as its author should be told.
    pub(crate) references: References,
    /// The scope's names that must be bound to run it; rather too many than too few.
    pub(crate) roots: Vec<&'static str>,
    /// Set when it is so simple that no engine is needed.
    pub(crate) path: Option<Path>,
    /// Runs before it, see [`guards`].
    pub(crate) guards: String,
    /// Whether it can name `Date`.
    pub(crate) uses_dates: bool,
}

impl Expression {
    /// Reads a text whose syntax is right; the time this takes grows with how deeply it is nested.
    pub(crate) fn new(source: &str, tokens: &[Token<'_>], path: Option<Path>) -> Self {
        let opaque = source.contains('\\') || guards::OPAQUE.iter().any(|word| source.contains(word));
        let roots = ROOTS
            .into_iter()
            .filter(|root| opaque || tokens.iter().any(|token| token.kind == Kind::Name && token.text == *root))
            .collect();
        Self {
            source: source.to_owned(),
            references: references(tokens, opaque),
            roots,
            guards: if path.is_some() { String::new() } else { guards::script(source, tokens) },
            path,
            uses_dates: opaque || source.contains("Date"),
        }
    }
}

/// The tokens of an expression, without comments.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    Lexer::new(source, 0).filter(|token| !matches!(token.kind, Kind::LineComment | Kind::BlockComment)).collect()
}

fn references(tokens: &[Token<'_>], opaque: bool) -> References {
    let ends = bracket_ends(tokens);
    let uses = uses(tokens, &ends);
    let bound = bound(tokens, &ends);
    let mut found = References { any_step: opaque, ..References::default() };
    // With statements in it, names may be declared in ways that are not followed here: only the scope's are told.
    let has_statements = tokens.iter().any(|token| token.kind == Kind::Name && STATEMENTS.contains(&token.text));
    for &at in &uses {
        let name = tokens[at].text;
        if name == "steps" {
            match step(tokens.get(at + 1..).unwrap_or_default()) {
                Some(step) if !bound.contains("steps") => {
                    found.steps.insert(step.to_owned());
                }
                _ => found.any_step = true,
            }
        }
        let told = ROOTS.contains(&name) || !(has_statements || name.contains('\\'));
        if told && !bound.contains(name) && !WORDS.contains(&name) {
            found.names.insert(name.to_owned());
        }
    }
    found
}

/// The places of names that are neither members nor keys.
fn uses(tokens: &[Token<'_>], ends: &[Option<usize>]) -> Vec<usize> {
    let mut uses = Vec::new();
    // For each open bracket, how many `?` wait for their `:`.
    let mut conditions = vec![0_usize];
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(at + 1);
        match token.kind {
            Kind::Name => {
                let member = before.is_some_and(|before| before.is(".") || before.is("?.") || before.is("#"));
                let key = after.is_some_and(|after| after.is(":")) && conditions.last() == Some(&0);
                // `{ name() {} }`, `{ get name() {} }`
                let method = after.is_some_and(|after| after.is("(")) && body_follows(tokens, ends, at + 1);
                if !member && !key && !method {
                    uses.push(at);
                }
            }
            Kind::Template => {
                if token.text.starts_with('}') {
                    conditions.pop();
                }
                if token.text.ends_with("${") {
                    conditions.push(0);
                }
            }
            Kind::Punctuation => match token.text {
                "(" | "[" | "{" => conditions.push(0),
                ")" | "]" | "}" => {
                    conditions.pop();
                }
                // `a ?? b` has no `:`.
                "?" if !(after.is_some_and(|after| after.is("?")) || before.is_some_and(|before| before.is("?"))) => {
                    if let Some(open) = conditions.last_mut() {
                        *open += 1;
                    }
                }
                ":" => {
                    if let Some(open) = conditions.last_mut() {
                        *open = open.saturating_sub(1);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    uses
}

/// Whether the group opened at `open` is followed by a body.
fn body_follows(tokens: &[Token<'_>], ends: &[Option<usize>], open: usize) -> bool {
    let end = ends.get(open).copied().flatten();
    end.and_then(|end| tokens.get(end + 1)).is_some_and(|next| next.is("{"))
}

/// The names an expression declares itself: params of functions and what follows a declaring word.
fn bound<'a>(tokens: &[Token<'a>], ends: &[Option<usize>]) -> BTreeSet<&'a str> {
    let mut bound = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let group = if token.is("(") {
            let end = ends[at];
            end.filter(|end| tokens.get(end + 1).is_some_and(|next| next.is("=>") || next.is("{"))).map(|end| at..end)
        } else if token.kind == Kind::Name && DECLARING.contains(&token.text) {
            match next {
                Some(next) if next.is("{") || next.is("[") => ends[at + 1].map(|end| at..end),
                _ => Some(at + 1..at + 2),
            }
        } else if token.kind == Kind::Name && next.is_some_and(|next| next.is("=>")) {
            Some(at..at + 1)
        } else {
            None
        };
        let group = group.and_then(|range| tokens.get(range)).unwrap_or_default();
        bound.extend(group.iter().filter(|token| token.kind == Kind::Name).map(|token| token.text));
    }
    bound
}

/// For each opening bracket the place of the one that closes it.
fn bracket_ends(tokens: &[Token<'_>]) -> Vec<Option<usize>> {
    let mut ends = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Punctuation) {
        match token.text {
            "(" | "[" | "{" => open.push(at),
            ")" | "]" | "}" => {
                if let Some(open) = open.pop() {
                    ends[open] = Some(at);
                }
            }
            _ => {}
        }
    }
    ends
}

/// The node read by the tokens after `steps`, when they say it literally.
fn step<'a>(after: &[Token<'a>]) -> Option<&'a str> {
    let (dot, rest) = after.split_first()?;
    let bracket = match rest.first()? {
        name if (dot.is(".") || dot.is("?.")) && name.kind == Kind::Name => {
            return (!name.text.contains('\\')).then_some(name.text);
        }
        next if dot.is("?.") && next.is("[") => rest.get(1..)?,
        _ if dot.is("[") => rest,
        _ => return None,
    };
    match bracket {
        [key, close, ..] if key.kind == Kind::Text && close.is("]") && !key.text.contains('\\') => {
            key.text.get(1..key.text.len() - 1)
        }
        _ => None,
    }
}

const STATEMENTS: [&str; 7] = ["let", "const", "var", "function", "class", "catch", "for"];
const DECLARING: [&str; 6] = ["let", "const", "var", "function", "class", "catch"];

/// Reserved words and literals, which are no references.
const WORDS: [&str; 53] = [
    "arguments",
    "as",
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "from",
    "function",
    "get",
    "if",
    "import",
    "in",
    "instanceof",
    "let",
    "meta",
    "new",
    "null",
    "of",
    "return",
    "set",
    "static",
    "super",
    "switch",
    "target",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "accessor",
    "using",
];
