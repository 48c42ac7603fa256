//! JSON Schemas that users write: what an execution's input or an approval's form must satisfy.
//!
//! They come from outside: nothing is fetched, patterns run in linear time, and no schema leads back to itself at the
//! same place of a value, which would never end.

use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::schema_errors::{each_cause, message};

/// Compiled patterns may take so many bytes each.
const PATTERN_BYTES: usize = 1024 * 1024;
/// Steps that looking at one place of a value may take.
const MAX_STEPS: usize = 10_000;
/// Errors told about one value.
const MAX_ERRORS: usize = 50;

/// A compiled schema.
#[derive(Debug)]
pub struct UserSchema {
    validator: Validator,
}

/// A place in a schema or in a value, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SchemaError {
    /// JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl UserSchema {
    /// Makes a schema (JSON Schema 2020-12) ready.
    ///
    /// # Errors
    /// Every place where it is no schema; or that it refers outside, or to itself at the same place.
    pub fn compile(schema: &Value) -> Result<Self, Vec<SchemaError>> {
        let errors = told(jsonschema::draft202012::meta::validator().iter_errors(schema));
        if !errors.is_empty() {
            return Err(errors);
        }
        Reach { root: schema, steps: 0 }.visit(schema, "", &mut Vec::new()).map_err(|error| vec![error])?;
        jsonschema::draft202012::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES))
            .build(schema)
            .map(|validator| Self { validator })
            .map_err(|error| told(std::iter::once(error)))
    }

    /// What is wrong with a value; nothing when it satisfies the schema.
    pub fn errors(&self, value: &Value) -> Vec<SchemaError> {
        told(self.validator.iter_errors(value))
    }
}

fn told<'e>(errors: impl Iterator<Item = ValidationError<'e>>) -> Vec<SchemaError> {
    let mut told = Vec::new();
    for error in errors.take(MAX_ERRORS) {
        each_cause(&error, &mut |cause| {
            let error = SchemaError {
                pointer: cause.instance_path().as_str().to_owned(),
                message: message(cause, "the value"),
            };
            // The meta-schema looks at a place once for each of its vocabularies.
            if !told.contains(&error) {
                told.push(error);
            }
        });
    }
    told
}

/// Follows what a schema looks at without going deeper into the value.
struct Reach<'s> {
    root: &'s Value,
    steps: usize,
}

impl<'s> Reach<'s> {
    /// Visits a schema that begins to look at a place of the value, and all schemas below it.
    fn visit(&mut self, schema: &'s Value, at: &str, trail: &mut Vec<&'s str>) -> Result<(), SchemaError> {
        let Value::Object(fields) = schema else { return Ok(()) };
        self.steps = 0;
        self.same_place(schema, at, trail)?;
        for (keyword, inner) in fields {
            let at = crate::pointer::join(at, keyword);
            match inner {
                Value::Object(_) if !DATA.contains(&keyword.as_str()) => self.visit(inner, &at, trail)?,
                Value::Array(items) if !DATA.contains(&keyword.as_str()) => {
                    for (index, item) in items.iter().enumerate() {
                        self.visit(item, &format!("{at}/{index}"), trail)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn same_place(&mut self, schema: &'s Value, at: &str, trail: &mut Vec<&'s str>) -> Result<(), SchemaError> {
        let refused = |message: &str| Err(SchemaError { pointer: at.to_owned(), message: message.to_owned() });
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return refused("the schema refers to itself in too many ways");
        }
        for keyword in ["$ref", "$dynamicRef"] {
            let Some(reference) = schema.get(keyword).and_then(Value::as_str) else { continue };
            let Some(inside) = reference.strip_prefix('#') else {
                return refused(&format!("`{reference}` leads outside of the schema"));
            };
            if trail.contains(&reference) {
                return refused(&format!("`{reference}` leads back to itself"));
            }
            // An anchor or a place that is not there is for the compiler to judge.
            let Some(target) = self.root.pointer(inside) else { continue };
            trail.push(reference);
            self.same_place(target, at, trail)?;
            trail.pop();
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for inner in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                self.same_place(inner, at, trail)?;
            }
        }
        for keyword in ["not", "if", "then", "else"] {
            if let Some(inner) = schema.get(keyword) {
                self.same_place(inner, at, trail)?;
            }
        }
        for inner in schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(|all| all.values())
        {
            self.same_place(inner, at, trail)?;
        }
        Ok(())
    }
}

/// Keywords whose values are data and no schemas.
const DATA: [&str; 5] = ["const", "enum", "default", "examples", "required"];
