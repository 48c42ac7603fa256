//! The address of a node execution within its execution: `each[12]/parse`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A node's address: the containers around it with the item or iteration, then the node's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodePath(Arc<str>);

impl NodePath {
    /// The path of a node on the outermost level.
    pub fn root(node: &str) -> Self {
        Self(node.into())
    }

    /// The path of a node inside the `index`-th body of this container.
    pub fn child(&self, index: u32, node: &str) -> Self {
        Self(format!("{}[{index}]/{node}", self.0).into())
    }

    /// The text, such as `each[12]/parse`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The node's own id: the last part.
    pub fn node_id(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, id)| id)
    }

    /// The container this node execution is in, with the body's index.
    pub fn container(&self) -> Option<(Self, u32)> {
        let (around, _) = self.0.rsplit_once('/')?;
        let (path, index) = around.strip_suffix(']')?.rsplit_once('[')?;
        Some((Self(path.into()), index.parse().ok()?))
    }

    /// Whether `other` is this path or lies inside of it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    }
}

impl From<&str> for NodePath {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_node_its_container_and_what_lies_inside() {
        let each = NodePath::root("each");
        let parse = each.child(12, "parse");
        assert_eq!(parse.as_str(), "each[12]/parse");
        assert_eq!(parse.node_id(), "parse");
        assert_eq!(parse.container(), Some((each.clone(), 12)));
        assert!(each.contains(&parse.child(0, "x")));
        assert!(!NodePath::root("eac").contains(&each));
        assert_eq!(each.container(), None);
    }
}
