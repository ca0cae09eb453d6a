//! What every page begins and ends with.

/// A text as it is written in a page.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The beginning of a page.
pub(crate) const HEAD: &str = concat!(
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    "<title>ScaleSmall simulation</title><style>",
    include_str!("page.css"),
    "</style></head><body><main>"
);

/// The end of a page, with its script.
pub(crate) const TAIL: &str = concat!(
    "</main><script>(() => {\n",
    include_str!("course.js"),
    include_str!("who.js"),
    include_str!("page.js"),
    "})();</script></body></html>\n"
);
