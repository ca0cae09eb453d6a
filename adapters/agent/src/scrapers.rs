//! The address at which a node is watched by HTTP: `/metrics`, `/ready` and `/live`.
//!
//! It can only be read, and everything that can reach it may read it. It says how the node is, which groups there are,
//! and nothing about keys.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::counters::Beside;
use crate::failure::Failure;
use crate::http::{Answer, END, Question};
use crate::openmetrics::CONTENT_TYPE;
use crate::places::{Client, NoRequest, Places};
use crate::rarely::{Rarely, and_before};
use crate::scrapes::Scrapes;
use crate::threads;

/// Scrapers that are served at the same time.
const SCRAPERS: usize = 8;
/// The longest head of a question, in bytes.
const QUESTION: usize = 8 * 1024;
/// How long the whole of a question may take to arrive.
const ASKED: Duration = Duration::from_secs(2);
/// How long the whole of an answer may take to be read.
const ANSWERED: Duration = Duration::from_secs(5);
/// How long a scraper may take to read why it is refused.
const REFUSED: Duration = Duration::from_millis(100);
/// The pause after a scraper could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// How many other nodes must be alive.
const MIN_PEERS: &str = "min_peers";

const UNAVAILABLE: &str = "503 Service Unavailable";

/// What scrapers are served with.
#[derive(Clone, Debug)]
pub(crate) struct Scrapers {
    scrapes: Scrapes,
    places: Places<TcpStream>,
    beside: Beside,
}

/// Listens at an address.
///
/// # Errors
///
/// The address is not to be had.
pub(crate) fn bind(addr: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(addr).map_err(|error| {
        Failure::new(format!(
            "--metrics {addr}: {error}; name an address of this host with a free port"
        ))
    })
}

impl Scrapers {
    pub(crate) fn new(scrapes: Scrapes, beside: Beside) -> Self {
        Self { scrapes, places: Places::new(SCRAPERS), beside }
    }

    /// Accepts scrapers on a thread of its own, for as long as the program runs.
    pub(crate) fn listen(self, listener: TcpListener) -> io::Result<()> {
        let at = listener.local_addr()?;
        threads::keep("metrics", move || self.accept_all(&listener))?;
        tracing::info!("watch this node at http://{at}/metrics, /ready and /live");
        Ok(())
    }

