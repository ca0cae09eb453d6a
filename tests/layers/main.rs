//! Each crate draws a map of its modules in its documentation. Here the map is compared with the
//! sources.
//!
//! The map is a table under the heading `# Map`, from the top to the bottom: layer, module, purpose.
//! A row whose first cell is empty belongs to the layer of the row above it. A module may know what is
//! in lower layers: no arrow goes up, and none goes across to a module of the same layer. To add
//! methods to the type of another module is to be known by that module. A module with children of its
//! own may have a map of them in its documentation; if it has none, its children may know each other
//! in any order, but not in a circle. What a parent defines is known to its children; only the root of
//! a crate is known to nobody.

mod map;
mod platforms;
mod signatures;
mod source;

use std::fs;
use std::path::Path;

use source::Sources;

/// The roots of the crates whose maps are checked.
const CRATES: [&str; 6] = [
    "core/src/lib.rs",
    "adapters/agent/src/lib.rs",
    "adapters/driver/src/lib.rs",
    "adapters/mio/src/lib.rs",
    "sim/src/lib.rs",
    "sim/src/program/main.rs",
];

#[test]
fn every_arrow_goes_down() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut faults = Vec::new();
    for root in CRATES {
        let sources = Sources::read(&repository.join(root), &|file| fs::read_to_string(file).ok());
        faults.extend(map::faults(&sources).into_iter().map(|fault| format!("{root}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The faults of a crate with these files, of which the first is its root.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let read = |wanted: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == wanted);
        file.map(|(_, text)| (*text).to_owned())
    };
    map::faults(&Sources::read(Path::new(files[0].0), &read))
}

/// A crate with `top` above `left` and `right`, and these above `low`.
fn house(top: &str, left: &str, right: &str, low: &str) -> Vec<String> {
    let root = "//! # Map\n//! | layer | module | purpose |\n//! |---|---|---|\n\
        //! | roof | `top` | a |\n//! | rooms | `left` | b |\n//! | | `right` | c |\n\
        //! | ground | [`low`] | d |\n\
        pub mod low; mod left; mod right; mod top; pub use low::Floor; pub use top::Roof; fn own() {}";
    faults(&[
        ("lib.rs", root),
        ("top.rs", top),
        ("left.rs", left),
        ("right/mod.rs", right),
        ("low.rs", low),
    ])
}

#[test]
fn arrows_down_are_allowed() {
    let top =
        "use crate::{left::{self, A}, right, low as ground, Floor}; fn f() { crate::low::g() }";
    assert_eq!(
        house(top, "use super::Floor;", "use std::fmt; use crate::low::Floor;", ""),
        [""; 0]
    );
}

#[test]
fn arrows_up_are_found_in_whatever_way_they_are_written() {
    for text in [
        "use crate::top::Roof;",
        "use crate::{low::Floor, top::{self}};",
        "use super::top;",
        "use crate::Roof;",
        "pub(crate) use crate::Roof as Top;",
        "fn f() -> crate::Roof { loop {} }",
        "fn f() { println!(\"{}\", super::top::height()); }",
        "macro_rules! m { () => { $crate::top::height() } }",
        "mod inner { fn f() { super::super::top::height() } }",
        "fn f() { use crate::top::Roof; }",
        "struct A(pub (crate::top::Roof, u8));",
        "pub(in crate::left) fn f(_: super::top::Roof) {}",
        "#[cfg(not(test))] use crate::top::Roof;",
        "#[cfg(test)] use crate::low::Floor; use crate::top::Roof;",
    ] {
        let found = house("", text, "", "");
        assert!(
            matches!(&found[..], [fault] if fault.contains("left is not above top")),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn arrows_across_and_to_the_root_are_found() {
    assert!(house("", "use crate::right::A;", "", "")[0].contains("left is not above right"));
    assert!(house("", "use crate::own;", "", "")[0].contains("the root is the top"));
}

#[test]
fn methods_belong_to_the_module_of_their_type() {
    let roof = "pub struct Roof; pub struct Own;";
    let found = house("use crate::low::Floor; impl<T: Fn() -> u8> Floor<T> {}", "", "", "");
    assert!(found[0].contains("low is not above top"), "{found:?}");
    let of_a_trait =
        "use crate::Floor; impl<T> From<Floor> for Own<T> {} impl Own {} fn f() -> impl Floor {}";
    assert_eq!(house(&[roof, of_a_trait].concat(), "", "", ""), [""; 0]);
}

#[test]
fn tests_and_texts_may_name_everything() {
    let text = "// crate::top\n/// [`crate::top`]\n#[cfg(test)] mod tests { use super::super::top; }\n\
        #[cfg(test)] use crate::top::Roof;\nconst A: &str = \"crate::top\";\n\
        #[cfg(all(test, not(miri)))] fn f() { crate::top::f() }";
    assert_eq!(house("", text, "", ""), [""; 0]);
}

#[test]
fn a_folder_without_a_map_has_no_circle() {
    let [a, b, c] = ["use super::b::B;", "use super::C;", "use super::{a, Own};"];
    let found = |a, b, c| {
        faults(&[
            ("lib.rs", "//! # Map\n//! | | | |\n//! |---|\n//! | one | `f` | a |\nmod f;"),
            ("f.rs", "mod a; mod b; mod c; use c::C; use a::A; struct Own;"),
            ("f/a.rs", a),
            ("f/b.rs", b),
            ("f/c.rs", c),
        ])
    };
    assert_eq!(found(a, b, "use super::Own;"), [""; 0]);
    for c in [c, "use crate::f; fn g() { f::a::h() }"] {
        let circle = found(a, b, c);
        assert_eq!(circle.len(), 3, "{circle:?}");
    }
}

#[test]
fn a_map_is_complete_and_says_what_is_there() {
    let map = "//! # Map\n//! | layer | module | purpose |\n//! |---|---|---|\n";
    let found = |rows: &str| faults(&[("lib.rs", &[map, rows, "mod a {} mod b {}"].concat())]);
    assert_eq!(found("//! | x | `a` | for this |\n//! | | `b` | for that |\n"), [""; 0]);
    assert_eq!(found("//! | x | `a` | for this |\n").len(), 1, "b is missing");
    assert_eq!(found("//! | x | `a` | this |\n//! | | `b` | |\n").len(), 1, "b has no purpose");
    assert_eq!(found("//! | x | `a` | 1 |\n//! | | `b` | 2 |\n//! | | `c` | 3 |\n").len(), 1);
    assert_eq!(faults(&[("lib.rs", "mod a {}")]).len(), 1, "there is no map");
}
