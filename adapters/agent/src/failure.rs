//! The one line that says what went wrong and what to do.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread::Builder;
use std::time::Duration;

use crate::terminal;

/// How long stderr is waited for: the program has to end even if nobody reads it.
const STDERR_LIMIT: Duration = Duration::from_millis(300);

/// Why the program ends without having done what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    line: String,
    code: u8,
    /// Whether the line is an object of JSON, as those of the log.
    json: bool,
}

impl Failure {
    /// A failure that `line` explains.
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), code: 1, json: false }
    }

    /// The answer is no: status 3.
    pub(crate) fn no(line: impl Into<String>) -> Self {
        Self { code: 3, ..Self::new(line) }
    }

    /// The same, with a line as those of a log in JSON.
    pub(crate) fn in_json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    /// The program itself failed: status 70, `EX_SOFTWARE` of `sysexits.h`.
    pub(crate) fn internal(line: impl Into<String>) -> Self {
        Self { code: 70, ..Self::new(line) }
    }

    /// A signal cut it short.
    pub(crate) fn interrupted() -> Self {
        // As a shell says it of `SIGINT`.
        Self { code: 130, ..Self::new("interrupted") }
    }

    /// A command line that makes no sense: the first paragraph of clap's explanation as one line.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return Self { code: 2, ..Self::new("name a command (see 'scalesmall help')") };
        }
        let text = error.to_string();
        let paragraph = text.split("\n\n").next().unwrap_or(&text);
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        let line = words.join(" ");
        let line = line.strip_prefix("error: ").unwrap_or(&line);
        Self { code: 2, ..Self::new(format!("{line} (see '{}')", help_of(&text))) }
    }

    /// Prints the line and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let line = self.line.replace('\n', " ");
        let line = if self.json {
            format!("{}\n", json_line("ERROR", &line))
        } else {
            format!("scalesmall: {}\n", terminal::escaped(&line))
        };
        let (done, written) = channel();
        let write = move || {
            // Whether anybody reads it or not, the exit code says the same.
            let _ = done.send(std::io::stderr().write_all(line.as_bytes()));
        };
        if Builder::new().name("failure".to_owned()).spawn(write).is_ok() {
            let _ = written.recv_timeout(STDERR_LIMIT);
        }
        ExitCode::from(self.code)
    }

    /// The line.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }
}

/// The command that describes the one that was misused, from clap's explanation.
fn help_of(explanation: &str) -> String {
    let usage = explanation.lines().find_map(|line| line.strip_prefix("Usage: "));
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let words = usage.unwrap_or_default().split(' ');
    let names: Vec<&str> =
        words.take_while(|word| is_name(word) && !word.starts_with('-')).collect();
    if names.len() < 2 {
        "scalesmall help".to_owned()
    } else {
        format!("{} --help", names.join(" "))
    }
}

/// A sentence as a line of a log in JSON.
pub(crate) fn json_line(level: &str, sentence: &str) -> String {
    let now = std::time::SystemTime::now();
    let line = serde_json::json!({
        "timestamp": humantime::format_rfc3339_micros(now).to_string(),
        "level": level,
        "message": sentence,
        "target": "scalesmall",
    });
    line.to_string()
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}
