//! Generates the bindings of the library for one language: `sessionlog-bindgen kotlin LIBRARY FOLDER`.
//!
//! UniFFI does that. What it leaves to its users is done here: bindings refuse a library that was not made
//! of the same sources as soon as they are loaded.

use clap::{Parser, ValueEnum};
use sessionlog::ffi::FINGERPRINT;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use uniffi::deps::anyhow::{self, Context, ensure};
use uniffi::{GenerateOptions, TargetLanguage};

/// Generates the bindings of the sessionlog library for one language.
#[derive(Debug, Parser)]
struct Arguments {
    /// The language.
    language: Language,
    /// The library, built with the feature `uniffi` and not stripped of its symbols yet.
    library: String,
    /// The folder that the bindings go to.
    folder: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Kotlin,
    Python,
    Swift,
}

/// The settings of every language.
const SETTINGS: &str = include_str!("uniffi.toml");

const MISMATCH: &str = "these bindings and the sessionlog library were not made of the same sources: build and generate both anew";

fn main() -> anyhow::Result<()> {
    let Arguments {
        language,
        library,
        folder,
    } = Arguments::parse();
    let mut settings = tempfile::Builder::new().suffix(".toml").tempfile()?;
    settings.write_all(SETTINGS.as_bytes())?;
    settings.flush()?;
    let settings = settings
        .path()
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    uniffi::generate(GenerateOptions {
        languages: vec![language.target()],
        source: library.as_str().into(),
        out_dir: folder.as_str().into(),
        format: false,
        config_override: Some(settings.into()),
        crate_filter: None,
        metadata_no_deps: true,
    })?;
    language.have_checked(Path::new(&folder))
}

impl Language {
    fn target(self) -> TargetLanguage {
        match self {
            Self::Kotlin => TargetLanguage::Kotlin,
            Self::Python => TargetLanguage::Python,
            Self::Swift => TargetLanguage::Swift,
        }
    }

    /// Lets the bindings compare themselves with the library. Those of Swift compare the functions by
    /// themselves, and are linked with it.
    fn have_checked(self, folder: &Path) -> anyhow::Result<()> {
        match self {
            Self::Kotlin => edit(&folder.join("sessionlog/sessionlog.kt"), |text| {
                let register = "        Native.register(UniffiLib::class.java, findLibraryName(componentName = \"sessionlog\"))\n";
                // The language has no unsigned number here.
                let fingerprint = FINGERPRINT.cast_signed();
                let checks = format!(
                    "        IntegrityCheckingUniffiLib.ensureInitialized()\n        \
                     if (uniffiRustCall {{ uniffi_sessionlog_fn_func_interface_fingerprint(it) }} != {fingerprint}L) {{\n            \
                     throw RuntimeException(\"{MISMATCH}\")\n        }}\n"
                );
                let text = replaced(text, register, &format!("{register}{checks}"))?;
                Ok(text + &of_any_kind())
            }),
            Self::Python => edit(&folder.join("sessionlog.py"), |text| {
                let check = "_uniffi_check_api_checksums(_UniffiLib)\n";
                let text = replaced(text, &format!("# {check}"), check)?;
                Ok(format!(
                    "{text}\n\nif interface_fingerprint() != {FINGERPRINT}:\n    raise InternalError(\"{MISMATCH}\")\n{PYTHONIC}"
                ))
            }),
            Self::Swift => Ok(()),
        }
    }
}

/// What Python expects of a record, an error and what is to be closed.
const PYTHONIC: &str = r#"

for _type in [_type for _type in globals().values() if isinstance(_type, type)]:
    if "__dataclass_fields__" in vars(_type):
        _type.__repr__ = _type.__str__
for _type in vars(SessionLogError).values():
    if isinstance(_type, type):
        _type.__str__ = lambda error: error.detail
Store.__enter__ = lambda store: store
Store.__exit__ = lambda store, *_: store.close()
"#;

/// What every kind of error has is not to be asked of each by itself.
fn of_any_kind() -> String {
    let kinds = [
        "InvalidInput",
        "NotFound",
        "Conflict",
        "AlreadyEnded",
        "AlreadyOpen",
        "NotAStore",
        "UnsupportedFormat",
        "Corrupted",
        "Unavailable",
        "Expired",
        "Suspended",
        "Closed",
    ];
    let property = |name: &str, kind: &str, text: &str| {
        let cases = kinds.map(|case| format!("    is SessionLogException.{case} -> this.{name}\n"));
        let cases = cases.concat();
        format!(
            "\n/** {text} */\nval SessionLogException.{name}: {kind} get() = when (this) {{\n{cases}}}\n"
        )
    };
    property(
        "member",
        "String?",
        "The member of the record or query at fault, if there is one.",
    ) + &property("detail", "String", "A message for people, with the causes.")
}

fn edit(path: &Path, change: impl FnOnce(&str) -> anyhow::Result<String>) -> anyhow::Result<()> {
    let named = |error: io::Error| anyhow::Error::from(error).context(path.display().to_string());
    let changed = change(&fs::read_to_string(path).map_err(named)?)?;
    fs::write(path, changed).map_err(named)
}

/// The text with another in the one place where this is.
fn replaced(text: &str, this: &str, other: &str) -> anyhow::Result<String> {
    let count = text.matches(this).count();
    ensure!(
        count == 1,
        "{this:?} is in the generated text {count} times, and not once"
    );
    Ok(text.replacen(this, other, 1))
}
