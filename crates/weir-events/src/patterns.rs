//! Which kinds of events somebody wants.

use serde::{Deserialize, Serialize};

/// The most patterns of one list.
const MOST: usize = 100;

/// The longest pattern, in bytes.
const LONGEST: usize = 100;

/// What the kinds begin with that tell of people, their rights and their secrets. Who may see them is asked where they
/// are named: no pattern stands for them by accident.
const PEOPLE: [&str; 10] =
    ["ApiKey", "Credential", "Email", "Login", "Member", "Password", "Refresh", "Session", "User", "Workspace"];

/// Kinds of events: `*` is every kind that tells nothing of people, `Workflow*` every kind that begins so, anything
/// else just that kind. What tells of people is named as such, by `Member*` or `UserLoggedIn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<String>);

/// A list of patterns that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPatterns {
    /// There must be some, but not too many.
    #[error("give 1 to {MOST} kinds of events, such as WorkflowPublished, Execution* or *")]
    Count,
    /// Not a pattern.
    #[error("{0:?} is neither a kind of event such as WorkflowPublished, nor the beginning of one such as Execution*")]
    Pattern(String),
}

impl Patterns {
    /// Every kind that tells nothing of people.
    pub fn all() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// Every kind there is.
    pub fn with_people() -> Self {
        Self(std::iter::once("*".to_owned()).chain(PEOPLE.iter().map(|noun| format!("{noun}*"))).collect())
    }

    /// The patterns a person gave.
    ///
    /// # Errors
    /// [`InvalidPatterns`] if there are none, too many, or one that is no pattern.
    pub fn new(patterns: Vec<String>) -> Result<Self, InvalidPatterns> {
        if patterns.is_empty() || patterns.len() > MOST {
            return Err(InvalidPatterns::Count);
        }
        for pattern in &patterns {
            let word = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte));
            if pattern.is_empty() || pattern.len() > LONGEST || !is_word {
                return Err(InvalidPatterns::Pattern(pattern.chars().take(LONGEST).collect()));
            }
        }
        Ok(Self(patterns))
    }

    /// Whether a kind is among them.
    pub fn fit(&self, kind: &str) -> bool {
        let of_people = tells_of_people(kind);
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning) && (!of_people || tells_of_people(beginning)),
            None => kind == pattern,
        })
    }

    /// Whether any of these names kinds that tell of people, which not everybody may see.
    pub fn name_people(patterns: &[String]) -> bool {
        patterns.iter().any(|pattern| tells_of_people(pattern))
    }

    /// The patterns as they were given.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

fn tells_of_people(kind: &str) -> bool {
    PEOPLE.iter().any(|noun| kind.starts_with(noun))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Result<Patterns, InvalidPatterns> {
        Patterns::new(texts.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn kinds_fit_whole_or_by_their_beginning() {
        let patterns = patterns(&["Execution*", "UserLoggedIn"]).expect("patterns");
        assert!(patterns.fit("ExecutionFailed") && patterns.fit("UserLoggedIn"));
        assert!(!patterns.fit("UserLoggedInTwice") && !patterns.fit("WorkflowExecution"));
        assert!(Patterns::all().fit("Anything"));
    }

    #[test]
    fn what_tells_of_people_is_meant_only_where_it_is_named() {
        for kind in ["UserLoggedIn", "MemberInvited", "ApiKeyCreated", "CredentialDeleted", "WorkspaceUpdated"] {
            assert!(!Patterns::all().fit(kind), "{kind}");
            assert!(Patterns::with_people().fit(kind), "{kind}");
        }
        let members = patterns(&["Member*"]).expect("patterns");
        assert!(members.fit("MemberInvited") && Patterns::name_people(members.as_slice()));
        let prefix = patterns(&["M*"]).expect("patterns");
        assert!(!prefix.fit("MemberInvited") && !Patterns::name_people(prefix.as_slice()));
        assert!(Patterns::with_people().fit("WorkflowPublished"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert_eq!(patterns(&[]), Err(InvalidPatterns::Count));
        for text in ["", "a b", "*a", "a**", "ä", "a\0", &"x".repeat(101)] {
            assert!(matches!(patterns(&[text]), Err(InvalidPatterns::Pattern(_))), "{text:?}");
        }
    }
}