    fn accept_all(&self, listener: &TcpListener) {
        let mut rarely = Rarely::default();
        loop {
            let error = match listener.accept() {
                Ok((stream, _)) => {
                    self.admit(stream);
                    continue;
                }
                Err(error) => error,
            };
            if let Some(left_out) = rarely.tell(Instant::now()) {
                let before = and_before(left_out);
                tracing::warn!("a scraper could not be accepted: {error}{before}");
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Serves a scraper on a thread of its own, or tells it why not.
    fn admit(&self, stream: TcpStream) {
        let client = Arc::new(self.places.take(stream));
        let why = if client.has_place() {
            let (scrapers, client) = (self.clone(), Arc::clone(&client));
            let session = move || {
                if let Err(error) = scrapers.serve(&client) {
                    tracing::debug!("a scraper went away: {error}");
                }
            };
            match Builder::new().name("scraper".to_owned()).spawn(session) {
                Ok(_) => return,
                Err(error) => format!("the system has no thread for it ({error}): try again later"),
            }
        } else {
            format!("{SCRAPERS} scrapers are being served: try again later")
        };
        self.refuse(&client, &Answer::text(UNAVAILABLE, why));
    }

    /// Tells a scraper why it is not served. It may be gone, or not read.
    fn refuse(&self, client: &Client<TcpStream>, why: &Answer) {
        self.beside.scraper_refused();
        let _ = client.write(&why.bytes(false), Some(REFUSED));
    }

    fn serve(&self, client: &Client<TcpStream>) -> io::Result<()> {
        let head = match client.request(END, QUESTION, ASKED) {
            Ok(head) => head,
            Err(NoRequest::Gone(error)) => return Err(error),
            Err(refused) => {
                self.refuse(client, &reason(&refused));
                return Ok(());
            }
        };
        match Question::parse(&head) {
            Ok(question) => {
                let answer = self.answer(&question);
                client.write(&answer.bytes(question.head_only), Some(ANSWERED))
            }
            Err(refused) => client.write(&refused.bytes(false), Some(ANSWERED)),
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        let known: &[&str] = if question.path == "/ready" { &[MIN_PEERS] } else { &[] };
        // A misspelt name would have everything be ready.
        if let Some(part) = question.unknown(known) {
            let why = format!(
                "'{part}' is no part of this question: only /ready?{MIN_PEERS}=NUMBER has one"
            );
            return Answer::text("400 Bad Request", why);
        }
        let scrape = match question.path.as_str() {
            "/metrics" | "/ready" | "/live" => self.scrapes.take(),
            _ => return Answer::text("404 Not Found", "ask for /metrics, /ready or /live"),
        };
        let scrape = match scrape {
            Ok(scrape) => scrape,
            Err(error) => return Answer::text(UNAVAILABLE, error.to_string()),
        };
        match question.path.as_str() {
            "/metrics" => Answer::found(CONTENT_TYPE, scrape.text.clone()),
            "/ready" => match question.value(MIN_PEERS).unwrap_or("0").parse() {
                Ok(least) => match scrape.readiness.check(least).why {
                    None => Answer::text("200 OK", "ready"),
                    Some(why) => Answer::text(UNAVAILABLE, format!("not ready: {why}")),
                },
                Err(_) => {
                    Answer::text("400 Bad Request", "min_peers is a number of nodes, such as 2")
                }
            },
            _ => Answer::text("200 OK", "alive"),
        }
    }
}

/// Why there is no question, for the scraper.
fn reason(refused: &NoRequest) -> Answer {
    match refused {
        NoRequest::Late => Answer::text(
            "408 Request Timeout",
            format!("the question did not arrive within {ASKED:?}"),
        ),
        NoRequest::TooLong => Answer::text(
            "431 Request Header Fields Too Large",
            format!("the head of a question has at most {QUESTION} bytes"),
        ),
        NoRequest::MadeRoom => Answer::text(
            UNAVAILABLE,
            "another scraper needed the place of this one, which had said nothing yet: try again",
        ),
        NoRequest::Gone(error) => Answer::text(UNAVAILABLE, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use scalesmall_driver::{GroupKeys, Node, Settings};

    use super::*;
    use crate::log::Log;

    fn answer(scrapers: &Scrapers, path: &str) -> String {
        let question =
            Question::parse(format!("GET {path} HTTP/1.1").as_bytes()).expect("a question");
        String::from_utf8(scrapers.answer(&question).bytes(false)).expect("text")
    }

    #[test]
    fn a_node_that_stands_still_is_asked_once_and_everybody_hears_that_it_does_not_answer() {
        let local = "127.0.0.1:0".parse().expect("an address");
        let node: Node<UdpSocket> =
            Node::start(&Settings::new(local, GroupKeys::published()), Ok).expect("a node");
        let beside = Beside::new(Log::new(str::to_owned).0);
        let scrapes = Scrapes::new(node.handle(), beside.clone());
        let scrapers = Scrapers::new(scrapes, beside);
        // Nobody runs the node.
        for path in ["/live", "/ready", "/metrics"] {
            let told = answer(&scrapers, path);
            assert!(told.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{told}");
            assert!(told.ends_with("the node has not made the call in time\n"), "{told}");
        }
        // All have heard the answer to one question, which still waits.
        assert!(format!("{:?}", node.handle()).contains("calls: 1,"), "{:?}", node.handle());
        assert!(answer(&scrapers, "/other").starts_with("HTTP/1.1 404 Not Found\r\n"));
        for wrong in ["/ready?minpeers=9", "/ready?min_peers", "/live?x=1"] {
            let told = answer(&scrapers, wrong);
            assert!(told.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{wrong}: {told}");
        }
    }
}
