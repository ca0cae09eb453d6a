//! Nodes of which something was said before their claim was taken.

use alloc::collections::BTreeMap;

use crate::base::{Instant, NodeId};
use crate::picture::Picture;

/// How many such nodes are remembered. What is said of others is left to repair.
const LIMIT: usize = 256;

/// Nodes that are not known, and when somebody was last asked for what they have said.
///
/// Their claims may be doubted, or there may be no room for them, so nobody is asked again soon: the
/// answer would bring the next question.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Unknown {
    asked: BTreeMap<NodeId, Instant>,
}

impl Unknown {
    /// Whether somebody may be asked for what a node has said, which counts as asked then.
    pub(crate) fn may_ask(&mut self, picture: &Picture, id: NodeId) -> bool {
        let recent = |at: Instant| picture.now.since(at) < picture.config.repair_interval;
        if self.asked.len() >= LIMIT {
            self.asked.retain(|_, at| recent(*at));
        }
        let may = self.asked.len() < LIMIT && !self.asked.get(&id).is_some_and(|&at| recent(at));
        if may {
            self.asked.insert(id, picture.now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::of_one;

    #[test]
    fn each_node_is_asked_for_once_in_a_while_and_few_at_a_time() {
        let (mut picture, _) = of_one();
        let mut unknown = Unknown::default();
        let node = NodeId::from_bits;
        assert!(unknown.may_ask(&picture, node(0)) && !unknown.may_ask(&picture, node(0)));
        let more = (1..1_000).filter(|&bits| unknown.may_ask(&picture, node(bits))).count();
        assert_eq!(more, LIMIT - 1);
        picture.now = picture.now + picture.config.repair_interval;
        assert!(unknown.may_ask(&picture, node(0)) && unknown.may_ask(&picture, node(999)));
    }
}
