//! Expressions that only walk into the scope, answered without the engine and exactly as it would.
//!
//! Whatever could differ (inherited members, members of null, escapes) is left to the engine, so that even errors are
//! the same. One thing is better here: integers beyond 2^53 keep all their digits.

use serde_json::Value;
use weir_core::evaluator::{Local, Scope};
use weir_core::lexer::{Kind, Token};

use crate::expression::ROOTS;

/// A literal, or a name of the scope with the members read from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Path {
    Literal(Value),
    Members { root: &'static str, keys: Vec<Key> },
}

/// A member: its name, and its place when the name is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    name: String,
    index: Option<usize>,
}

impl Path {
    /// Reads the tokens; `None` when they are more than a path.
    pub(crate) fn read(tokens: &[Token<'_>]) -> Option<Self> {
        let (first, rest) = tokens.split_first()?;
        if rest.is_empty()
            && let Some(literal) = literal(first)
        {
            return Some(Self::Literal(literal));
        }
        let root = ROOTS.into_iter().find(|root| first.kind == Kind::Name && first.text == *root)?;
        let mut keys = Vec::new();
        let mut rest = rest;
        loop {
            rest = match rest {
                [] => return Some(Self::Members { root, keys }),
                [dot, name, rest @ ..] if dot.is(".") && name.kind == Kind::Name && !name.text.contains('\\') => {
                    keys.push(Key { name: name.text.to_owned(), index: None });
                    rest
                }
                [open, key, close, rest @ ..] if open.is("[") && close.is("]") => {
                    keys.push(match literal(key)? {
                        Value::String(name) => Key { index: index_of(&name), name },
                        Value::Number(number) => Key { name: number.to_string(), index: index_of(&number.to_string()) },
                        _ => return None,
                    });
                    rest
                }
                _ => return None,
            };
        }
    }

    /// The value in this scope; `None` when only the engine knows.
    pub(crate) fn value(&self, scope: &Scope) -> Option<Value> {
        let (root, keys) = match self {
            Self::Literal(value) => return Some(value.clone()),
            Self::Members { root, keys } => (*root, keys.as_slice()),
        };
        match root {
            "input" => member(&scope.input, keys),
            "vars" => member(&scope.vars, keys),
            "execution" => member(&scope.execution, keys),
            "steps" => {
                let (step, keys) = keys.split_first()?;
                match scope.steps.get(&step.name) {
                    Some(output) => member(output, keys),
                    None => absent(step, keys),
                }
            }
            _ => local(scope.local.as_ref()?, root, keys),
        }
    }
}

/// A literal without escapes.
fn literal(token: &Token<'_>) -> Option<Value> {
    match (token.kind, token.text) {
        (Kind::Name, "true") => Some(Value::Bool(true)),
        (Kind::Name, "false") => Some(Value::Bool(false)),
        (Kind::Name, "null" | "undefined") => Some(Value::Null),
        (Kind::Number, text) => index_of(text).map(Value::from),
        (Kind::Text, text) if !text.contains('\\') => Some(Value::from(text.get(1..text.len() - 1)?)),
        _ => None,
    }
}

/// A plain decimal integer that every number type holds.
fn index_of(text: &str) -> Option<usize> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn local(local: &Local, name: &str, keys: &[Key]) -> Option<Value> {
    match (local, name) {
        (Local::Item { item, .. }, "item") => member(item, keys),
        (Local::Item { index, .. }, "index") => keys.is_empty().then(|| Value::from(*index)),
        (Local::Iteration { iteration, .. }, "iteration") => keys.is_empty().then(|| Value::from(*iteration)),
        (Local::Iteration { previous, .. }, "previous") => member(previous, keys),
        (Local::Item { parent: Some(parent), .. } | Local::Iteration { parent: Some(parent), .. }, "parent") => {
            let (name, keys) = keys.split_first()?;
            self::local(parent, &name.name, keys)
        }
        _ => None,
    }
}

fn member(mut value: &Value, keys: &[Key]) -> Option<Value> {
    for (at, key) in keys.iter().enumerate() {
        let rest = &keys[at + 1..];
        value = match value {
            Value::Object(members) => match members.get(&key.name) {
                Some(member) => member,
                None => return absent(key, rest),
            },
            Value::Array(items) if key.name == "length" => {
                return rest.is_empty().then(|| Value::from(items.len()));
            }
            Value::Array(items) => items.get(key.index?)?,
            Value::String(text) if key.name == "length" => {
                return rest.is_empty().then(|| Value::from(text.encode_utf16().count()));
            }
            _ => return None,
        };
    }
    Some(value.clone())
}

/// What an object without this member answers: undefined, unless every object has it; reading on throws.
fn absent(key: &Key, rest: &[Key]) -> Option<Value> {
    (rest.is_empty() && !INHERITED.contains(&key.name.as_str())).then_some(Value::Null)
}

const INHERITED: [&str; 12] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
];
