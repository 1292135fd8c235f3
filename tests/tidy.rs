//! House style as a test: the direction of the layers, the map of them, what every file begins
//! with, and what no file holds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the core, from the ground up: each may use only those before it.
const LAYERS: [&str; 25] = [
    "error",
    "time",
    "session",
    "query",
    "counted",
    "cursor",
    "format",
    "retention",
    "storage",
    "life",
    "engine",
    "family",
    "names",
    "delta",
    "log",
    "main_index",
    "combined",
    "view",
    "census",
    "held",
    "resolve",
    "snapshot",
    "verify",
    "options",
    "shared",
];

/// The public face: above all layers, below the fronts.
const FACE: &str = "store";

/// What takes the calls of the store elsewhere: the public API, and of what is below it the modules
/// named beside them.
const ENGINES: [(&str, &[&str]); 2] = [
    ("stores", &["error"]),
    (
        "postgres",
        &[
            "census",
            "counted",
            "cursor",
            "error",
            "query",
            "retention",
            "session",
            "stores",
            "time",
            "verify",
        ],
    ),
];

/// Fronts use only what any user of the crate can, and the fronts named beside them.
const FRONTS: [(&str, &[&str]); 7] = [
    ("generate", &[]),
    ("import", &["stores"]),
    ("wire", &["stores"]),
    ("http", &["import", "stores", "wire"]),
    ("ffi", &["import"]),
    (
        "cli",
        &["generate", "http", "import", "postgres", "stores", "wire"],
    ),
    ("fuzzing", &LAYERS),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Every file with this ending below a folder.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !["target", "corpus", "artifacts"].contains(&name) {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let sources = ["src", "tests", "benches", "fuzz"];
    let paths = sources.iter().flat_map(|folder| files(folder, ".rs"));
    paths.map(|path| (path.clone(), read(path))).collect()
}

/// The top-level module that a file below `src` belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str();
    first.to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The names directly below the crate that a text uses: in `crate::name` and `use crate::{…}`.
fn used(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.map(|line| line.to_owned() + "\n").collect();
    let uses = code.split("crate::").skip(1);
    uses.flat_map(|rest| match rest.strip_prefix('{') {
        Some(braced) => first_names(braced),
        None => vec![word(rest)],
    })
    .collect()
}

fn word(text: &str) -> String {
    let part = |c: &char| c.is_alphanumeric() || *c == '_';
    text.trim_start().chars().take_while(part).collect()
}

/// The first name of each path in braces, nested ones left out.
fn first_names(braced: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![word(braced)];
    for (at, character) in braced.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(&braced[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn uses_are_found_in_every_form() {
    let text =
        "use crate::a::B;\nuse crate::{\n    c::{D, E},\n    f, G,\n};\nlet x = crate::h::i();";
    assert_eq!(used(text), ["a", "c", "f", "G", "h"]);
}

/// What a module may use besides itself; `None` for an unknown module.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    if let Some(layer) = LAYERS.iter().position(|layer| *layer == module) {
        return Some(LAYERS[..layer].to_vec());
    }
    if module == FACE {
        return Some(LAYERS.to_vec());
    }
    let mut above = ENGINES.iter().chain(&FRONTS);
    let found = above.find(|(name, _)| *name == module);
    found.map(|(_, beside)| beside.to_vec())
}

#[test]
fn the_layers_use_only_what_lies_below_them() {
    for path in files("src", ".rs") {
        let module = module_of(&path);
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let allowed = allowed(&module).unwrap_or_else(|| panic!("{module} is in no layer"));
        let text = read(&path);
        let mut above = ENGINES.iter().chain(&FRONTS);
        let is_above = above.any(|(name, _)| *name == module);
        for name in used(&text) {
            // Re-exports at the root are the public API: for what is above it, and for that alone.
            let is_public = is_above && name.starts_with(|c: char| c.is_uppercase());
            let fine = is_public || name == module || allowed.contains(&name.as_str());
            assert!(fine, "{} may not use crate::{name}", path.display());
        }
        assert!(
            !text.contains("super::super"),
            "{}: name it from the crate",
            path.display()
        );
    }
}

#[test]
fn the_layers_are_those_that_exist() {
    let lib = read("src/lib.rs");
    let known = LAYERS.iter().chain([&FACE]);
    let above = ENGINES.iter().chain(&FRONTS);
    for module in known.chain(above.map(|(name, _)| name)) {
        assert!(
            lib.contains(&format!("mod {module};")),
            "no module {module}"
        );
    }
    let modules = lib
        .lines()
        .filter(|line| line.ends_with(';') && line.contains("mod "));
    let above = ENGINES.len() + FRONTS.len();
    assert_eq!(modules.count(), LAYERS.len() + 1 + above);
}

#[test]
fn the_module_map_of_the_readme_is_what_the_code_is() {
    let readme = read("README.md");
    let map = readme.split("## Module map").nth(1).unwrap();
    let map = map.split("```").nth(1).unwrap();
    let named: Vec<&str> = map
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.contains('.') || name.ends_with('/'))
        .collect();
    let mut exist: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            match entry.path().is_dir() {
                true => name + "/",
                false => name,
            }
        })
        .collect();
    // A module in several files is named once, by its folder or by its file.
    let whole = exist.clone();
    exist.retain(|name| {
        let folder = name.replace(".rs", "/");
        folder == *name || !whole.contains(&folder)
    });
    let mut sorted = named.clone();
    sorted.sort_unstable();
    exist.sort_unstable();
    assert_eq!(sorted, exist);
}

#[test]
fn the_readme_names_this_version_and_this_toolchain() {
    let readme = read("README.md");
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        readme.contains(&format!("### {version}")),
        "no changes of {version}"
    );
    assert!(!readme.contains("FIGURES"), "the figures are missing");
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert!(
        readme.contains(&format!("Rust {rust}")),
        "Rust {rust} is not named"
    );
}

#[test]
fn every_file_says_what_it_is_in_its_first_line() {
    for (path, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "{} has no first line",
            path.display()
        );
    }
}

#[test]
fn no_file_of_the_library_is_too_long_to_be_about_one_thing() {
    for path in files("src", ".rs") {
        let lines = read(&path).lines().count();
        assert!(lines <= 450, "{} has {lines} lines", path.display());
    }
}

#[test]
fn nothing_is_left_undone_and_no_test_is_switched_off() {
    let words = [
        "TODO",
        "FIXME",
        "XXX",
        "todo!(",
        "unimplemented!(",
        "#[ignore",
    ];
    for (path, text) in sources() {
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        for word in words {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
    }
}
