#![doc = include_str!("files.md")]

/// This page, for a terminal.
pub const PAGE: &str = include_str!("files.md");
