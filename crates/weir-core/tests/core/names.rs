//! Finds the names in an expression token by token; enough of an evaluator for rules that never run one.

use serde_json::Value;
use weir_core::evaluator::{Evaluator, ExpressionError, References, Scope};
use weir_core::lexer::{Kind, Lexer, Token};

/// Knows brackets, member access and strings; no declarations, no parameters.
pub(crate) struct Names;

impl Evaluator for Names {
    fn check(&self, expression: &str) -> Result<References, ExpressionError> {
        let tokens: Vec<Token<'_>> = Lexer::new(expression, 0).collect();
        let syntax = |message: &str| Err(ExpressionError::Syntax { message: message.to_owned() });
        let mut open = 0_i32;
        for token in &tokens {
            open += i32::from(token.is("(") || token.is("[")) - i32::from(token.is(")") || token.is("]"));
        }
        if tokens.is_empty() || open != 0 || tokens.iter().any(|token| token.kind == Kind::Unterminated) {
            return syntax("unexpected end");
        }
        let mut references = References::default();
        for (index, token) in tokens.iter().enumerate() {
            let before = index.checked_sub(1).map(|index| tokens[index]);
            let member = before.is_some_and(|before| before.is(".") || before.is("?."));
            if token.kind != Kind::Name || member || ["true", "false", "null"].contains(&token.text) {
                continue;
            }
            references.names.insert(token.text.to_owned());
            if token.text == "steps" {
                match (tokens.get(index + 1), tokens.get(index + 2)) {
                    (Some(dot), Some(name)) if dot.is(".") => {
                        references.steps.insert(name.text.to_owned());
                    }
                    (Some(bracket), Some(name)) if bracket.is("[") && name.kind == Kind::Text => {
                        references.steps.insert(name.text.trim_matches(['"', '\'']).to_owned());
                    }
                    _ => references.any_step = true,
                }
            }
        }
        Ok(references)
    }

    fn evaluate(&self, expression: &str, _: &Scope) -> Result<Value, ExpressionError> {
        Err(ExpressionError::Engine { message: format!("`{expression}` is not run by these tests") })
    }
}
