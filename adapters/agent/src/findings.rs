//! What takes the knowledge of other nodes as well: asked of this node first, and then of those.

use std::time::Duration;

use scalesmall_core::{NodeId, Status};
use scalesmall_driver::{CallError, Front, Handle};

use crate::evidence::{info, lost, named, why, witnesses};
use crate::inquiries::{Answer, Inquiries, Question};
use crate::protocol::{
    AccountRow, LostRow, Named, ReachabilityRow, Reply, RttRow, SeenRow, ToldRow, WhyRow, micros,
};
use crate::whom::{find, find_ever};

/// How long other nodes may take to answer, with all that lies between.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// The same for what is only a part of an answer.
const LITTLE: Duration = Duration::from_millis(700);
/// The most nodes that are asked about a change.
const WITNESSES: usize = 4;
/// How many nodes are asked where they see this one.
const SEERS: usize = 3;

/// Finds out what takes other nodes.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    handle: Handle,
    inquiries: Inquiries,
}

impl Findings {
    pub(crate) fn new(handle: Handle, inquiries: Inquiries) -> Self {
        Self { handle, inquiries }
    }

    /// What this node is, and where others see it.
    pub(crate) fn info(&self) -> Reply {
        let about = |node: &mut Front| {
            let seers = alive(node).take(SEERS).map(|id| (id, named(node, id)));
            info(node).map(|row| (row, seers.collect::<Vec<_>>()))
        };
        self.here(about).map_or_else(Reply::Refused, |about| {
            let Some((mut row, seers)) = about else {
                return Reply::Refused("the node does not know itself: see its log".to_owned());
            };
            for (id, answer) in self.ask(&seers, Question::Seen, LITTLE) {
                if let Answer::Seen(address) = answer {
                    row.seen_from.push(SeenRow { address, by: name_of(&seers, id) });
                }
            }
            Reply::Info(Box::new(row))
        })
    }

    /// Why a node is what it is to this one, and what those have seen that had a part in it.
    pub(crate) fn why(&self, text: String) -> Reply {
        let about = move |node: &mut Front| {
            let id = find_ever(node, &text)?;
            if id == node.id() {
                return Err("a node does not watch itself: ask another one".to_owned());
            }
            let asked = witnesses(node, id, WITNESSES).into_iter();
            let asked: Vec<(NodeId, Named)> = asked.map(|id| (id, named(node, id))).collect();
            Ok((why(node, id), asked))
        };
        let (mut row, asked) = match self.here(about).and_then(|about| about) {
            Ok(about) => about,
            Err(refused) => return Reply::Refused(refused),
        };
        let question = Question::Changes(row.node.id.clone());
        for (id, answer) in self.ask(&asked, question, ANSWER_LIMIT) {
            if let Answer::Changes(changes) = answer {
                row.told.push(ToldRow { by: name_of(&asked, id), changes });
            }
        }
        row.account = self.account(row.node.id.parse().ok(), &row);
        row.silent = silent(&asked, row.told.iter().map(|told| &told.by));
        Reply::Why(Box::new(row))
    }

    /// What a node says of itself, if it lives and answers.
    fn account(&self, id: Option<NodeId>, row: &WhyRow) -> Option<AccountRow> {
        let lives = row.status.as_deref().is_some_and(|status| status != "left");
        let answers =
            self.inquiries.ask(Vec::from_iter(id.filter(|_| lives)), Question::Account, LITTLE);
        match answers.into_iter().next()?.1 {
            Answer::Account(account) => Some(account),
            _ => None,
        }
    }

