use super::circles;

/// The circles of a crate that consists of these files.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| {
        let file = files.iter().find(|(name, _)| *name == path);
        file.map(|(_, text)| (*text).to_owned())
    };
    circles("src/lib.rs", &read)
}

#[test]
fn two_files_that_import_each_other_are_reported_with_lines() {
    let circles = found(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::B;\npub struct A;"),
        ("src/b.rs", "\nuse super::a::{self, A};\npub struct B;"),
    ]);
    assert_eq!(
        circles,
        [
            "files that import each other: crate::a, crate::b\n  src/a.rs:1: crate::b::B\n  src/b.rs:2: super::a::A"
        ]
    );
}

#[test]
fn three_files_in_a_circle_are_reported_once() {
    let circles = found(&[
        ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
        (
            "src/a.rs",
            "use crate::b::B; use crate::d::D; pub struct A;",
        ),
        ("src/b.rs", "use super::c; pub struct B(c::C);"),
        ("src/c.rs", "pub struct C; fn c() { crate::a::A; }"),
        ("src/d.rs", "pub struct D;"),
    ]);
    assert_eq!(circles.len(), 1, "{circles:?}");
    assert!(
        circles[0].starts_with("files that import each other: crate::a, crate::b, crate::c\n"),
        "{circles:?}"
    );
}

#[test]
fn re_export_is_followed_and_is_no_import() {
    let files = [
        (
            "src/lib.rs",
            "mod a; mod b; pub use a::A; pub(crate) use b::*;",
        ),
        ("src/a/mod.rs", "mod deep; pub use deep::Deep as A;"),
        ("src/a/deep.rs", "use crate::B;\npub struct Deep;"),
        ("src/b.rs", "pub struct B; fn b(_: crate::A) {}"),
    ];
    let circles = found(&files);
    assert_eq!(
        circles,
        [
            "files that import each other: crate::a::deep, crate::b\n  src/a/deep.rs:1: crate::B\n  src/b.rs:1: crate::A",
            "folders that import each other: crate::a, crate::b\n  src/a/deep.rs:1: crate::B\n  src/b.rs:1: crate::A",
        ]
    );
    assert!(found(&[files[0], files[1], files[2], ("src/b.rs", "pub struct B;")]).is_empty());
}

#[test]
fn file_that_uses_what_it_re_exports_imports_it() {
    let child = ("src/a.rs", "use super::Shared; pub struct A;");
    assert!(
        found(&[
            ("src/lib.rs", "mod a; pub use a::A; pub struct Shared;"),
            child
        ])
        .is_empty()
    );
    let used = "mod a; pub use a::A; pub struct Shared(Vec<A>);";
    assert_eq!(found(&[("src/lib.rs", used), child]).len(), 1);
}

#[test]
fn folders_that_import_each_other_through_different_files_are_reported() {
    let circles = found(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "mod one; mod two;"),
        ("src/a/one.rs", "use crate::b::one::One; pub struct Deep;"),
        ("src/a/two.rs", "pub struct Two;"),
        ("src/b.rs", "pub mod one; mod two;"),
        ("src/b/one.rs", "pub struct One;"),
        ("src/b/two.rs", "use crate::a::two::Two;"),
    ]);
    assert_eq!(circles.len(), 1, "{circles:?}");
    assert!(
        circles[0].starts_with("folders that import each other: crate::a, crate::b\n"),
        "{circles:?}"
    );
}

#[test]
fn tests_comments_and_literals_import_nothing() {
    let a = r##"
        use crate::b::B;
        /// Like `crate::b::B`, but \" as "crate::b".
        pub struct A<'a>(&'a str);
        fn a() -> char { let _ = r#"" crate::b::B"#; '"' }
    "##;
    let b = r#"
        pub struct B;
        /* crate::a::A */
        const TEXT: &str = "\" crate::a::A";
        #[cfg(test)]
        mod tests {
            use crate::a::A;
        }
        #[cfg(test)]
        mod more;
        #[cfg(all(test, unix))]
        use crate::a::A;
    "#;
    let files = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", a),
        ("src/b.rs", b),
        ("src/b/more.rs", "use crate::a::A;"),
    ];
    assert!(found(&files).is_empty(), "{:?}", found(&files));
}

#[test]
fn module_written_in_its_parent_belongs_to_the_file_of_its_parent() {
    let circles = found(&[
        ("src/lib.rs", "mod a; mod b;"),
        (
            "src/a.rs",
            "mod inner { use super::super::b::B; pub struct A; }",
        ),
        ("src/b.rs", "use crate::a::inner::A; pub struct B;"),
    ]);
    assert_eq!(circles.len(), 1, "{circles:?}");
}
