//! Scalars from their text (wire contract, section 5): a text that does not read is an error,
//! never a default.

use super::error::{Result, WireError};
use super::node::Spelling;
use uuid::Uuid;

/// Without the white space of XML around it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// A text that begins with a quote, up to the quote that ends it, and what is behind. A quote
/// inside is doubled. `None` if it does not end.
pub(super) fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut at = 1;
    loop {
        let quote = at + text.get(at..)?.find('"')?;
        match text.get(quote + 1..)?.starts_with('"') {
            true => at = quote + 2,
            false => return text.split_at_checked(quote + 1),
        }
    }
}

/// `true`, `false`, `1` or `0`.
pub(super) fn boolean(text: &str, spelling: Spelling) -> Result<bool> {
    let is = |word: &str| match spelling {
        Spelling::Strict => text == word,
        Spelling::Lenient => text.eq_ignore_ascii_case(word),
    };
    if is("true") || text == "1" {
        Ok(true)
    } else if is("false") || text == "0" {
        Ok(false)
    } else {
        Err(WireError::value(text, "is not true, false, 1 or 0"))
    }
}

/// Decimal digits with an optional sign and leading zeros.
pub(super) fn int32(text: &str) -> Result<i32> {
    text.parse().map_err(|_| {
        let range = "is not a whole number from -2147483648 to 2147483647";
        WireError::value(text, range)
    })
}

/// 32 hexadecimal digits, or 8-4-4-4-12 of them, bare, in braces or in parentheses; any case.
pub(super) fn guid(text: &str) -> Result<Uuid> {
    let enclosed = strip(text, '{', '}').or_else(|| strip(text, '(', ')'));
    let (digits, lengths): (&str, &[usize]) = match enclosed {
        Some(inner) => (inner, &[36]),
        None => (text, &[32, 36]),
    };
    lengths
        .contains(&digits.len())
        .then(|| Uuid::try_parse(digits).ok())
        .flatten()
        .ok_or_else(|| WireError::value(text, "is not a guid"))
}

fn strip(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_one_value_in_every_form() {
        let id = Uuid::from_u128(0x3cd53ad8_54d3_4f4a_b116_1f09957af330);
        for text in [
            "3cd53ad8-54d3-4f4a-b116-1f09957af330",
            "3CD53AD8-54D3-4F4A-B116-1F09957AF330",
            "{3cd53ad8-54d3-4f4a-b116-1f09957af330}",
            "(3cd53ad8-54d3-4f4a-b116-1f09957af330)",
            "3cd53ad854d34f4ab1161f09957af330",
        ] {
            assert_eq!(guid(text).unwrap(), id, "{text}");
        }
    }

    #[test]
    fn what_is_almost_a_guid_is_none() {
        for text in [
            "0",
            "bogus",
            "3cd53ad8-54d3-4f4a-b116-1f09957af33",
            "3cd53ad8-54d3-4f4a-b116-1f09957af3300",
            "urn:uuid:3cd53ad8-54d3-4f4a-b116-1f09957af330",
            "{3cd53ad8-54d3-4f4a-b116-1f09957af330)",
            "{3cd53ad854d34f4ab1161f09957af330}",
            "{0x3cd53ad8,0x54d3,0x4f4a,{0xb1,0x16,0x1f,0x09,0x95,0x7a,0xf3,0x30}}",
            "éééééééééééééééé",
        ] {
            let error = guid(text).unwrap_err().to_string();
            assert!(error.contains("is not a guid"), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_have_a_sign_and_leading_zeros_and_nothing_else() {
        for (text, number) in [
            ("5", 5),
            ("+5", 5),
            ("-5", -5),
            ("005", 5),
            ("2147483647", i32::MAX),
            ("-2147483648", i32::MIN),
        ] {
            assert_eq!(int32(text).unwrap(), number);
        }
        for text in ["2147483648", "1.0", "1e1", "0x10", "1,000", "--5", "٥"] {
            assert!(int32(text).is_err(), "{text}");
        }
    }

    #[test]
    fn truth_has_any_case_but_in_xml() {
        assert!(boolean("TRUE", Spelling::Lenient).unwrap());
        assert!(!boolean("False", Spelling::Lenient).unwrap());
        assert!(boolean("True", Spelling::Strict).is_err());
        for spelling in [Spelling::Lenient, Spelling::Strict] {
            assert!(boolean("true", spelling).unwrap());
            assert!(boolean("1", spelling).unwrap());
            assert!(!boolean("0", spelling).unwrap());
            for text in ["yes", "on", "t", "y", "2", "-1"] {
                assert!(boolean(text, spelling).is_err(), "{text}");
            }
        }
    }
}
