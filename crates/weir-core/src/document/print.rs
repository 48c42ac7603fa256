//! A document as text: always in the same order and layout, so that versions compare line by line.

use serde_json::Value;

use super::Document;

impl Document {
    /// The document as a tree of values, without what is at its default.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|error| unprintable(&error))
    }

    /// The document as JSON, two spaces a level, with a final line break.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_else(|error| unprintable(&error));
        text + "\n"
    }

    /// The document as YAML: texts of several lines as blocks, texts that look like other values quoted.
    pub fn to_yaml(&self) -> String {
        let options = serde_saphyr::ser_options! {
            // A folded line moves all later breaks when a word changes; a line as written stays one line of a diff.
            folded_wrap_chars: usize::MAX,
        };
        serde_saphyr::to_string_with_options(self, options).unwrap_or_else(|error| unprintable(&error))
    }
}

/// A document holds nothing but strings, numbers, lists and maps with text keys: there is always a way to write it.
fn unprintable<T>(error: &dyn std::error::Error) -> T {
    unreachable!("a document cannot be printed: {error}")
}