    /// The round trip between two nodes, as one of them has measured it.
    pub(crate) fn rtt(&self, from: Option<String>, to: String) -> Reply {
        let about = move |node: &mut Front| {
            let from = from.map_or_else(|| Ok(node.id()), |from| find(node, &from))?;
            let to = find(node, &to)?;
            if from == to {
                return Err("these are one node: name two".to_owned());
            }
            let (from, to) = if to == node.id() { (to, from) } else { (from, to) };
            let here = (from == node.id()).then(|| node.peer(to).and_then(|peer| peer.rtt));
            Ok(([(from, named(node, from)), (to, named(node, to))], here))
        };
        let ([from, to], here) = match self.here(about).and_then(|about| about) {
            Ok(about) => about,
            Err(refused) => return Reply::Refused(refused),
        };
        if let Some(rtt) = here {
            return Reply::Rtt(RttRow { from: from.1, to: to.1, rtt_us: rtt.map(micros) });
        }
        for (one, other) in [(&from, &to), (&to, &from)] {
            let question = Question::RoundTrip(other.1.id.clone());
            let answers = self.ask(std::slice::from_ref(one), question, ANSWER_LIMIT);
            if let Some((_, Answer::RoundTrip(rtt_us))) = answers.into_iter().next() {
                return Reply::Rtt(RttRow { from: one.1.clone(), to: other.1.clone(), rtt_us });
            }
        }
        Reply::Refused(format!(
            "neither {} nor {} answers, and only they have measured it: run 'scalesmall rtt' on the host of \
             one of them",
            from.1.shown(),
            to.1.shown()
        ))
    }

    /// Which living nodes do not reach which.
    pub(crate) fn reachability(&self) -> Reply {
        let about = |node: &mut Front| {
            let asked: Vec<NodeId> = alive(node).collect();
            let lives = |status| !matches!(status, Status::Down | Status::Left);
            let living = node.peers().filter(|peer| lives(peer.status)).count() + 1;
            let asked: Vec<_> = asked.into_iter().map(|id| (id, named(node, id))).collect();
            (asked, living, lost(node))
        };
        let (mut asked, living, mut lost) = match self.here(about) {
            Ok(about) => about,
            Err(refused) => return Reply::Refused(refused),
        };
        asked.truncate(crate::inquiries::MOST_ASKED);
        let (mut answered, mut untold) = (Vec::new(), 0);
        for (id, answer) in self.ask(&asked, Question::Lost, ANSWER_LIMIT) {
            if let Answer::Lost(rows, more) = answer {
                let from = name_of(&asked, id);
                lost.extend(rows.into_iter().map(|row| LostRow { from: from.clone(), ..row }));
                answered.push(from);
                untold = more.saturating_add(untold);
            }
        }
        let silent = silent(&asked, answered.iter());
        let answered = answered.len() + 1;
        let complete = answered == living && untold == 0;
        Reply::Reachability(ReachabilityRow { answered, living, lost, silent, complete })
    }

    fn ask(
        &self,
        nodes: &[(NodeId, Named)],
        question: Question,
        limit: Duration,
    ) -> Vec<(NodeId, Answer)> {
        self.inquiries.ask(nodes.iter().map(|(id, _)| *id).collect(), question, limit)
    }

    /// What this node answers by itself.
    fn here<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Front) -> T + Send + 'static,
    ) -> Result<T, String> {
        self.handle.call(call).wait().map_err(|stopped: CallError| stopped.to_string())
    }
}

/// The nodes that this one reaches.
fn alive(node: &Front) -> impl Iterator<Item = NodeId> + use<'_> {
    node.peers().filter(|peer| peer.status == Status::Alive).map(|peer| peer.id)
}

fn name_of(nodes: &[(NodeId, Named)], id: NodeId) -> Named {
    let known = nodes.iter().find(|(known, _)| *known == id);
    known.map_or_else(|| Named { id: id.to_string(), name: None }, |(_, name)| name.clone())
}

/// Those that were asked and are not among those that have answered.
fn silent<'a>(
    asked: &[(NodeId, Named)],
    answered: impl Iterator<Item = &'a Named> + Clone,
) -> Vec<Named> {
    let known = |name: &Named| answered.clone().any(|known| known == name);
    asked.iter().filter(|(_, name)| !known(name)).map(|(_, name)| name.clone()).collect()
}
