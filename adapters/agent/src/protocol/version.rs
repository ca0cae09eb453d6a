//! The version of the control protocol.
//!
//! Within a version calls, replies and fields may be added, and a client skips what it does not know. What would
//! change the meaning of something gets another version.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Request;

/// The version that is spoken here.
const VERSION: u64 = 1;

/// What is looked at first.
#[derive(Deserialize)]
struct Envelope {
    /// The version in which a client speaks; if it says none, the present one.
    #[serde(default = "present")]
    version: Value,
}

fn present() -> Value {
    json!(VERSION)
}

/// The line of a request, with the version and without the line end.
pub(crate) fn line(request: &Request) -> serde_json::Result<String> {
    let mut line = serde_json::to_value(request)?;
    line["version"] = present();
    Ok(line.to_string())
}

/// Refuses a request of another version, with what to do. What is no request is refused elsewhere.
pub(crate) fn check_version(line: &[u8]) -> Result<(), String> {
    match serde_json::from_slice::<Envelope>(line) {
        Ok(envelope) if envelope.version != present() => Err(format!(
            "this node speaks version {VERSION} of the control protocol, not {}: use its own program, or a \
             client for that version",
            envelope.version
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_version_and_another_one_is_refused() {
        let said = line(&Request::Groups).expect("a line");
        assert_eq!(said, r#"{"call":"groups","version":1}"#);
        assert!(matches!(serde_json::from_str(&said), Ok(Request::Groups)));
        for taken in [&said, r#"{"call":"groups"}"#, "no request at all", "[]"] {
            assert_eq!(check_version(taken.as_bytes()), Ok(()), "{taken}");
        }
        for version in ["2", "\"1\"", "null", "1.5"] {
            let line = format!(r#"{{"call":"groups","version":{version}}}"#);
            let why = check_version(line.as_bytes()).expect_err("another version");
            assert!(why.contains("version 1") && why.contains(version), "{why}");
        }
    }

    /// The names of all requests, as the reader lists them when it meets another one.
    fn calls() -> Vec<String> {
        let error =
            serde_json::from_str::<Request>(r#"{"call":"?"}"#).expect_err("there is no such call");
        let text = error.to_string();
        let (_, names) = text.split_once("expected one of ").expect("a list");
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_page_about_the_protocol_describes_every_call() {
        let calls = calls();
        assert!(calls.len() > 10 && calls.contains(&"reload".to_owned()), "{calls:?}");
        let page = include_str!("../control.md");
        for call in calls {
            assert!(page.contains(&format!("| `{call}` |")), "control.md does not describe {call}");
        }
    }
}
