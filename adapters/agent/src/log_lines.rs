//! What is logged, and how a line looks: levels, `RUST_LOG`, text and JSON.

use std::io::{self, IsTerminal as _, Write};

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::failure::{Failure, json_line};
use crate::log::Log;
use crate::{terminal, threads};

/// The variable that says what is logged if no option does.
const VARIABLE: &str = "RUST_LOG";

/// What the driver tells of events. The program says the same in sentences, so it is not logged unless the
/// variable names the driver.
const EVENTS: &str = "scalesmall_driver::event";

/// The options of the log.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LogOptions {
    /// The least important lines that are logged [default: RUST_LOG, whose directives are levels or
    /// TARGET=LEVEL, joined by commas; else info]
    #[arg(long, value_name = "LEVEL", conflicts_with = "verbose")]
    pub(crate) log_level: Option<LogLevel>,
    /// How lines look on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Say more on stderr: the same as --log-level debug
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing is logged
    Off,
    /// What the node cannot put right by itself
    Error,
    /// What an operator should look at
    Warn,
    /// Changes of peers and of the node
    Info,
    /// Each change of ranges, each message, each client that goes away
    Debug,
    /// All there is
    Trace,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A sentence for people
    #[default]
    Text,
    /// An object for programs, in one line
    Json,
}

impl LogFormat {
    /// A line of the log that is no record: it is written when others could not be.
    pub(crate) fn notice(self, sentence: &str) -> String {
        match self {
            Self::Text => format!("{sentence}\n"),
            Self::Json => format!("{}\n", json_line("WARN", sentence)),
        }
    }
}

/// What is let through.
///
/// # Errors
///
/// `RUST_LOG` counts and makes no sense.
pub(crate) fn filter(options: LogOptions) -> Result<Targets, Failure> {
    let variable = std::env::var_os(VARIABLE);
    filter_of(options, variable.map(|text| text.to_string_lossy().into_owned()))
}

/// Has all that is logged and let through, panics included, go to stderr through a queue.
///
/// # Errors
///
/// The system has no thread.
pub(crate) fn start(options: LogOptions, filter: Targets) -> io::Result<Log> {
    let format = options.log_format;
    let (log, waiting) = Log::new(move |sentence| format.notice(sentence));
    threads::keep("log", move || waiting.write_to(io::stderr()))?;
    let writer = log.clone();
    let lines = fmt::layer().with_writer(move || writer.clone());
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => {
            // What a sentence is about, it says itself; modules are for programs.
            let lines = lines.with_ansi(io::stderr().is_terminal()).with_target(false);
            registry.with(lines.with_filter(filter)).init();
        }
        LogFormat::Json => {
            let writer = log.clone();
            let lines = lines.with_writer(move || Harmless(writer.clone()));
            let lines = lines.json().flatten_event(true);
            let lines = lines.with_current_span(false).with_span_list(false);
            registry.with(lines.with_filter(filter)).init();
        }
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(log)
}

/// Writes lines of JSON, without what a terminal would obey: JSON leaves half of the control characters as they
/// are. A record comes as one piece.
struct Harmless<W>(W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        self.0.write_all((terminal::escaped_json(text) + end).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What the options say, or else the variable.
fn filter_of(options: LogOptions, variable: Option<String>) -> Result<Targets, Failure> {
    let level = options.log_level.or_else(|| options.verbose.then_some(LogLevel::Debug));
    let targets = match (level, variable.filter(|text| !text.trim().is_empty())) {
        (None, Some(text)) => text.parse::<Targets>().map_err(|error| {
            Failure::new(format!(
                "{VARIABLE}={text}: {error}; write levels or TARGET=LEVEL, joined by commas, such as \
                 info,scalesmall_driver=debug"
            ))
        })?,
        (level, _) => Targets::new().with_default(level.map_or(LevelFilter::INFO, LogLevel::filter)),
    };
    let names_driver = targets.iter().any(|(target, _)| EVENTS.starts_with(target));
    Ok(if names_driver { targets } else { targets.with_target(EVENTS, LevelFilter::OFF) })
}

impl LogLevel {
    const fn filter(self) -> LevelFilter {
        match self {
            Self::Off => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    const NOTHING: LogOptions =
        LogOptions { log_level: None, log_format: LogFormat::Text, verbose: false };

    fn lets_through(options: LogOptions, variable: &str, target: &str, level: Level) -> bool {
        let filter = filter_of(options, Some(variable.to_owned())).expect("a filter");
        filter.would_enable(target, &level)
    }

    #[test]
    fn options_count_more_than_the_variable_and_without_both_it_is_info() {
        let agent = "scalesmall_agent::node";
        assert!(lets_through(NOTHING, "", agent, Level::INFO));
        assert!(!lets_through(NOTHING, " ", agent, Level::DEBUG));
        assert!(lets_through(NOTHING, "warn,scalesmall_agent=trace", agent, Level::TRACE));
        assert!(!lets_through(NOTHING, "warn,scalesmall_agent=trace", "mio", Level::INFO));
        let verbose = LogOptions { verbose: true, ..NOTHING };
        assert!(lets_through(verbose, "off", agent, Level::DEBUG));
        let warn = LogOptions { log_level: Some(LogLevel::Warn), ..NOTHING };
        assert!(!lets_through(warn, "trace", agent, Level::INFO));
        let error =
            filter_of(NOTHING, Some("scalesmall_agent=loud".to_owned())).expect_err("no level");
        assert!(error.line().contains("RUST_LOG=scalesmall_agent=loud"), "{}", error.line());
    }

    /// Where the lines of a test go, one piece for each write.
    #[derive(Clone, Default)]
    struct Pieces(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl Write for Pieces {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(line.to_vec()).expect("text");
            self.0.lock().expect("no panic").push(text);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_json_holds_no_control_character_and_means_the_same() {
        let pieces = Pieces::default();
        let writer = pieces.clone();
        let lines = fmt::layer().with_writer(move || Harmless(writer.clone()));
        let lines = lines.json().flatten_event(true);
        let group = "\u{9b}2J\u{85}\n\u{202e}k\u{fc}che";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::info!(group, "{group}");
        });
        let pieces = pieces.0.lock().expect("no panic");
        let [line] = &pieces[..] else { panic!("{pieces:?}") };
        let line = line.strip_suffix('\n').expect("a line");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&read["group"], &read["message"]), (&group.into(), &group.into()));
    }

    #[test]
    fn events_are_told_once_unless_the_driver_is_named() {
        assert!(!lets_through(NOTHING, "trace", EVENTS, Level::ERROR));
        assert!(lets_through(NOTHING, "trace", "scalesmall_driver::trace", Level::DEBUG));
        assert!(lets_through(NOTHING, "scalesmall_driver=info", EVENTS, Level::INFO));
    }
}
