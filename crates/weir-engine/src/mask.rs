//! Hides the secrets a node was given wherever they would be written: in its output, its errors, its steps, its log.
//!
//! A secret is known by its text, by the forms in which it travels (base64, percent-encoded, within a JSON text), and
//! for a user with a password by `user:password` in base64. What a node puts into files is not looked at, and neither
//! is a secret that arrives in pieces, such as one token of a model after the other.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use parking_lot::RwLock;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex::{NoExpand, Regex, RegexBuilder};
use serde_json::{Map, Value};
use weir_base::Credential;
use weir_core::node_error::NodeError;
use weir_core::outcome::{Outcome, Wait};
use weir_core::payload::Payload;

use crate::node::LiveEvent;

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// Shorter texts are no secrets: to hide each `a` would hide everything.
const SHORTEST: usize = 4;

/// Enough for the forms of the largest secrets there are.
const PATTERN_BYTES: usize = 64 << 20;

/// The secrets one attempt of a node was given.
#[derive(Debug, Default)]
pub(crate) struct Mask(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// Each form of each secret, the longest first.
    forms: Vec<String>,
    /// Finds any of them.
    pattern: Option<Regex>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} forms of secrets", self.forms.len())
    }
}

impl Mask {
    /// Hides what is secret in this credential from now on.
    pub(crate) fn learn(&self, credential: &Credential) -> Result<(), NodeError> {
        let mut forms: Vec<String> = credential.secrets().into_iter().flat_map(forms_of).collect();
        if let Credential::Basic { username, password } = credential
            && is_secret(password)
        {
            forms.extend(base64_of(&format!("{username}:{password}")));
        }
        self.hide(forms)
    }

    /// Hides this text, and the forms it travels in, from now on.
    pub(crate) fn learn_text(&self, secret: &str) -> Result<(), NodeError> {
        self.hide(forms_of(secret))
    }

    fn hide(&self, forms: Vec<String>) -> Result<(), NodeError> {
        let mut known = self.0.write();
        let before = known.forms.len();
        for form in forms {
            if !known.forms.contains(&form) {
                known.forms.push(form);
            }
        }
        if known.forms.len() > before {
            known.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
            let any: Vec<_> = known.forms.iter().map(|form| regex::escape(form)).collect();
            let pattern = RegexBuilder::new(&any.join("|")).size_limit(PATTERN_BYTES).build();
            // Better to run nothing than to write what cannot be hidden. The pattern's own words would tell the secret.
            known.pattern = Some(pattern.map_err(|_| NodeError::invalid("the credential is too large to be hidden"))?);
        }
        Ok(())
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &mut String) {
        if let Some(pattern) = &self.0.read().pattern {
            hide_in(text, pattern);
        }
    }

    /// The value without secrets, in the names of its fields as well.
    pub(crate) fn value(&self, value: &mut Value) {
        if let Some(pattern) = &self.0.read().pattern {
            hide_in_value(value, pattern);
        }
    }

    pub(crate) fn error(&self, error: &mut NodeError) {
        self.text(&mut error.message);
        if let Some(source) = &mut error.source {
            self.text(source);
        }
        if let Some(details) = &mut error.details {
            self.value(details);
        }
    }

    pub(crate) fn outcome(&self, outcome: &mut Outcome) {
        if self.0.read().pattern.is_none() {
            return;
        }
        match outcome {
            Outcome::Done { output, .. } => self.payload(output),
            Outcome::Expand(expansion) => {
                self.payload(&mut expansion.items);
                expansion.keys.iter_mut().flatten().for_each(|key| self.text(key));
            }
            Outcome::Wait(Wait::Child(request)) => self.payload(&mut request.input),
            Outcome::Wait(Wait::Approval(request)) => {
                self.text(&mut request.title);
                for text in [&mut request.description, &mut request.assignee].into_iter().flatten() {
                    self.text(text);
                }
                if let Some(form) = &mut request.form {
                    self.value(form);
                }
            }
            Outcome::Wait(Wait::Signal { name, .. }) => self.text(name),
            Outcome::Wait(Wait::Timer { .. }) | Outcome::Iterate(_) => {}
        }
    }

