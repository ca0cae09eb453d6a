//! Questions to other nodes of this program, which are asked and answered by messages.
//!
//! They go to single nodes, under a tag of their own, and begin with a mark, so that an application whose
//! messages have that tag as well loses none. An answer fits into one message, and leaves out what does not fit.
//! Any holder of the key can ask. A node answers what it tells its own user, and nothing changes by it.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use scalesmall_core::{BroadcastError, NodeId, Recipients};
use scalesmall_driver::{Front, Handle};
use serde::{Deserialize, Serialize};

use crate::evidence;
use crate::protocol::{AccountRow, ChangeRow, LostRow, OWN_TAG, micros};

/// What all of these messages begin with: their version.
const MARK: &[u8] = b"scalesmall-ask 1 ";

/// The most nodes that are asked one question.
pub(crate) const MOST_ASKED: usize = 64;

/// The most questions that are answered within a second; others get no answer.
const ANSWERS_PER_SECOND: u32 = 100;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// What have you seen of the node with this id?
    Changes(String),
    /// What do you say of yourself?
    Account,
    /// How long is your round trip to the node with this id?
    RoundTrip(String),
    /// Which living nodes do you not reach?
    Lost,
    /// Where do you send what you have for me?
    Seen,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The last ones, the oldest first.
    Changes(Vec<ChangeRow>),
    Account(AccountRow),
    /// Microseconds, if it was measured.
    RoundTrip(Option<u64>),
    /// Some of them, and how many more there are.
    Lost(Vec<LostRow>, usize),
    /// This address.
    Seen(String),
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Question(u64, Question),
    Answer(u64, Answer),
}

/// Asks other nodes, and answers them.
#[derive(Clone, Debug)]
pub(crate) struct Inquiries {
    handle: Handle,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Where answers go, by the number of the question.
    open: BTreeMap<u64, SyncSender<(NodeId, Answer)>>,
    /// When the second began in which questions are counted, and how many there were.
    second: (Instant, u32),
}

impl Inquiries {
    pub(crate) fn new(handle: Handle) -> Self {
        let state = State { open: BTreeMap::new(), second: (Instant::now(), 0) };
        Self { handle, state: Arc::new(Mutex::new(state)) }
    }

    /// Asks nodes, at most [`MOST_ASKED`] of them, and waits for their answers for at most `limit`.
    pub(crate) fn ask(
        &self,
        mut nodes: Vec<NodeId>,
        question: Question,
        limit: Duration,
    ) -> Vec<(NodeId, Answer)> {
        nodes.truncate(MOST_ASKED);
        let mut random = [0; 8];
        if nodes.is_empty() || getrandom::fill(&mut random).is_err() {
            return Vec::new();
        }
        let end = Instant::now() + limit;
        let number = u64::from_le_bytes(random);
        let (tell, told) = sync_channel(2 * MOST_ASKED);
        self.state().open.insert(number, tell);
        let to = nodes.clone();
        let sent = self.handle.call(move |node| say(node, &to, &Said::Question(number, question)));
        let mut answers: Vec<(NodeId, Answer)> = Vec::new();
        if matches!(sent.wait_within(limit), Ok(Ok(()))) {
            while answers.len() < nodes.len()
                && let Ok((from, answer)) =
                    told.recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                if nodes.contains(&from) && !answers.iter().any(|(known, _)| *known == from) {
                    answers.push((from, answer));
                }
            }
        }
        self.state().open.remove(&number);
        answers
    }

    /// Takes in a message with the tag of questions; returns whether it was one, or an answer to one.
    pub(crate) fn hear(&self, origin: NodeId, payload: &Bytes) -> bool {
        let Some(text) = payload.strip_prefix(MARK) else { return false };
        match serde_json::from_slice(text) {
            Ok(Said::Question(number, question)) => {
                if self.state().may_answer(Instant::now()) {
                    // Nobody waits for it here.
                    drop(self.handle.call(move |node| reply(node, origin, number, &question)));
                }
            }
            Ok(Said::Answer(number, answer)) => {
                if let Some(open) = self.state().open.get(&number) {
                    // One that has enough answers needs no more.
                    let _ = open.try_send((origin, answer));
                }
            }
            // What a newer version asks has no answer here.
            Err(_) => {}
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_answer(&mut self, now: Instant) -> bool {
        let (begun, count) = &mut self.second;
        if now.saturating_duration_since(*begun) >= Duration::from_secs(1) {
            (*begun, *count) = (now, 0);
        }
        *count += 1;
        *count <= ANSWERS_PER_SECOND
    }
}

fn say(node: &mut Front, to: &[NodeId], said: &Said) -> Result<(), BroadcastError> {
    let mut payload = MARK.to_vec();
    // Names for all fields and no floats: it is JSON.
    payload.extend(serde_json::to_vec(said).unwrap_or_default());
    node.broadcast(Recipients::Nodes(to), OWN_TAG, Bytes::from(payload)).map(drop)
}

/// Answers on the node's thread, with as much as fits into a message.
fn reply(node: &mut Front, to: NodeId, number: u64, question: &Question) {
    let Some(mut said) = answer(node, to, question) else { return };
    loop {
        match say(node, &[to], &Said::Answer(number, said.clone())) {
            Err(BroadcastError::TooLong { .. }) if said.shorten() => {}
            // A node that is busy or leaves owes no answer.
            _ => return,
        }
    }
}

fn answer(node: &Front, to: NodeId, question: &Question) -> Option<Answer> {
    Some(match question {
        Question::Changes(id) => Answer::Changes(evidence::changes(node, id.parse().ok()?)),
        Question::Account => Answer::Account(evidence::account(node)),
        Question::RoundTrip(id) => {
            Answer::RoundTrip(node.peer(id.parse().ok()?).and_then(|peer| peer.rtt).map(micros))
        }
        Question::Lost => Answer::Lost(evidence::lost(node), 0),
        Question::Seen => Answer::Seen(node.address(to)?.to_string()),
    })
}

impl Answer {
    /// Leaves out what is of least use; returns whether there was something to leave out.
    fn shorten(&mut self) -> bool {
        match self {
            Self::Changes(changes) if !changes.is_empty() => {
                changes.remove(0);
                true
            }
            Self::Lost(lost, more) => {
                let left_out = lost.pop().is_some();
                *more += usize::from(left_out);
                left_out
            }
            Self::Changes(_) | Self::Account(_) | Self::RoundTrip(_) | Self::Seen(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Named;

    #[test]
    fn an_answer_that_is_too_long_leaves_out_the_oldest_and_counts_what_is_missing() {
        let named = |id: &str| Named { id: id.to_owned(), name: None };
        let row = |to| LostRow { from: named("1"), to: named(to), status: "suspect".to_owned() };
        let mut lost = Answer::Lost(vec![row("2"), row("3")], 0);
        assert!(lost.shorten());
        assert!(matches!(&lost, Answer::Lost(rows, 1) if *rows == [row("2")]));
        assert!(lost.shorten() && !lost.shorten());
        assert!(matches!(lost, Answer::Lost(_, 2)));
        assert!(!Answer::RoundTrip(Some(1)).shorten() && !Answer::Changes(Vec::new()).shorten());
    }

    #[test]
    fn no_more_than_so_many_questions_are_answered_in_a_second() {
        let now = Instant::now();
        let mut state = State { open: BTreeMap::new(), second: (now, 0) };
        let answered = (0..500).filter(|_| state.may_answer(now)).count();
        assert_eq!(u32::try_from(answered), Ok(ANSWERS_PER_SECOND));
        assert!(state.may_answer(now + Duration::from_secs(1)));
    }
}
