//! Strings with `{{ expressions }}` in them.
//!
//! A string that is one expression, apart from whitespace around it, keeps the value's type; any other is joined into
//! text, whitespace and all. A literal `{{` is written as an expression: `{{ "{{" }}`.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::evaluator::{Evaluator, ExpressionError, Scope};
use crate::lexer::{Kind, Lexer};

/// A string split into text and expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<'a> {
    segments: Vec<Segment<'a>>,
}

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Kept as it is.
    Text(&'a str),
    /// The text between `{{` and `}}`, without whitespace around it.
    Expression(&'a str),
}

/// Why a string is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{{` at byte {offset} has no closing `}}}}`")]
pub struct TemplateError {
    /// Where the expression begins, in bytes.
    pub offset: usize,
}

/// An expression of a template that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedExpression {
    /// Its text.
    pub expression: String,
    /// Why.
    pub source: ExpressionError,
}

impl<'a> Template<'a> {
    /// Whether a string has an expression in it at all.
    pub fn has_expression(source: &str) -> bool {
        source.contains("{{")
    }

    /// Splits a string; `}}` inside a JavaScript string, template literal, comment or object does not end an
    /// expression (in a `//` comment it does, so that one may stand at the end).
    ///
    /// # Errors
    /// An expression that is not closed.
    pub fn parse(source: &'a str) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        let mut at = 0;
        while let Some((before, _)) = source[at..].split_once("{{") {
            let open = at + before.len();
            let close = closing(source, open + 2).ok_or(TemplateError { offset: open })?;
            if !before.is_empty() {
                segments.push(Segment::Text(before));
            }
            segments.push(Segment::Expression(source[open + 2..close].trim()));
            at = close + 2;
        }
        if at < source.len() {
            segments.push(Segment::Text(&source[at..]));
        }
        Ok(Self { segments })
    }

    /// The pieces in order.
    pub fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// The expressions in order.
    pub fn expressions(&self) -> impl Iterator<Item = &'a str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Expression(expression) => Some(*expression),
            Segment::Text(_) => None,
        })
    }

    /// The expression, when the string is nothing else; its value then keeps its type.
    pub fn only_expression(&self) -> Option<&'a str> {
        let mut visible = self.segments.iter().filter(|segment| match segment {
            Segment::Text(text) => !text.trim().is_empty(),
            Segment::Expression(_) => true,
        });
        match (visible.next(), visible.next()) {
            (Some(Segment::Expression(expression)), None) => Some(expression),
            _ => None,
        }
    }

    /// The value of the string in a scope.
    ///
    /// # Errors
    /// The first expression that fails.
    pub fn render(&self, evaluator: &dyn Evaluator, scope: &Scope) -> Result<Value, FailedExpression> {
        let evaluate = |expression: &str| {
            evaluator
                .evaluate(expression, scope)
                .map_err(|source| FailedExpression { expression: expression.to_owned(), source })
        };
        if let Some(expression) = self.only_expression() {
            return evaluate(expression);
        }
        let mut joined = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => joined.push_str(text),
                Segment::Expression(expression) => joined.push_str(&as_text(&evaluate(expression)?)),
            }
        }
        Ok(Value::String(joined))
    }
}

/// A value as it stands in joined text: nothing for null, compact JSON for arrays and objects.
pub fn as_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number_text(number)),
        Value::Array(_) | Value::Object(_) => Cow::Owned(value.to_string()),
    }
}

/// A number as JavaScript prints it: `1` and not `1.0`, `1e+21`, `1e-7`.
fn number_text(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    // Rust prints the shortest digits that read back the same, as JavaScript does; only the layout differs.
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if float < 0.0 { "-" } else { "" };
    match usize::try_from(exponent) {
        Ok(whole) if exponent < 21 && digits.len() <= whole + 1 => {
            format!("{sign}{digits:0<width$}", width = whole + 1)
        }
        Ok(whole) if exponent < 21 => format!("{sign}{}.{}", &digits[..=whole], &digits[whole + 1..]),
        Err(_) if exponent > -7 => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
            format!("{sign}0.{}{digits}", "0".repeat(zeros))
        }
        _ => {
            let plus = if exponent > 0 { "+" } else { "" };
            format!("{sign}{mantissa}e{plus}{exponent}")
        }
    }
}

