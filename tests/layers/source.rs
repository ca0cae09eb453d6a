//! The modules of a crate and the paths that each of them writes, read from its sources.
//!
//! Tests do not count: what stands under `#[cfg(test)]` may know everything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The segments of a path. A module is named by its path from the root of the crate.
pub(crate) type Names = Vec<String>;

#[derive(Default)]
pub(crate) struct Module {
    /// The lines of the documentation that stands inside of the module.
    pub(crate) docs: Vec<String>,
    pub(crate) children: BTreeSet<String>,
    /// What `use` brings in: the name here, and the path that it stands for.
    imports: BTreeMap<String, Names>,
    /// All paths that begin with a module, and all that is imported.
    paths: BTreeSet<Names>,
    /// The types to which methods are added here.
    extended: BTreeSet<Names>,
}

/// One module knows another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: Names,
    pub(crate) to: Names,
    /// What makes it so, for people.
    pub(crate) why: String,
}

/// A crate: all modules by name. The root has the empty name.
pub(crate) struct Sources {
    pub(crate) modules: BTreeMap<Names, Module>,
}

/// How to get the text of a file, if there is such a file.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

impl Sources {
    /// Reads the crate whose root is the file `root`.
    pub(crate) fn read(root: &Path, read: Read<'_>) -> Self {
        let mut sources = Self { modules: BTreeMap::new() };
        let folder = root.parent().expect("a file is in a folder");
        sources.file(vec![], root, folder, read);
        sources
    }

    /// `folder` is where the files of the children are.
    fn file(&mut self, name: Names, file: &Path, folder: &Path, read: Read<'_>) {
        let text = read(file).unwrap_or_else(|| panic!("{} is not there", file.display()));
        let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let docs = text.lines().filter_map(|line| line.strip_prefix("//!"));
        let docs = docs.map(|line| line.trim().to_owned()).collect();
        self.modules.insert(name.clone(), Module { docs, ..Module::default() });
        self.scan(&name, tokens, true, folder, read);
    }

    /// Takes in tokens of the module `at`; `items` says that these are its items, not parts of them.
    fn scan(
        &mut self,
        at: &Names,
        tokens: TokenStream,
        items: bool,
        folder: &Path,
        read: Read<'_>,
    ) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut next = 0;
        while let Some(token) = tokens.get(next) {
            let rest = &tokens[next + 1..];
            next += 1;
            match (token, rest) {
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), rest @ ..])
                    if hash.as_char() == '#' && is_for_tests(attribute) =>
                {
                    let end = rest.iter().position(|token| ends_item(token, items));
                    next += 1 + end.map_or(rest.len(), |end| end + 1);
                }
                (TokenTree::Ident(word), [TokenTree::Group(scope), ..])
                    if word == "pub" && is_scope(scope) =>
                {
                    next += 1;
                }
                (TokenTree::Ident(word), [follower, ..])
                    if word == "use" && !is_punct(follower, '<') =>
                {
                    let end = rest.iter().position(|token| is_punct(token, ';'));
                    let end = end.expect("a `use` ends in a semicolon");
                    self.import(at, &rest[..end], &[]);
                    next += end;
                }
                (TokenTree::Ident(word), [TokenTree::Ident(child), body, ..])
                    if word == "mod" && items =>
                {
                    self.child(at, &child.to_string(), body, folder, read);
                    next += 2;
                }
                (TokenTree::Ident(word), _)
                    if word == "impl" && items && begins_item(&tokens[..next - 1]) =>
                {
                    self.module(at).extended.extend(extended_type(rest));
                }
                (TokenTree::Ident(word), _) if is_module(&word.to_string()) => {
                    let path = path(&tokens[next - 1..]);
                    if path.len() > 1 {
                        // A segment takes three tokens with its colons.
                        next += 3 * (path.len() - 1);
                        self.module(at).paths.insert(path);
                    }
                }
                (TokenTree::Group(group), _) => self.scan(at, group.stream(), false, folder, read),
                _ => {}
            }
        }
    }

    fn module(&mut self, name: &Names) -> &mut Module {
        self.modules.get_mut(name).expect("a module is entered before it is scanned")
    }

    fn child(&mut self, at: &Names, child: &str, body: &TokenTree, folder: &Path, read: Read<'_>) {
        let name = [at.as_slice(), &[child.to_owned()]].concat();
        let below = folder.join(child);
        self.module(at).children.insert(child.to_owned());
        if let TokenTree::Group(body) = body {
            self.modules.insert(name.clone(), Module::default());
            return self.scan(&name, body.stream(), true, &below, read);
        }
        let files: [PathBuf; 2] = [below.with_extension("rs"), below.join("mod.rs")];
        let file = files.iter().find(|file| read(file).is_some());
        let file = file.unwrap_or_else(|| panic!("there is no file for {}", name.join("::")));
        self.file(name, file, &below, read);
    }

    /// Takes in what stands between `use` and the semicolon, or in braces behind `stem`.
    fn import(&mut self, at: &Names, tree: &[TokenTree], stem: &[String]) {
        for branch in tree.split(|token| is_punct(token, ',')) {
            let (mut path, mut name, mut braces) = (stem.to_vec(), None, false);
            for token in branch {
                match token {
                    TokenTree::Group(group) => {
                        let tree: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.import(at, &tree, &path);
                        braces = true;
                    }
                    TokenTree::Ident(word) if word == "as" => name = Some(String::new()),
                    TokenTree::Ident(word) if name.is_some() => name = Some(word.to_string()),
                    TokenTree::Ident(word) if word == "self" && !stem.is_empty() => {}
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Punct(star) if star.as_char() == '*' => path.push("*".to_owned()),
                    _ => {}
                }
            }
            if let (Some(last), false) = (path.last(), braces) {
                let name = name.unwrap_or_else(|| last.clone());
                // What comes in by a star cannot be told from what is defined here.
                assert!(name != "*" || !is_rooted(&path[0]), "{}: name what is used", shown(at));
                self.module(at).imports.insert(name, path.clone());
                self.module(at).paths.insert(path);
            }
        }
    }

    /// Everything that a module knows of another one in the crate.
    pub(crate) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (at, module) in &self.modules {
            for path in &module.paths {
                let why = format!("{} names {}", shown(at), path.join("::"));
                for to in self.resolve(at, path) {
                    arrows.insert(Arrow { from: at.clone(), to, why: why.clone() });
                }
            }
            // Where a type is, there one looks for what it does.
            for path in &module.extended {
                let why = format!("{} has methods of {}", shown(at), path.join("::"));
                if let Some(from) = self.resolve(at, path).into_iter().next_back() {
                    arrows.insert(Arrow { from, to: at.clone(), why: why.clone() });
                }
            }
        }
        arrows.retain(|arrow| arrow.from != arrow.to);
        arrows
    }

    /// The modules that a path in `at` leads to: those that pass the name on from another one, and
    /// in the end the one that defines it. The root only counts for what it defines.
    fn resolve(&self, at: &Names, path: &Names) -> Vec<Names> {
        let (mut from, mut path, mut reached) = (at.clone(), path.clone(), Vec::new());
        // A bound, as two names may stand for each other.
        for _ in 0..8 {
            if !path.first().is_some_and(|first| is_rooted(first) || self.knows(&from, first)) {
                break;
            }
            while let Some(first) = path.first().filter(|first| is_rooted(first)) {
                match first.as_str() {
                    "crate" => from.clear(),
                    "super" => drop(from.pop()),
                    _ => {}
                }
                path.remove(0);
            }
            while path.first().is_some_and(|first| self.modules[&from].children.contains(first)) {
                from.push(path.remove(0));
            }
            reached.push(from.clone());
            let Some(import) = path.first().and_then(|name| self.modules[&from].imports.get(name))
            else {
                break;
            };
            path = [import.as_slice(), &path[1..]].concat();
        }
        let end = reached.pop();
        reached.retain(|module| !module.is_empty());
        reached.extend(end);
        reached
    }

    /// Whether a path in `at` that begins with this name stays in the crate.
    fn knows(&self, at: &Names, name: &str) -> bool {
        let module = &self.modules[at];
        module.children.contains(name) || module.imports.contains_key(name)
    }
}

