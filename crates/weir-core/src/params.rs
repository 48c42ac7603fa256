//! Node params: finds the expressions in them and replaces them by their values.

use serde_json::{Map, Value};

use crate::evaluator::{Evaluator, ExpressionError, References, Scope};
use crate::template::{FailedExpression, Template, TemplateError};

/// How large the rendered params of one node may be together, in bytes of JSON (about).
pub const MAX_RENDERED_BYTES: usize = 16 * 1024 * 1024;

/// Why params cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// A string is not a template.
    #[error("param {pointer}: {source}")]
    Template {
        /// JSON pointer from the params on, such as `/body/name`.
        pointer: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// An expression has no value or cannot be read.
    #[error("param {pointer}: {source} (in `{expression}`)")]
    Expression {
        /// JSON pointer from the params on, such as `/body/name`.
        pointer: String,
        /// The text between `{{` and `}}`.
        expression: String,
        /// What is wrong with it.
        source: ExpressionError,
    },
    /// All values together are too large.
    #[error("the params are larger than {limit_bytes} bytes once their expressions have values")]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
}

/// Replaces every template in the params by its value; keys and the `literal` params of the top level stay as they are.
///
/// # Errors
/// The first template that fails, or values of more than [`MAX_RENDERED_BYTES`] together.
pub fn render_params(
    params: &Map<String, Value>,
    literal: &[&str],
    evaluator: &dyn Evaluator,
    scope: &Scope,
) -> Result<Value, ParamError> {
    let mut renderer = Renderer { evaluator, scope, budget: MAX_RENDERED_BYTES, pointer: String::new() };
    let mut rendered = Map::with_capacity(params.len());
    for (name, value) in params {
        let value = if literal.contains(&name.as_str()) {
            value.clone()
        } else {
            renderer.within(name, |renderer| renderer.render(value))?
        };
        rendered.insert(name.clone(), value);
    }
    Ok(Value::Object(rendered))
}

/// The strings of the params that hold expressions, each with its JSON pointer from the params on.
pub fn templates_of<'a>(
    params: &'a Map<String, Value>,
    literal: &[&str],
) -> Vec<(String, Result<Template<'a>, TemplateError>)> {
    let mut found = Vec::new();
    for (name, value) in params.iter().filter(|(name, _)| !literal.contains(&name.as_str())) {
        collect(value, &format!("/{}", escape(name)), &mut found);
    }
    found
}

/// Everything the expressions of the params refer to.
///
/// # Errors
/// The first template or expression that cannot be read.
pub fn references_of(
    params: &Map<String, Value>,
    literal: &[&str],
    evaluator: &dyn Evaluator,
) -> Result<References, ParamError> {
    let mut union = References::default();
    for (pointer, template) in templates_of(params, literal) {
        let template = match template {
            Ok(template) => template,
            Err(source) => return Err(ParamError::Template { pointer, source }),
        };
        for expression in template.expressions() {
            match evaluator.check(expression) {
                Ok(references) => union.extend(references),
                Err(source) => {
                    return Err(ParamError::Expression { pointer, expression: expression.to_owned(), source });
                }
            }
        }
    }
    Ok(union)
}

fn collect<'a>(value: &'a Value, pointer: &str, found: &mut Vec<(String, Result<Template<'a>, TemplateError>)>) {
    match value {
        Value::String(text) if Template::has_expression(text) => {
            found.push((pointer.to_owned(), Template::parse(text)));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                collect(member, &format!("{pointer}/{}", escape(key)), found);
            }
        }
        _ => {}
    }
}

struct Renderer<'a> {
    evaluator: &'a dyn Evaluator,
    scope: &'a Scope,
    /// Bytes that may still be added.
    budget: usize,
    /// Where the walk is.
    pointer: String,
}

impl Renderer<'_> {
    fn within<T>(
        &mut self,
        segment: &str,
        visit: impl FnOnce(&mut Self) -> Result<T, ParamError>,
    ) -> Result<T, ParamError> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&escape(segment));
        let result = visit(self);
        self.pointer.truncate(length);
        result
    }

    fn render(&mut self, value: &Value) -> Result<Value, ParamError> {
        match value {
            Value::String(text) if Template::has_expression(text) => {
                let template = Template::parse(text)
                    .map_err(|source| ParamError::Template { pointer: self.pointer.clone(), source })?;
                let value = template.render(self.evaluator, self.scope).map_err(
                    |FailedExpression { expression, source }| ParamError::Expression {
                        pointer: self.pointer.clone(),
                        expression,
                        source,
                    },
                )?;
                self.spend(json_size(&value))?;
                Ok(value)
            }
            Value::Array(items) => {
                self.spend(2 + items.len())?;
                let items = items.iter().enumerate();
                let rendered: Result<_, _> = items
                    .map(|(index, item)| self.within(&index.to_string(), |renderer| renderer.render(item)))
                    .collect();
                Ok(Value::Array(rendered?))
            }
            Value::Object(members) => {
                let mut rendered = Map::with_capacity(members.len());
                for (key, member) in members {
                    self.spend(key.len() + 4)?;
                    rendered.insert(key.clone(), self.within(key, |renderer| renderer.render(member))?);
                }
                Ok(Value::Object(rendered))
            }
            plain => {
                self.spend(json_size(plain))?;
                Ok(plain.clone())
            }
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ParamError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(ParamError::TooLarge { limit_bytes: MAX_RENDERED_BYTES })?;
        Ok(())
    }
}

