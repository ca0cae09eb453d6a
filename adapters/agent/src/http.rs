//! As much of HTTP as those that watch a node need: one question by `GET` or `HEAD` for each connection, and
//! its answer.

/// The most header fields of a question.
const FIELDS: usize = 64;

/// What ends the head of a question.
pub(crate) const END: &[u8] = b"\r\n\r\n";

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The path, without what follows a question mark.
    pub(crate) path: String,
    /// What follows the question mark.
    pub(crate) query: Option<String>,
    /// Whether the head of the answer is all that is wanted.
    pub(crate) head_only: bool,
}

impl Question {
    /// Reads the head of a question, without the empty line that ends it.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, Answer> {
        let whole = [head, END].concat();
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&whole) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => {
                let why = format!("a question has at most {FIELDS} header fields");
                return Err(Answer::text("431 Request Header Fields Too Large", why));
            }
            Ok(httparse::Status::Partial) | Err(_) => {
                return Err(Answer::text("400 Bad Request", "this is not HTTP/1.1"));
            }
        }
        let head_only = match request.method {
            Some("GET") => false,
            Some("HEAD") => true,
            _ => {
                let mut answer = Answer::text("405 Method Not Allowed", "ask by GET or HEAD");
                answer.allow = true;
                return Err(answer);
            }
        };
        let target = request.path.unwrap_or("/");
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Ok(Self { path: path.to_owned(), query, head_only })
    }

    /// A part of the query that is not the value of one of `names`, if there is one.
    pub(crate) fn unknown(&self, names: &[&str]) -> Option<&str> {
        let mut parts = self.query.as_deref().unwrap_or_default().split('&');
        let is_known = |part: &str| {
            part.is_empty() || part.split_once('=').is_some_and(|(name, _)| names.contains(&name))
        };
        parts.find(|part| !is_known(part))
    }

    /// The value of `name` in the query, if there is one.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let pairs = self.query.as_deref().unwrap_or_default().split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs.find(|(of, _)| *of == name).map(|(_, value)| value)
    }
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
    /// Whether it says which methods are known.
    allow: bool,
}

impl Answer {
    /// A sentence. A line break is added.
    pub(crate) fn text(status: &'static str, sentence: impl Into<String>) -> Self {
        let mut body = sentence.into();
        body.push('\n');
        Self { status, content_type: "text/plain; charset=utf-8", body, allow: false }
    }

    /// What was asked for.
    pub(crate) const fn found(content_type: &'static str, body: String) -> Self {
        Self { status: "200 OK", content_type, body, allow: false }
    }

    /// The answer as bytes. The connection ends with it.
    pub(crate) fn bytes(&self, head_only: bool) -> Vec<u8> {
        let allow = if self.allow { "Allow: GET, HEAD\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}Cache-Control: no-store\r\n\
             Connection: close\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len()
        );
        let body = if head_only { "" } else { &self.body };
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> String {
        let answer = Question::parse(head.as_bytes()).expect_err("it is refused");
        String::from_utf8(answer.bytes(false)).expect("text")
    }

    #[test]
    fn questions_have_a_path_and_perhaps_a_query() {
        let question = |head: &str| Question::parse(head.as_bytes()).expect("a question");
        let plain = question("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*");
        assert_eq!((plain.path.as_str(), plain.head_only), ("/metrics", false));
        assert_eq!(plain.value("min_peers"), None);
        let query = question("HEAD /ready?a=b&min_peers=2&c HTTP/1.0");
        assert_eq!((query.path.as_str(), query.head_only), ("/ready", true));
        assert_eq!(query.value("min_peers"), Some("2"));
        assert_eq!(query.value("c"), None);
        assert_eq!(query.unknown(&["a", "min_peers"]), Some("c"));
        assert_eq!((query.unknown(&["min_peers"]), plain.unknown(&[])), (Some("a=b"), None));
        assert_eq!(question("GET /ready?min_peers=1& HTTP/1.1").unknown(&["min_peers"]), None);
    }

    #[test]
    fn what_is_no_question_is_refused_with_a_reason() {
        for nonsense in
            ["", "GET", "GET / HTTP/1.1\r\nno field", "\u{16}\u{3}\u{1}", "GET  / HTTP/9"]
        {
            assert!(refused(nonsense).starts_with("HTTP/1.1 400 Bad Request\r\n"), "{nonsense:?}");
        }
        let post = refused("POST /metrics HTTP/1.1");
        assert!(post.contains("405 Method") && post.contains("\r\nAllow: GET, HEAD\r\n"), "{post}");
        let many = "\r\na: b".repeat(FIELDS + 1);
        assert!(refused(&format!("GET / HTTP/1.1{many}")).contains("at most 64 header fields"));
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_a_head_comes_without_its_body() {
        let answer = Answer::found("text/plain", "gr\u{fc}n".to_owned());
        let text = String::from_utf8(answer.bytes(false)).expect("text");
        assert!(
            text.contains("\r\nContent-Length: 5\r\n") && text.ends_with("\r\n\r\ngr\u{fc}n"),
            "{text}"
        );
        assert!(String::from_utf8(answer.bytes(true)).expect("text").ends_with("\r\n\r\n"));
    }
}
