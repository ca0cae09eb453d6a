//! The changelog names every foreign type that public items show. Here its table is compared with the snapshots
//! of the public items.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../CHANGELOG.md");

/// The row under which the table stands.
const HEADING: &str = "| foreign crate | shown by | where |";

/// What belongs to the language.
const OWN: [&str; 3] = ["alloc", "core", "std"];

/// A foreign crate, and the crate whose public items show something of it.
type Shown = (String, String);

/// What the table allows.
fn allowed(page: &str) -> BTreeSet<Shown> {
    let rows = page.lines().skip_while(|line| *line != HEADING).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let names = |cell: &str| -> Vec<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    let pairs = rows.flat_map(|row| {
        let mut cells = row.split('|').skip(1).map(names);
        let (foreign, by) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        foreign.into_iter().flat_map(move |foreign| {
            let by = by.clone().into_iter();
            by.map(move |by| (foreign.clone(), by))
        })
    });
    pairs.collect()
}

/// The crates that the items of a snapshot name: what each path begins with.
fn crates_of(items: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for path in items.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let Some((first, _)) = path.split_once("::") else { continue };
        // What follows `>::` belongs to a type, and a name that begins with a capital is one.
        if first.starts_with(|c: char| c.is_lowercase()) {
            found.insert(first);
        }
    }
    found
}

/// What the items of the crate `by` show of others.
fn foreign(by: &str, items: &str) -> BTreeSet<Shown> {
    let crates = crates_of(items).into_iter();
    let foreign = crates.filter(|name| !OWN.contains(name) && !name.starts_with("scalesmall_"));
    // `serde_core` holds the traits of `serde`, which is the crate that people name.
    let foreign = foreign.map(|name| if name == "serde_core" { "serde" } else { name });
    foreign.map(|name| (name.replace('_', "-"), by.to_owned())).collect()
}

#[test]
fn public_items_show_only_the_foreign_types_that_the_changelog_names() {
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/api");
    let mut shown = BTreeSet::new();
    for entry in fs::read_dir(&snapshots).expect("the snapshots of the public items") {
        let path = entry.expect("an entry").path();
        let by = path.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
        shown.extend(foreign(by, &fs::read_to_string(&path).expect("a text")));
    }
    let allowed = allowed(PAGE);
    assert!(allowed.len() > 5, "the table is not read: {allowed:?}");
    let hidden: Vec<&Shown> = allowed.difference(&shown).collect();
    let unnamed: Vec<&Shown> = shown.difference(&allowed).collect();
    assert!(unnamed.is_empty(), "shown, and not in CHANGELOG.md: {unnamed:?}");
    assert!(hidden.is_empty(), "in CHANGELOG.md, and not shown by anything: {hidden:?}");
}

#[test]
fn a_foreign_type_is_found_wherever_it_stands() {
    for item in [
        "pub fn scalesmall_x::f(&mut other_crate::Thing)",
        "impl<T: other_crate::Trait> core::clone::Clone for scalesmall_x::A<T>",
        "pub fn scalesmall_x::f() -> alloc::vec::Vec<(u8, &'static other_crate::a::B)>",
        "pub fn scalesmall_x::f<S>(S) -> <S as other_crate::Trait>::Out",
        "pub scalesmall_x::A::field: [other_crate::Thing; 2]",
    ] {
        let found = foreign("scalesmall-x", item);
        assert_eq!(found, [("other-crate".to_owned(), "scalesmall-x".to_owned())].into(), "{item}");
    }
    let own = "pub fn scalesmall_x::f<T: core::fmt::Debug>(T::Item, Self::A, u8) -> std::io::Error";
    assert_eq!(foreign("scalesmall-x", own), [].into());
}
