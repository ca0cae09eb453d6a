//! Texts that people and programs hand in: recordings, keys, requests. Each function panics where
//! something does not hold.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::{self, Seek as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;

use scalesmall_core::{Key, Keyring, Life};
use scalesmall_driver::{GroupKeys, KeyFileError, Node, ReplayError, Settings, Socket, replay};

use scalesmall_hostile::{EPOCH, Holder, SECRET, cluster, drain, id};

/// The first line of a recording, before the bytes of those that have none.
const FIRST_LINE: &str = "scalesmall-recording 4 - 127.0.0.1:7000 1099511627776 0 lan \
     ba2f:0 true 1000000 4000 6b \
     0707070707070707070707070707070707070707070707070707070707070707\n";

/// The calls of a recording, or a whole one.
///
/// # Panics
///
/// If a replay of them panics, or ends in an error that names another line than one of theirs.
pub fn recording(bytes: &[u8]) {
    // As the program writes it: the key of the test cluster under the first id.
    let keys = Keyring::new(Key::authenticated(SECRET));
    let mut text = bytes.to_vec();
    if !bytes.starts_with(b"scalesmall-recording") {
        text = [FIRST_LINE.as_bytes(), bytes].concat();
    }
    let breaks = text.iter().filter(|byte| **byte == b'\n').count() as u64;
    match replay(text.as_slice(), &keys) {
        Ok(mut replayed) => {
            assert_eq!(replayed.calls + 1, breaks);
            assert_eq!(replayed.cut, !text.ends_with(b"\n"));
            let again = replay(text.as_slice(), &keys).expect("it is as good as the first time");
            assert_eq!(again.engine.digest(), replayed.engine.digest());
            let _ = drain(&mut replayed.engine);
        }
        Err(ReplayError::BadLine { line } | ReplayError::Differs { line }) => {
            assert!((2..=breaks).contains(&line), "line {line} of {breaks}");
        }
        Err(ReplayError::Unreadable { kind }) => {
            assert_eq!(kind, io::ErrorKind::InvalidData);
            assert!(core::str::from_utf8(&text).is_err());
        }
        Err(_) => {}
    }
}

/// A key as somebody types it, and as a file holds it.
///
/// # Panics
///
/// If anything but a key is taken for one, or a key for another.
pub fn key_text(bytes: &[u8]) {
    let secret = secret(bytes);
    let parsed = GroupKeys::parse(bytes);
    match (&parsed, &secret) {
        (Ok(keys), Some(secret)) => {
            assert_eq!(trace(keys.ring()), trace(&Keyring::new(Key::authenticated(*secret))));
        }
        // One line with digits alone is what the documentation says, and nothing else is.
        (Ok(_), None) => assert!(bytes.len() > 64),
        (Err(_), None) => {}
        (Err(error), Some(_)) => panic!("{error:?} of {bytes:?}"),
    }
    thread_local! {
        static FILE: (std::path::PathBuf, RefCell<std::fs::File>) = {
            let name = format!("scalesmall-key-{}-{:?}", std::process::id(), std::thread::current().id());
            let path = std::env::temp_dir().join(name);
            let mut open = OpenOptions::new();
            let file = open.write(true).create(true).truncate(true).mode(0o600).open(&path);
            (path, RefCell::new(file.expect("a file for keys")))
        };
    }
    let read = FILE.with(|(path, file)| {
        let mut file = file.borrow_mut();
        file.set_len(0).and_then(|()| file.rewind()).expect("it becomes empty");
        file.write_all(bytes).expect("it takes bytes");
        GroupKeys::from_file(path)
    });
    match (&read, &parsed) {
        (Ok(keys), Ok(parsed)) => assert_eq!(trace(keys.ring()), trace(parsed.ring())),
        (Err(KeyFileError::Text(error)), Err(parsed)) => assert_eq!(error, parsed),
        _ => panic!("{read:?} of {bytes:?}"),
    }
}

/// The secret that a text is, as the documentation says it.
fn secret(text: &[u8]) -> Option<[u8; Key::LEN]> {
    if let Ok(secret) = text.try_into() {
        return Some(secret).filter(|secret| *secret != [0; Key::LEN]);
    }
    let text = core::str::from_utf8(text).ok()?;
    let ends = ["\r\n", "\n"];
    let digits = ends.iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let is_key = digits.len() == 64
        && digits.bytes().any(|byte| byte != b'0')
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = || (0..64).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
    is_key.then(|| bytes().collect::<Result<Vec<u8>, _>>().ok()?.try_into().ok()).flatten()
}

/// A packet that shows which key sealed it, as keys are never shown.
fn trace(keys: &Keyring) -> Vec<u8> {
    let life = Life { id: id(1), epoch: EPOCH };
    Holder::of(life, keys, &cluster()).packet(None, &[])
}

/// A socket that nothing arrives at.
#[derive(Debug)]
struct Silence;

impl Socket for Silence {
    fn try_recv_from(&mut self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn try_send_to(&mut self, datagram: &[u8], _: SocketAddr) -> io::Result<usize> {
        Ok(datagram.len())
    }
}

/// Lines of a client, to a node that runs.
///
/// # Panics
///
/// If a line is not answered with one line of a reply, or the node breaks down.
pub fn control(bytes: &[u8]) {
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings::new(bind, GroupKeys::published());
    let mut node = Node::start(&settings, |_| Ok(Silence)).expect("a node with a silent socket");
    for line in bytes.split(|byte| *byte == b'\n') {
        // Others are not answered: the client is no client.
        let Ok(line) = core::str::from_utf8(line) else { continue };
        let reply = scalesmall_agent::answer_line(&mut node, line);
        assert!(reply.starts_with(r#"{"reply":""#) && reply.ends_with('}'), "{reply}");
        assert!(!reply.contains('\n'), "{reply}");
        let _ = node.pump().expect("a silent socket has no errors");
        while node.poll_event().is_some() {}
    }
}
