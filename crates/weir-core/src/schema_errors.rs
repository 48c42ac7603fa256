//! What a JSON Schema holds against a value, told at the place where it can be mended.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// Goes through the errors that an author can act on: of alternatives none of which fits, those of the one that came
/// nearest. Where all fail at the value itself, the error that tells of the alternatives is handed on.
pub(crate) fn each_cause<'e>(error: &'e ValidationError<'_>, tell: &mut dyn FnMut(&'e ValidationError<'_>)) {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        return tell(error);
    };
    let depth = |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
    let here = depth(error);
    // A branch that gets beyond the value's own type at every point is the one that was meant.
    let nearest = context
        .iter()
        .filter_map(|branch| Some((branch.iter().map(depth).min()?, branch)))
        .filter(|(least, branch)| *least > here || branch.iter().all(is_about_fields))
        .max_by_key(|(least, branch)| (*least, usize::MAX - branch.len()));
    match nearest {
        Some((_, branch)) => branch.iter().for_each(|error| each_cause(error, tell)),
        None => tell(error),
    }
}

/// Whether the value is an object, as it should be, with fields missing or in excess.
fn is_about_fields(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Required { .. } | ValidationErrorKind::AdditionalProperties { .. })
}

/// The error in words, with a name for the value in place of its text.
pub(crate) fn message(error: &ValidationError<'_>, name: &str) -> String {
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let mut reasons: Vec<String> =
                context.iter().filter_map(|branch| Some(message(branch.first()?, name))).collect();
            reasons.dedup();
            reasons.truncate(5);
            reasons.join(", ")
        }
        ValidationErrorKind::Constant { expected_value } => format!("{name} is not {expected_value}"),
        _ => error.masked_with(name).to_string(),
    }
}
