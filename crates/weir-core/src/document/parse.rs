//! Bytes to a tree of values: size, encoding, nesting, duplicate keys and aliases are judged before anything else looks.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::Problem;
use crate::validate::codes::{
    DOCUMENT_TOO_DEEP, DOCUMENT_TOO_LARGE, ENCODING_INVALID, KEY_DUPLICATE, KEY_RESERVED, Rule, SYNTAX_INVALID,
};

/// The longest text of a document: 2 MiB.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// How deep objects and arrays may be nested.
pub const MAX_DEPTH: usize = 64;

/// Keys that `serde_json` gives a meaning of their own when it converts values.
pub(crate) const RESERVED_PREFIX: &str = "$serde_json::private::";

/// In which notation a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML 1.2.
    Yaml,
}

impl Format {
    /// The notation of a text: JSON when it begins like an object.
    pub fn guess(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        match bytes.trim_ascii_start().first() {
            Some(b'{') => Self::Json,
            _ => Self::Yaml,
        }
    }
}

/// Reads a text as a tree; what the tree means is for [`Document::from_value`](super::Document::from_value) to say.
///
/// # Errors
/// The text is larger than [`MAX_BYTES`] (aliases written out), no UTF-8, no JSON or YAML, nested deeper than
/// [`MAX_DEPTH`], or names a key twice.
pub fn parse(bytes: &[u8], format: Format) -> Result<Value, Vec<Problem>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![DOCUMENT_TOO_LARGE.at(
            "",
            format!("the text has {} bytes; at most {MAX_BYTES} are read", bytes.len()),
            "move long texts into files or variables, or split the workflow with `sub_workflow`",
        )]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        vec![ENCODING_INVALID.at("", format!("byte {} is not UTF-8", error.valid_up_to()), "save the file as UTF-8")]
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let watch = Watch::default();
    let seed = Tree { depth: 0, watch: &watch };
    let read = match format {
        Format::Json => read_json(text, seed),
        Format::Yaml => read_yaml(text, seed),
    };
    read.map_err(|(rule, message)| {
        let rule = watch.refused.get().or(rule).unwrap_or(&SYNTAX_INVALID);
        vec![rule.at("", message, hint(rule, format))]
    })
}

fn hint(rule: &Rule, format: Format) -> &'static str {
    match (rule.code, format) {
        ("document_too_large", _) => "write fewer aliases",
        ("document_too_deep", _) => "flatten the value, or build it with a `code` node",
        ("key_duplicate", _) => "remove or rename one of the two",
        ("key_reserved", _) => "choose another key",
        (_, Format::Json) => "mend the JSON at this place",
        (_, Format::Yaml) => "mend the YAML at this place; texts with `: `, `#` or a leading `{` or `*` need quotes",
    }
}

/// The rule the library itself found broken, if it is not the syntax, and the message.
type Refusal = (Option<&'static Rule>, String);

fn read_json(text: &str, seed: Tree<'_>) -> Result<Value, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let tree = seed.deserialize(&mut deserializer).map_err(|error| (None, error.to_string()))?;
    deserializer.end().map_err(|error| (None, error.to_string()))?;
    Ok(tree)
}

fn read_yaml(text: &str, seed: Tree<'_>) -> Result<Value, Refusal> {
    let options = serde_saphyr::options! {
        // The depth is refused by the tree with a better message; the parser's own bound only has to lie above it.
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH + 16,
            max_documents: 1,
            max_nodes: MAX_BYTES,
            max_events: 2 * MAX_BYTES,
            max_total_scalar_bytes: MAX_BYTES,
            max_aliases: 10_000,
            max_anchors: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 200_000 },
        strict_booleans: true,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| seed.deserialize(deserializer))
        .map_err(|error| {
            let rule = rule_of(&error);
            let plain = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
            (rule, error.render_with_options(plain))
        })
}

fn rule_of(error: &serde_saphyr::Error) -> Option<&'static Rule> {
    use serde_saphyr::Error::{
        AliasError, AliasReplayLimitExceeded, AliasReplayStackDepthExceeded, Budget, DuplicateMappingKey, WithSnippet,
    };
    use serde_saphyr::budget::BudgetBreach::{Depth, Documents};
    match error {
        AliasError { error, .. } | WithSnippet { error, .. } => rule_of(error),
        DuplicateMappingKey { .. } => Some(&KEY_DUPLICATE),
        Budget { breach: Depth { .. }, .. } => Some(&DOCUMENT_TOO_DEEP),
        Budget { breach: Documents { .. }, .. } => Some(&SYNTAX_INVALID),
        Budget { .. } | AliasReplayLimitExceeded { .. } | AliasReplayStackDepthExceeded { .. } => {
            Some(&DOCUMENT_TOO_LARGE)
        }
        _ => None,
    }
}

/// What was counted and refused while a tree grew.
#[derive(Default)]
struct Watch {
    /// Bytes of strings, and one for each value; aliases can make it larger than the text.
    size: Cell<usize>,
    refused: Cell<Option<&'static Rule>>,
}

impl Watch {
    fn refuse<E: serde::de::Error>(&self, rule: &'static Rule, message: impl fmt::Display) -> E {
        self.refused.set(Some(rule));
        E::custom(message)
    }

    fn spend<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        let size = self.size.get() + bytes;
        self.size.set(size);
        if size > MAX_BYTES {
            return Err(self.refuse(
                &DOCUMENT_TOO_LARGE,
                format_args!("the document is larger than {MAX_BYTES} bytes with its aliases written out"),
            ));
        }
        Ok(())
    }
}

/// A value at some depth; unlike `Value`'s own reader it counts, and refuses duplicate keys.
struct Tree<'w> {
    depth: usize,
    watch: &'w Watch,
}

impl Tree<'_> {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.watch.refuse(
                &DOCUMENT_TOO_DEEP,
                format_args!("objects and arrays are nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        Ok(Self { depth: self.depth + 1, watch: self.watch })
    }

    fn again(&self) -> Self {
        Self { depth: self.depth, watch: self.watch }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.watch.spend(1)?;
        Ok(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.watch.spend(1)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.watch.spend(1)?;
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.watch.spend(1)?;
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.watch.spend(1)?;
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.watch.spend(1 + value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.watch.spend(1 + value.len())?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.watch.spend(1)?;
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner.again())? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.watch.spend(1)?;
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            self.watch.spend(key.len())?;
            if key.starts_with(RESERVED_PREFIX) {
                return Err(self.watch.refuse(&KEY_RESERVED, format_args!("the key `{key}` is reserved")));
            }
            if object.contains_key(&key) {
                return Err(self
                    .watch
                    .refuse(&KEY_DUPLICATE, format_args!("the key `{key}` stands twice in one object")));
            }
            object.insert(key, members.next_value_seed(inner.again())?);
        }
        Ok(Value::Object(object))
    }
}