/// A module as its crate calls it.
pub(crate) fn shown(module: &[String]) -> String {
    [&["crate".to_owned()], module].concat().join("::")
}

fn is_rooted(word: &str) -> bool {
    matches!(word, "crate" | "super" | "self")
}

/// Whether a word may be the name of a module; those of types begin with a capital.
fn is_module(word: &str) -> bool {
    word.starts_with(char::is_lowercase)
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    matches!(text.as_str(), "cfg(test)" | "cfg(doctest)") || text.starts_with("cfg(all(test,")
}

/// Whether this stands behind `pub` and says for whom, and is not a tuple.
fn is_scope(group: &Group) -> bool {
    let mut inside = group.stream().into_iter();
    let first = inside.next().map(|token| token.to_string());
    let is_scope = match first.as_deref() {
        Some("in") => true,
        Some(word) => is_rooted(word) && inside.next().is_none(),
        None => false,
    };
    is_scope && group.delimiter() == Delimiter::Parenthesis
}

fn is_braced(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Whether an item, or else a part of one, is over with this token.
fn ends_item(token: &TokenTree, items: bool) -> bool {
    is_braced(token) || is_punct(token, ';') || (!items && is_punct(token, ','))
}

/// Whether an item may begin behind these tokens.
fn begins_item(before: &[TokenTree]) -> bool {
    match before.last() {
        Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
        Some(token) => is_punct(token, ';'),
        None => true,
    }
}

/// The path with which the tokens begin.
fn path(tokens: &[TokenTree]) -> Names {
    let mut path = Names::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(word), after @ ..] = rest {
        path.push(word.to_string());
        let [a, b, after @ ..] = after else { break };
        if !is_punct(a, ':') || !is_punct(b, ':') {
            break;
        }
        rest = after;
    }
    path
}

/// The type to which methods are added, from what stands behind `impl`; none if it is for a trait.
fn extended_type(tokens: &[TokenTree]) -> Option<Names> {
    let head: Vec<TokenTree> =
        tokens.iter().take_while(|token| !is_braced(token)).cloned().collect();
    let (mut depth, mut flat, mut dash) = (0_i32, Vec::new(), false);
    for token in head {
        // The `>` of an arrow closes nothing.
        let closes = is_punct(&token, '>') && !dash;
        dash = is_punct(&token, '-');
        if is_punct(&token, '<') {
            depth += 1;
        } else if closes {
            depth -= 1;
        } else if depth == 0 {
            flat.push(token);
        }
    }
    let for_a_trait =
        flat.iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "for"));
    Some(path(&flat)).filter(|path| !for_a_trait && !path.is_empty())
}