/// About how many bytes the value takes as JSON; escapes are not counted.
fn json_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| json_size(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            2 + members.iter().map(|(key, member)| key.len() + 4 + json_size(member)).sum::<usize>()
        }
    }
}

/// A key as a segment of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    /// Knows `input`, `input.<key>` and nothing else; enough to see what the walk does with values.
    struct Paths;

    impl Evaluator for Paths {
        fn check(&self, expression: &str) -> Result<References, ExpressionError> {
            let mut references = References::default();
            match expression.strip_prefix("steps.") {
                Some(step) => references.steps.insert(step.to_owned()),
                None if expression.is_empty() => {
                    return Err(ExpressionError::Syntax { message: "nothing there".to_owned() });
                }
                None => references.names.insert(expression.to_owned()),
            };
            Ok(references)
        }

        fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Value, ExpressionError> {
            match expression.strip_prefix("input.") {
                Some(key) => Ok(scope.input.get(key).cloned().unwrap_or_default()),
                None if expression == "input" => Ok((*scope.input).clone()),
                None => Err(ExpressionError::Threw { message: "ReferenceError".to_owned() }),
            }
        }
    }

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("not an object: {other}"),
        }
    }

    fn scope(input: Value) -> Scope {
        Scope { input: Arc::new(input), ..Scope::default() }
    }

    #[test]
    fn values_keep_their_type_alone_and_join_in_text() {
        let params = map(json!({
            "one": " {{ input.n }} ",
            "mixed": "n={{ input.n }} s={{ input.s }} none={{ input.none }} o={{ input.o }}",
            "deep": [{"{{ input.n }}": ["{{ input.o }}", 1, null]}],
            "code": "{{ not a template",
        }));
        let rendered =
            render_params(&params, &["code"], &Paths, &scope(json!({"n": 1.0, "s": "a", "o": [1]}))).unwrap();
        assert_eq!(
            rendered,
            json!({
                "one": 1.0,
                "mixed": "n=1 s=a none= o=[1]",
                "deep": [{"{{ input.n }}": [[1], 1, null]}],
                "code": "{{ not a template",
            })
        );
    }

    #[test]
    fn errors_tell_the_param() {
        let scope = scope(json!({}));
        let params = map(json!({"a/b": [0, {"c": "x {{ nope }}"}]}));
        let error = render_params(&params, &[], &Paths, &scope).unwrap_err();
        assert_eq!(error.to_string(), "param /a~1b/1/c: the expression threw ReferenceError (in `nope`)");
        let params = map(json!({"a": "{{ b"}));
        let error = render_params(&params, &[], &Paths, &scope).unwrap_err();
        assert_eq!(error.to_string(), "param /a: `{{` at byte 0 has no closing `}}`");
        assert_eq!(references_of(&params, &[], &Paths).unwrap_err(), error);
    }

    #[test]
    fn values_that_grow_too_large_together_are_refused() {
        let scope = scope(json!("x".repeat(1024 * 1024)));
        let fits = map(json!({"a": vec!["{{ input }}"; 15]}));
        assert!(render_params(&fits, &[], &Paths, &scope).is_ok());
        let too_large = map(json!({"a": vec!["{{ input }}"; 16]}));
        assert_eq!(
            render_params(&too_large, &[], &Paths, &scope).unwrap_err(),
            ParamError::TooLarge { limit_bytes: MAX_RENDERED_BYTES }
        );
    }

    #[test]
    fn templates_and_references_are_found_where_they_are() {
        let params = map(json!({"a": ["x", "{{ input }}"], "b": {"c~": "{{ steps.f }}{{ item }}"}, "code": "{{ x }}"}));
        let pointers: Vec<_> = templates_of(&params, &["code"]).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/a/1", "/b/c~0"]);
        let references = references_of(&params, &["code"], &Paths).unwrap();
        assert_eq!(references.names, ["input", "item"].map(str::to_owned).into());
        assert_eq!(references.steps, ["f".to_owned()].into());
        let error = references_of(&map(json!({"a": "{{ }}"})), &[], &Paths).unwrap_err();
        assert_eq!(error.to_string(), "param /a: syntax error in expression: nothing there (in ``)");
    }
}
