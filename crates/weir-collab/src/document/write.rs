//! Making the document be what JSON says, by as few changes as it takes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};
use yrs::{
    Any, ClientID, Doc, GetString as _, Map as _, MapPrelim, MapRef, OffsetKind, Options, Out, Text as _, TextPrelim,
    TextRef, Transact as _, TransactionMut, WriteTxn as _,
};

use super::read::{plain, value_of};
use super::{EDGES, META, NODES, TEXTS, WHOLE};

/// Whom the first contents of every document are from: so two processes that begin the same document with the same
/// draft begin it with the same items.
const FIRST: u64 = 1;

/// How long the changes within a text are looked for; after that larger parts of it are replaced.
const DIFF_TIME: Duration = Duration::from_millis(200);

/// Where in the document a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The document itself.
    Document,
    /// A node or an edge.
    Entry,
    /// The data of a node.
    Data,
    /// The parameters of a node, however deep.
    Params,
    /// Where fields mean nothing to us.
    Elsewhere,
}

impl Place {
    fn below(self, name: &str) -> Self {
        match (self, name) {
            (Self::Entry, "data") => Self::Data,
            (Self::Data, "params") | (Self::Params, _) => Self::Params,
            _ => Self::Elsewhere,
        }
    }
}

/// An update that makes an empty document this draft; the same for the same draft.
pub(crate) fn seed(draft: &Value) -> Vec<u8> {
    let options = Options { client_id: ClientID::new(FIRST), offset_kind: OffsetKind::Utf16, ..Options::default() };
    let doc = Doc::with_options(options);
    let mut txn = doc.transact_mut();
    rewrite(&mut txn, draft);
    txn.encode_update_v1()
}

/// Makes the document `to`. What is that already is not touched, so that others can change it at the same time.
pub(crate) fn rewrite(txn: &mut TransactionMut<'_>, to: &Value) {
    let none = Map::new();
    let fields = to.as_object().unwrap_or(&none);
    write_meta(txn, fields);
    for root in [NODES, EDGES] {
        let map = txn.get_or_insert_map(root);
        write_list(txn, &map, fields.get(root).and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
    }
}

/// Makes the fields of the document itself what JSON says.
pub(super) fn write_meta(txn: &mut TransactionMut<'_>, fields: &Map<String, Value>) {
    let meta = txn.get_or_insert_map(META);
    write_fields(txn, &meta, named(fields).filter(|(name, _)| *name != NODES && *name != EDGES), Place::Document);
}

/// Makes an entry of `nodes` or `edges` what JSON says.
pub(super) fn write_entry(txn: &mut TransactionMut<'_>, map: &MapRef, id: &str, fields: &Map<String, Value>) {
    let entry = match map.get(txn, id) {
        Some(Out::YMap(entry)) => entry,
        _ => map.insert(txn, id, MapPrelim::default()),
    };
    // The entry's name is its id.
    write_fields(txn, &entry, named(fields).filter(|(name, _)| *name != "id"), Place::Entry);
}

fn write_list(txn: &mut TransactionMut<'_>, map: &MapRef, list: &[Value]) {
    let named = list.iter().filter_map(|entry| {
        let fields = entry.as_object()?;
        Some((fields.get("id")?.as_str()?, fields))
    });
    let named: Vec<_> = named.collect();
    let kept: HashSet<&str> = named.iter().map(|(id, _)| *id).collect();
    remove_others(txn, map, &kept);
    for (id, fields) in named {
        write_entry(txn, map, id, fields);
    }
}

fn write_fields<'a>(
    txn: &mut TransactionMut<'_>,
    map: &MapRef,
    fields: impl Iterator<Item = (&'a str, &'a Value)>,
    place: Place,
) {
    let fields: Vec<_> = fields.collect();
    let kept: HashSet<&str> = fields.iter().map(|(name, _)| *name).collect();
    remove_others(txn, map, &kept);
    for (name, value) in fields {
        write_field(txn, map, name, value, place);
    }
}

fn write_field(txn: &mut TransactionMut<'_>, map: &MapRef, name: &str, value: &Value, place: Place) {
    let is_whole = place == Place::Document && WHOLE.contains(&name);
    match (map.get(txn, name), value) {
        (Some(Out::YMap(there)), Value::Object(fields)) if !is_whole => {
            write_fields(txn, &there, named(fields), place.below(name));
        }
        (Some(Out::YText(there)), Value::String(text)) => write_text(txn, &there, text),
        (Some(there), _) if is_same(txn, &there, value) => {}
        (_, Value::Object(fields)) if !is_whole => {
            let there = map.insert(txn, name, MapPrelim::default());
            write_fields(txn, &there, named(fields), place.below(name));
        }
        (_, Value::String(text)) if place == Place::Params && TEXTS.contains(&name) => {
            map.insert(txn, name, TextPrelim::new(text.as_str()));
        }
        _ => {
            map.insert(txn, name, any(value));
        }
    }
}

fn named(fields: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    fields.iter().map(|(name, value)| (name.as_str(), value))
}

fn remove_others(txn: &mut TransactionMut<'_>, map: &MapRef, kept: &HashSet<&str>) {
    let mut gone: Vec<String> = map.keys(txn).filter(|name| !kept.contains(name)).map(|name| name.to_owned()).collect();
    gone.sort_unstable();
    for name in gone {
        map.remove(txn, &name);
    }
}

/// Changes within a text what is different, so that others can write elsewhere in it.
fn write_text(txn: &mut TransactionMut<'_>, there: &TextRef, to: &str) {
    let from = there.get_string(txn);
    if from == to {
        return;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (from.split_inclusive('\n').collect(), to.split_inclusive('\n').collect());
    let mut at = 0;
    for op in capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(Instant::now() + DIFF_TIME)) {
        let (before, after) = (old[op.old_range()].concat(), new[op.new_range()].concat());
        if op.tag() == DiffTag::Equal {
            at += utf16(&after);
            continue;
        }
        let head = common(before.chars(), after.chars());
        let tail = common(before[head..].chars().rev(), after[head..].chars().rev());
        let (gone, come) = (&before[head..before.len() - tail], &after[head..after.len() - tail]);
        let start = at + utf16(&before[..head]);
        if !gone.is_empty() {
            there.remove_range(txn, start, utf16(gone));
        }
        if !come.is_empty() {
            there.insert(txn, start, come);
        }
        at += utf16(&after);
    }
}

/// The bytes of the characters in which both begin alike.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).map(|(char, _)| char.len_utf8()).sum()
}

/// A length as Yjs counts it.
fn utf16(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

fn is_same(txn: &TransactionMut<'_>, there: &Out, value: &Value) -> bool {
    value_of(txn, there, &Value::Null, 0).is_some_and(|there| there == *normal(value))
}

/// The value as it will be read.
fn normal(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().and_then(plain);
            Cow::Owned(number.map_or(Value::Null, Value::Number))
        }
        Value::Array(items) => Cow::Owned(items.iter().map(|item| normal(item).into_owned()).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), normal(value).into_owned()));
            Cow::Owned(Value::Object(fields.collect()))
        }
        _ => Cow::Borrowed(value),
    }
}

fn any(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(truth) => Any::Bool(*truth),
        Value::Number(number) => Any::Number(yrs::Number::Float(number.as_f64().unwrap_or_default())),
        Value::String(text) => Any::String(Arc::from(text.as_str())),
        Value::Array(items) => Any::Array(items.iter().map(any).collect()),
        Value::Object(fields) => {
            Any::Map(Arc::new(fields.iter().map(|(name, value)| (name.clone(), any(value))).collect()))
        }
    }
}
