//! The syntax of XML: what is well-formed reads, and what is not never loses a filter.

use super::xml::{MESSAGES, document, read};
use sessionlog::wire::{Format, UserClientSessionLogRequest as Request};

#[test]
fn malformed_xml_never_loses_a_filter() {
    for members in [
        "<ClientReferUid>a",
        "<ClientReferUid>a</ClientReferUid",
        "<ClientReferUid>a</clientReferUid>",
        "<ClientReferUid\"x\">a</ClientReferUid\"x\">",
        "<x:ClientReferUid>a</x:ClientReferUid>",
        "<ClientReferUid a=\"1\" a=\"2\">a</ClientReferUid>",
        "<ClientReferUid a=1>a</ClientReferUid>",
        "<ClientReferUid a=\"<\">a</ClientReferUid>",
        "<ClientReferUid a=\"1\"b=\"2\">a</ClientReferUid>",
        "<ClientReferUid xmlns:x=\"\">a</ClientReferUid>",
        "<ClientReferUid\u{a0}>a</ClientReferUid\u{a0}>",
        "<Client\u{200b}ReferUid>a</Client\u{200b}ReferUid>",
        "<ClientReferUid\u{fffe}>a</ClientReferUid\u{fffe}>",
        "<b:ClientReferUid:b>a</b:ClientReferUid:b>",
        "<b:1ClientReferUid>a</b:1ClientReferUid>",
        "<ClientReferUid x:a=\"1\">a</ClientReferUid>",
        "<ClientReferUid i:nil=\"maybe\"/>",
        "<ClientReferUid xmlns:j=\"http://www.w3.org/2001/XMLSchema-instance\" \
         i:nil=\"false\" j:nil=\"true\"/>",
        "<ClientReferUid>&nope;</ClientReferUid>",
        "<ClientReferUid>&#0;</ClientReferUid>",
        "<ClientReferUid>&#xFFFE;</ClientReferUid>",
        "<ClientReferUid>&#xD800;</ClientReferUid>",
        "<ClientReferUid>a&b</ClientReferUid>",
        "<ClientReferUid>\u{1}</ClientReferUid>",
        "<ClientReferUid>]]></ClientReferUid>",
        "<ClientReferUid>a</ClientReferUid><!-- a -- b -->",
        "<ClientReferUid>a</ClientReferUid><?pi?>",
        "<ClientReferUid>a</ClientReferUid>text",
    ] {
        let refused = read(members);
        assert!(refused.is_err(), "{members}: {refused:?}");
    }
    let whole = document("<ClientReferUid>a</ClientReferUid>");
    for bytes in [
        format!("{whole}junk"),
        format!("{whole}{whole}"),
        format!("{whole}<!DOCTYPE a>"),
        format!("<!DOCTYPE a>{whole}"),
        format!("junk{whole}"),
        format!("&amp;{whole}"),
        format!("<?xml version=\"1.1\"?>{whole}"),
        format!("<?xml version=\"1.0\" enoding=\"iso-8859-1\"?>{whole}"),
        format!("<?xml encoding=\"utf-8\"?>{whole}"),
        format!("<?xml version=\"1.0\"encoding=\"utf-8\"?>{whole}"),
        format!("<?xml version=\"1.0\" standalone=\"maybe\"?>{whole}"),
        format!("\u{feff}\u{feff}{whole}"),
        format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>{whole}"),
        format!("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>{whole}"),
        format!("<?xml version=\"1.0\" encoding=\"us-ascii\"?>{whole}"),
        format!(" <?xml version=\"1.0\"?>{whole}"),
        format!("<?xml version=\"1.0\"?><?xml version=\"1.0\"?>{whole}"),
        whole.replace(
            "UserClientSessionLogRequest",
            "UserClientSessionLogResponse",
        ),
        whole.replace(MESSAGES, "urn:x"),
        "hello".to_owned(),
        "<".to_owned(),
    ] {
        let refused = Request::read(Format::Xml, bytes.as_bytes());
        assert!(refused.is_err(), "{bytes}: {refused:?}");
    }
}

