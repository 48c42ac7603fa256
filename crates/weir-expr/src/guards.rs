//! Chooses which built-in functions need a guard before an expression may run.
//!
//! QuickJS looks at the time limit between bytecode instructions, not inside native loops. The few native loops whose
//! length an expression can choose freely are replaced (`guards.js`). Doing so for all of them doubles the cost of an
//! evaluation, so an expression that cannot get hold of a function without naming it gets guards for those it names.

use weir_core::lexer::{Kind, Token};

const ARRAY_FUNCTIONS: [&str; 15] = [
    "concat",
    "copyWithin",
    "entries",
    "flat",
    "flatMap",
    "join",
    "keys",
    "reverse",
    "shift",
    "slice",
    "sort",
    "splice",
    "toSorted",
    "unshift",
    "fill",
];
const STRING_FUNCTIONS: [&str; 6] = ["includes", "indexOf", "lastIndexOf", "replace", "replaceAll", "split"];

/// Words that may walk an array natively.
const ITERATING: [&str; 8] = ["Set", "Map", "Iterator", "fromEntries", "groupBy", "values", "iterator", "from"];

/// Words by which an expression can reach a name it does not spell.
pub(crate) const OPAQUE: [&str; 8] =
    ["eval", "Function", "constructor", "globalThis", "this", "Reflect", "__proto__", "prototype"];

/// The script that replaces the functions this expression might call; empty when it calls none of them.
pub(crate) fn script(source: &str, tokens: &[Token<'_>]) -> String {
    let all = reaches_any_function(source, tokens);
    let chosen = |names: &[&str]| -> Vec<String> {
        names.iter().filter(|name| all || source.contains(**name)).map(|name| format!("{name:?}")).collect()
    };
    let arrays = chosen(&ARRAY_FUNCTIONS);
    let strings = chosen(&STRING_FUNCTIONS);
    let iteration = all || ITERATING.iter().any(|word| source.contains(word));
    if arrays.is_empty() && strings.is_empty() && !iteration {
        return String::new();
    }
    include_str!("guards.js")
        .replace("ARRAY_NAMES", &format!("[{}]", arrays.join(",")))
        .replace("STRING_NAMES", &format!("[{}]", strings.join(",")))
        .replace("ITERATION", if iteration { "true" } else { "false" })
}

/// Whether it can call a function without spelling its name: by a computed key, an escape or reflection.
fn reaches_any_function(source: &str, tokens: &[Token<'_>]) -> bool {
    if source.contains('\\') || source.contains("getOwnProperty") || OPAQUE.iter().any(|word| source.contains(word)) {
        return true;
    }
    tokens.iter().enumerate().any(|(at, token)| {
        let next = |ahead: usize| tokens.get(at + ahead);
        let after_value = at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|before| {
            matches!(before.kind, Kind::Name | Kind::Text | Kind::Template | Kind::Regex | Kind::Number)
                || [")", "]", "}", "?."].iter().any(|end| before.is(end))
        });
        let literal_key = next(1).is_some_and(|key| matches!(key.kind, Kind::Text | Kind::Number))
            && next(2).is_some_and(|close| close.is("]"));
        let computed_member = token.is("[") && after_value && !literal_key;
        let computed_key = token.is("]") && next(1).is_some_and(|next| next.is(":") || next.is("("));
        computed_member || computed_key
    })
}