    pub(crate) fn live(&self, event: &mut LiveEvent) {
        match event {
            LiveEvent::Token { text, .. } => self.text(text),
            LiveEvent::Log { message, .. } | LiveEvent::Progress { message, .. } => self.text(message),
        }
    }

    /// What is stored already was put out by earlier nodes, and masked for them.
    fn payload(&self, payload: &mut Payload) {
        match payload {
            Payload::Inline(value) => self.value(std::sync::Arc::make_mut(value)),
            Payload::Stored(_) => {}
            Payload::Items(items) => items.iter_mut().for_each(|item| self.payload(item)),
            Payload::Fields(fields) => fields.iter_mut().for_each(|(name, field)| {
                self.text(name);
                self.payload(field);
            }),
        }
    }
}

fn is_secret(text: &str) -> bool {
    text.chars().count() >= SHORTEST
}

/// The forms in which a secret travels.
fn forms_of(secret: &str) -> Vec<String> {
    if !is_secret(secret) {
        return Vec::new();
    }
    let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let json = Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        encoded.to_lowercase(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        json.trim_matches('"').to_owned(),
        encoded,
    ];
    // A password within a URL is written percent-encoded there, and used as it is.
    forms.extend(percent_decode_str(secret).decode_utf8().ok().map(String::from).filter(|text| is_secret(text)));
    forms.extend(base64_of(secret));
    forms
}

fn base64_of(text: &str) -> [String; 4] {
    [STANDARD.encode(text), STANDARD_NO_PAD.encode(text), URL_SAFE.encode(text), URL_SAFE_NO_PAD.encode(text)]
}

fn hide_in(text: &mut String, pattern: &Regex) {
    if let std::borrow::Cow::Owned(hidden) = pattern.replace_all(text, NoExpand(HIDDEN)) {
        *text = hidden;
    }
}

fn hide_in_value(value: &mut Value, pattern: &Regex) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            let text = number.to_string();
            if pattern.find(&text).is_some_and(|found| found.len() == text.len()) {
                *value = Value::from(HIDDEN);
            }
        }
        Value::String(text) => hide_in(text, pattern),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_in_value(item, pattern)),
        Value::Object(fields) => {
            if fields.keys().any(|name| pattern.is_match(name)) {
                let renamed = std::mem::take(fields).into_iter().map(|(mut name, field)| {
                    hide_in(&mut name, pattern);
                    (name, field)
                });
                *fields = renamed.collect::<Map<_, _>>();
            }
            fields.values_mut().for_each(|field| hide_in_value(field, pattern));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_secret_is_hidden_and_nothing_else() {
        let mask = Mask::default();
        let password = "p\"ss w/rd+é".to_owned();
        mask.learn(&Credential::Basic { username: "ann".to_owned(), password: password.clone() }).unwrap();
        let url = "postgres://ann:s%40fe@db/shop".to_owned();
        mask.learn(&Credential::Database { url: url.clone() }).unwrap();
        mask.learn(&Credential::Bearer { token: "abc".to_owned() }).unwrap();
        mask.learn(&Credential::ApiKey { header: "x-key".to_owned(), key: "12345678".to_owned() }).unwrap();
        for leak in [
            password.clone(),
            STANDARD.encode(&password),
            URL_SAFE_NO_PAD.encode(format!("ann:{password}")),
            STANDARD.encode(format!("ann:{password}")),
            utf8_percent_encode(&password, NON_ALPHANUMERIC).to_string(),
            url::form_urlencoded::byte_serialize(password.as_bytes()).collect(),
            url,
            "s%40fe".to_owned(),
            "s@fe".to_owned(),
        ] {
            let mut value = json!({ "a": [format!("before {leak} after")], format!("key {leak}"): leak });
            mask.value(&mut value);
            assert_eq!(value, json!({ "a": ["before *** after"], "key ***": "***" }), "{leak}");
        }
        let mut text = json!({ "echo": password }).to_string();
        mask.text(&mut text);
        assert_eq!(text, r#"{"echo":"***"}"#);
        let mut rest = json!([12345678, 123456789, "abc", "ann", true, null, 1.5]);
        mask.value(&mut rest);
        assert_eq!(rest, json!(["***", 123456789, "abc", "ann", true, null, 1.5]));
    }
}