/// The place of the `}}` that ends the expression starting at `from`.
fn closing(source: &str, from: usize) -> Option<usize> {
    let mut lexer = Lexer::new(source, from);
    loop {
        let outermost = lexer.depth() == 0;
        let token = lexer.next()?;
        match token.kind {
            Kind::Punctuation if outermost && token.text == "}" && source[token.end()..].starts_with('}') => {
                return Some(token.start);
            }
            Kind::LineComment if outermost && let Some((comment, _)) = token.text.split_once("}}") => {
                return Some(token.start + comment.len());
            }
            Kind::Unterminated => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Segment::{Expression, Text};
    use super::*;

    fn segments(source: &str) -> Vec<Segment<'_>> {
        Template::parse(source).unwrap().segments
    }

    #[test]
    fn expressions_end_at_their_own_braces() {
        for (source, expression) in [
            ("{{ a }}", "a"),
            ("{{a}}", "a"),
            ("{{ {a: {b: 1}} }}", "{a: {b: 1}}"),
            ("{{{a: {b: 1}}}}", "{a: {b: 1}}"),
            (r#"{{ "}}" }}"#, r#""}}""#),
            (r#"{{ '\'}}' }}"#, r#"'\'}}'"#),
            ("{{ `}}${ {a: `}}`} }}}` }}", "`}}${ {a: `}}`} }}}`"),
            (r#"{{ a.replace(/"}}/g, '') }}"#, r#"a.replace(/"}}/g, '')"#),
            ("{{ a / b / c }}", "a / b / c"),
            ("{{ a /* }} */ }}", "a /* }} */"),
            ("{{ a // the rest }}", "a // the rest"),
            ("{{ (a }}", "(a"),
            ("{{ }}", ""),
            ("{{}}", ""),
            ("{{ é }}", "é"),
        ] {
            assert_eq!(segments(source), [Expression(expression)], "{source}");
        }
    }

    #[test]
    fn text_around_expressions_is_kept() {
        assert_eq!(
            segments("a {{ b }} } c {{d}}{{ e }} }}"),
            [Text("a "), Expression("b"), Text(" } c "), Expression("d"), Expression("e"), Text(" }}")]
        );
        assert_eq!(segments(""), []);
        assert_eq!(segments("plain { text }"), [Text("plain { text }")]);
    }

    #[test]
    fn an_expression_without_an_end_is_an_error_with_its_place() {
        for (source, offset) in
            [("{{", 0), ("é {{ a", 3), ("{{ a }} {{ \"b }}", 8), ("{{ {a: 1 }}", 0), ("{{ `${a }}", 0), ("{{ /* }}", 0)]
        {
            assert_eq!(Template::parse(source), Err(TemplateError { offset }), "{source}");
        }
        assert_eq!(TemplateError { offset: 3 }.to_string(), "`{{` at byte 3 has no closing `}}`");
    }

    #[test]
    fn whitespace_around_a_single_expression_does_not_make_it_text() {
        assert_eq!(Template::parse("  {{ a }}\n").unwrap().only_expression(), Some("a"));
        assert_eq!(Template::parse("{{ a }}.").unwrap().only_expression(), None);
        assert_eq!(Template::parse("{{ a }} {{ b }}").unwrap().only_expression(), None);
        assert_eq!(Template::parse("a").unwrap().only_expression(), None);
    }

    #[test]
    fn values_become_text_as_javascript_prints_them() {
        for (value, text) in [
            (json!(null), ""),
            (json!(true), "true"),
            (json!("a\"b"), "a\"b"),
            (json!([1, null, "a"]), "[1,null,\"a\"]"),
            (json!({"b": 1, "a": {}}), "{\"b\":1,\"a\":{}}"),
            (json!(18_446_744_073_709_551_615_u64), "18446744073709551615"),
            (json!(-7), "-7"),
            (json!(1.0), "1"),
            (json!(-0.0), "0"),
            (json!(-1.5), "-1.5"),
            (json!(0.1), "0.1"),
            (json!(123.456), "123.456"),
            (json!(1e20), "100000000000000000000"),
            (json!(1e21), "1e+21"),
            (json!(1.25e25), "1.25e+25"),
            (json!(0.000_001), "0.000001"),
            (json!(0.000_001_5), "0.0000015"),
            (json!(1e-7), "1e-7"),
            (json!(-1.5e-9), "-1.5e-9"),
            (json!(1_234_567.0), "1234567"),
        ] {
            assert_eq!(as_text(&value), text, "{value}");
        }
    }
}
