//! The document as JSON.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};
use weir_core::document::MAX_DEPTH;
use yrs::branch::{Branch, BranchPtr};
use yrs::{Any, Array as _, GetString as _, Map as _, MapRef, Out, ReadTxn, TextRef};

use super::{EDGES, META, NODES};

/// Fields in the order people expect them in; others follow by name.
const ORDER: [&str; 16] = [
    "id",
    "name",
    "description",
    "type",
    "parentNode",
    "source",
    "sourceHandle",
    "target",
    "position",
    "x",
    "y",
    "data",
    "label",
    "params",
    "inputs",
    "settings",
];

/// What comes after all that has no place of its own.
const LAST: [&str; 3] = [NODES, EDGES, "viewport"];

/// The workflow document. Y.Maps have no order, and order has no meaning: it is that of `like`, an earlier view, for
/// all that was in there; what is new comes after it.
pub(crate) fn view<T: ReadTxn>(txn: &T, like: &Value) -> Value {
    let mut fields = HashMap::new();
    if let Some(meta) = txn.get_map(META) {
        fields = entries(txn, &meta, like, 1);
        fields.retain(|name, _| name != NODES && name != EDGES);
    }
    for name in [NODES, EDGES] {
        let list = txn.get_map(name).map_or_else(Vec::new, |map| list(txn, &map, like.get(name)));
        // A document may leave its edges out.
        if name == NODES || !list.is_empty() || like.get(name).is_some() {
            fields.insert(name.to_owned(), Value::Array(list));
        }
    }
    Value::Object(ordered(fields, like))
}

/// The nodes or the edges: what is named in the map, with its name as its id.
fn list<T: ReadTxn>(txn: &T, map: &MapRef, like: Option<&Value>) -> Vec<Value> {
    let earlier: HashMap<&str, (usize, &Value)> = like
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(place, entry)| Some((entry.get("id")?.as_str()?, (place, entry))))
        .collect();
    let mut found: Vec<(usize, String, Value)> = map
        .iter(txn)
        .filter_map(|(id, entry)| {
            let Out::YMap(entry) = entry else { return None };
            let (place, like) = earlier.get(id).copied().unwrap_or((usize::MAX, &Value::Null));
            let mut fields = entries(txn, &entry, like, 3);
            // Another name than any other entry's, which is no id, so that it is found and corrected.
            fields.insert("id".to_owned(), Value::String(id.replace('\0', "\u{FFFD}")));
            Some((place, id.to_owned(), Value::Object(ordered(fields, like))))
        })
        .collect();
    found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    found.into_iter().map(|(_, _, entry)| entry).collect()
}

fn entries<T: ReadTxn>(txn: &T, map: &MapRef, like: &Value, depth: usize) -> HashMap<String, Value> {
    let read = |(name, value): (&str, Out)| {
        let value = value_of(txn, &value, like.get(name).unwrap_or(&Value::Null), depth + 1)?;
        Some((name.replace('\0', ""), value))
    };
    map.iter(txn).filter_map(read).collect()
}

/// A value as JSON; nothing for what has no JSON. NUL characters are left out: PostgreSQL keeps none. What is deeper
/// than a document may be is null.
pub(super) fn value_of<T: ReadTxn>(txn: &T, value: &Out, like: &Value, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return Some(Value::Null);
    }
    Some(match value {
        Out::Any(any) => return any_of(any, like, depth),
        Out::YText(text) => Value::String(text.get_string(txn).replace('\0', "")),
        Out::YArray(array) => {
            // The iterator never ends at a character that takes two units of a text; no client writes one into a list,
            // but for somebody who means harm.
            let text = TextRef::from(BranchPtr::from(AsRef::<Branch>::as_ref(array))).get_string(txn);
            if !text.is_empty() {
                return None;
            }
            let items = array.iter(txn).filter_map(|item| value_of(txn, &item, &Value::Null, depth + 1));
            Value::Array(items.collect())
        }
        Out::YMap(map) => Value::Object(ordered(entries(txn, map, like, depth), like)),
        Out::YXmlText(text) => Value::String(text.get_string(txn).replace('\0', "")),
        Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YDoc(_) | Out::UndefinedRef(_) => return None,
    })
}

fn any_of(any: &Any, like: &Value, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return Some(Value::Null);
    }
    Some(match any {
        Any::Undefined | Any::Buffer(_) => return None,
        Any::Null => Value::Null,
        Any::Bool(truth) => Value::Bool(*truth),
        Any::Number(number) => plain(double(*number)).map_or(Value::Null, Value::Number),
        Any::String(text) => Value::String(text.replace('\0', "")),
        Any::Array(items) => {
            let like = |place: usize| like.get(place).unwrap_or(&Value::Null);
            let items = items.iter().enumerate();
            Value::Array(items.filter_map(|(place, item)| any_of(item, like(place), depth + 1)).collect())
        }
        Any::Map(fields) => {
            let read = |(name, value): (&String, &Any)| {
                let value = any_of(value, like.get(name).unwrap_or(&Value::Null), depth + 1)?;
                Some((name.replace('\0', ""), value))
            };
            Value::Object(ordered(fields.iter().filter_map(read).collect(), like))
        }
    })
}

/// A number as Yjs has all of them.
fn double(number: yrs::Number) -> f64 {
    match number {
        #[expect(clippy::cast_precision_loss, reason = "it is the nearest")]
        yrs::Number::Int(whole) => whole as f64,
        yrs::Number::Float(number) => number,
    }
}

/// A number as people write it: a whole one without a fraction. Nothing for what is no number in JSON.
pub(super) fn plain(number: f64) -> Option<Number> {
    // Every whole number that 64 bits hold: beyond 2^53 it is the nearest that JavaScript has.
    if number.fract() == 0.0 && number.abs() < 9_223_372_036_854_775_808.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^63")]
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

/// The fields in the order that those of `like` have, the others after them.
fn ordered(mut fields: HashMap<String, Value>, like: &Value) -> Map<String, Value> {
    let mut map = Map::with_capacity(fields.len());
    for name in like.as_object().into_iter().flat_map(Map::keys) {
        if let Some(value) = fields.remove(name) {
            map.insert(name.clone(), value);
        }
    }
    let mut rest: Vec<(String, Value)> = fields.into_iter().collect();
    rest.sort_by(|a, b| (rank(&a.0), &a.0).cmp(&(rank(&b.0), &b.0)));
    map.extend(rest);
    map
}

fn rank(name: &str) -> usize {
    let place = |names: &[&str]| names.iter().position(|one| *one == name);
    let last = place(&LAST).map(|place| ORDER.len() + 1 + place);
    place(&ORDER).or(last).unwrap_or(ORDER.len())
}