#[test]
fn xml_is_nested_32_deep_at_most_and_costs_no_stack() {
    let nested = |depth: usize| {
        let members = "<x>".repeat(depth) + &"</x>".repeat(depth);
        read(&members)
    };
    assert_eq!(nested(31).unwrap(), Request::default());
    assert!(
        nested(32)
            .unwrap_err()
            .to_string()
            .contains("more than 32 deep")
    );
    assert!(nested(200_000).is_err());
}

#[test]
fn line_ends_are_those_of_xml_and_a_referenced_cr_is_kept() {
    let client = |text: &str| {
        let request = read(&format!("<ClientReferUid>{text}</ClientReferUid>")).unwrap();
        request.client_refer_uid.unwrap()
    };
    assert_eq!(client("a\r\nb\rc\nd"), "a\nb\nc\nd");
    assert_eq!(client("a&#xD;\nb&#13;"), "a\r\nb\r");
    assert_eq!(client("  a\t "), "  a\t ");
    assert_eq!(client("<![CDATA[<a>&]]]]><![CDATA[>]]>"), "<a>&]]>");
    assert_eq!(
        client("a<!-- x -->b&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;"),
        "ab<>&\"'A😀"
    );
}

#[test]
fn utf_16_reads_with_and_without_its_mark() {
    let text = document("<ClientReferUid>é日😀</ClientReferUid>");
    for declared in ["", "<?xml version=\"1.0\" encoding=\"utf-16\"?>"] {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{declared}{text}");
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for bytes in [little, big] {
                let request = Request::read(Format::Xml, &bytes).unwrap();
                assert_eq!(request.client_refer_uid.as_deref(), Some("é日😀"));
                assert!(Request::read(Format::Xml, &bytes[..bytes.len() - 1]).is_err());
            }
        }
    }
}

#[test]
fn a_namespace_is_what_its_declaration_says_and_not_how_it_is_spelled() {
    let spelled = MESSAGES.replace("Message", "&#77;essage");
    let member = format!("<m:ClientReferUid xmlns:m=\"{spelled}\">a</m:ClientReferUid>");
    let request = read(&member).unwrap();
    assert_eq!(request.client_refer_uid.as_deref(), Some("a"));
    // A declaration ends with its element, and an inner one wins.
    let request = read(
        "<x xmlns=\"urn:x\"><ClientReferUid>x</ClientReferUid></x><ClientReferUid>a</ClientReferUid>",
    );
    assert_eq!(request.unwrap().client_refer_uid.as_deref(), Some("a"));
    let elsewhere = read("<ClientReferUid xmlns=\"urn:x\" i:nil=\"true\"/>");
    assert_eq!(elsewhere.unwrap(), Request::default());
    assert!(read("<x xmlns:p=\"urn:p\"/><p:ClientReferUid>a</p:ClientReferUid>").is_err());
}

/// One long name, used by many short tags, must not be copied for each.
#[test]
fn a_namespace_has_a_name_of_256_bytes_at_most() {
    let named = |bytes: usize| {
        let name = format!("urn:{}", "x".repeat(bytes - 4));
        read(&format!("<x xmlns:q=\"{name}\"><q:a/></x>"))
    };
    assert_eq!(named(256).unwrap(), Request::default());
    let error = named(257).unwrap_err().to_string();
    assert!(
        error.contains("namespace of more than 256 bytes"),
        "{error}"
    );
    assert!(read(&format!("<x xmlns=\"{}\"/>", "x".repeat(257))).is_err());
}

#[test]
fn a_declaration_that_contradicts_the_bytes_is_refused() {
    let declared = |name: &str| {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"{name}\"?>{}",
            document("")
        );
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let is_read = |bytes: &[u8]| Request::read(Format::Xml, bytes).is_ok();
        [text.as_bytes(), &little, &big].map(is_read)
    };
    assert_eq!(declared("UTF-8"), [true, false, false]);
    assert_eq!(declared("utf-16"), [false, true, true]);
    assert_eq!(declared("UTF-16LE"), [false, true, false]);
    assert_eq!(declared("utf-16be"), [false, false, true]);
}
