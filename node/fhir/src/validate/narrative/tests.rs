//! What narrative may hold, and that nothing in it runs however it is written.

use super::*;

#[test]
fn narrative_is_plain_and_closed() {
    assert!(ELEMENTS.is_sorted());
    for good in [
        "<div>x</div>",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; b<br/>c</p><!-- d --></div>",
        " <div class='a > b'><a href=\"https://x?y=1#z\">x</a><img src=\"data:image/png;base64,AA\" alt=\"\"/></div> ",
        "<div/>",
        "<div><a href=\"#top\" name=\"x\">x</a><a href=\"Patient/1?a=b:c\">y</a></div>",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for bad in [
        "x",
        "<p>x</p>",
        "<div>x",
        "<div><p>x</div></p>",
        "<div>x</div>y",
        "<div>x</div><div>y</div>",
        "<div><script>alert(1)</script></div>",
        "<div><DIV>x</DIV></div>",
        "<div onclick=\"x()\">x</div>",
        "<div><a href=\" javascript:x()\">x</a></div>",
        "<div><a href=\"java&#115;cript:x()\">x</a></div>",
        "<div><a href=\"data:text/html,x\">x</a></div>",
        "<div><iframe src=\"http://x\"/></div>",
        "<div a=b>x</div>",
        "<div a>x</div>",
        "<div><!-- x</div>",
        "<div><![CDATA[x]]></div>",
        "<div><?php x ?></div>",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    let nested = |levels: usize| format!("{}{}", "<div>".repeat(levels), "</div>".repeat(levels));
    assert_eq!(check(&nested(DEPTH_MAX)), Ok(()));
    assert!(check(&nested(DEPTH_MAX + 1)).is_err());
}

/// What a browser calls when something happens, and one that it may learn to.
const HANDLERS: [&str; 28] = [
    "onabort",
    "onafterprint",
    "onanimationstart",
    "onbeforeunload",
    "onblur",
    "onchange",
    "onclick",
    "oncontextmenu",
    "oncopy",
    "ondblclick",
    "ondragstart",
    "onerror",
    "onfocus",
    "onfocusin",
    "onhashchange",
    "oninput",
    "onkeydown",
    "onload",
    "onmousemove",
    "onmouseover",
    "onpaste",
    "onpointerenter",
    "onresize",
    "onscroll",
    "ontoggle",
    "ontransitionend",
    "onwheel",
    "onx",
];

#[test]
fn no_attribute_runs_when_something_happens_however_it_is_written() {
    let others = ["formaction", "srcdoc", "action", "background"];
    for name in HANDLERS.into_iter().chain(others) {
        let capital = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        for name in [name.to_owned(), name.to_uppercase(), capital] {
            for attribute in [
                format!(" {name}=\"x()\""),
                format!(" {name}='x()'"),
                format!("\n{name} =\t\"x()\""),
                format!(" class=\"c\" {name}=\"x()\""),
                format!(" class=\"c\"{name}=\"x()\""),
                format!(" class=\"c\"/{name}=\"x()\""),
                format!(" /{name}=\"x()\""),
                format!(" {name}=x()"),
                format!(" {name}"),
            ] {
                for bad in [
                    format!("<div{attribute}>x</div>"),
                    format!("<div><p><b{attribute}>x</b></p></div>"),
                    format!("<div><img{attribute}/></div>"),
                ] {
                    assert!(check(&bad).is_err(), "{bad}");
                }
            }
        }
    }
    // Names that only look so, and those that a report is laid out with.
    for name in [
        "class", "id", "style", "title", "lang", "xml:lang", "xmlns", "dir", "alt", "width", "colspan",
        "name", "data-on", "conx", "summary", "scope", "headers",
    ] {
        let good = format!("<div {name}=\"onclick=x()\"><img {name} = 'x'/></div>");
        assert_eq!(check(&good), Ok(()), "{good}");
    }
}

#[test]
fn no_link_runs_however_its_scheme_is_hidden() {
    let attributes = ["href", "src", "xlink:href", "cite", "longdesc", "HREF", "Src"];
    let with = |attribute: &str, link: &str| check(&format!("<div><a {attribute}=\"{link}\">x</a></div>"));
    for attribute in attributes {
        for link in [
            "javascript:x()",
            "JavaScript:x()",
            " \tjavascript:x()",
            "java\tscript:x()",
            "java\nscript:x()",
            "\u{1}javascript:x()",
            "&#106;avascript:x()",
            "&#x6A;avascript:x()",
            "javascript&colon;x()",
            "javascript&#58;x()",
            "&Tab;javascript:x()",
            "javascript:/x()",
            "vbscript:x",
            "data:text/html,x",
            "data:text/html;base64,x",
            "data:text/html,data:image/png",
            "DATA:application/xhtml+xml,x",
            "blob:x",
            "file:///etc/passwd",
            "about:blank",
            "view-source:x",
            "jar:http://x!/y",
            "feed:javascript:x",
            "x:y",
        ] {
            assert!(with(attribute, link).is_err(), "{attribute}={link}");
        }
        for link in [
            "",
            "#top",
            "x",
            "Patient/1",
            "/a/b:c",
            "?a=javascript:b",
            "http://x",
            "HTTPS://x/?a=b&amp;c=d:e",
            "mailto:a@example.org",
            "tel:+51-1",
            "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
            "cid:x",
            "ftp://x",
            "data:image/png;base64,AA==",
            " DATA:IMAGE/GIF;base64,AA==",
        ] {
            assert_eq!(with(attribute, link), Ok(()), "{attribute}={link}");
        }
    }
}

#[test]
fn of_elements_those_that_fhir_names_pass_and_no_others() {
    for name in ELEMENTS {
        let good = format!("<div><{name}>x</{name}><{name}/><{name} id=\"a\" /></div>");
        assert_eq!(check(&good), Ok(()), "{good}");
    }
    for name in [
        "applet",
        "audio",
        "base",
        "body",
        "button",
        "embed",
        "form",
        "frame",
        "frameset",
        "head",
        "html",
        "iframe",
        "input",
        "link",
        "marquee",
        "math",
        "meta",
        "noscript",
        "object",
        "option",
        "select",
        "script",
        "source",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "video",
        "xml",
        "Script",
        "SCRIPT",
        "P",
        "x",
        "svg:script",
        "script/x",
        "p/script",
        "",
        " script",
        "!DOCTYPE",
        "?xml",
    ] {
        for bad in [
            format!("<div><{name}>x</{name}></div>"),
            format!("<div><{name}/></div>"),
            format!("<div><p><{name} id=\"a\">x</{name}></p></div>"),
            format!("<{name}>x</{name}>"),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }
}

/// Written so that a scanner reads past what a browser takes for the end.
#[test]
fn what_a_browser_would_read_otherwise_is_refused() {
    for bad in [
        "<div><a \"><script>x()</script>\"=\"1\">y</a></div>",
        "<div><a '><script>x()</script>'='1'>y</a></div>",
        "<div><a x\"y=\"1\">z</a></div>",
        "<div><a x<y=\"1\">z</a></div>",
        "<div><a x>y=\"1\">z</a></div>",
        "<div><a =\"1\">z</a></div>",
        "<div><a x y=\"1\">z</a></div>",
        "<div><a x/y=\"1\">z</a></div>",
        "<div><a é=\"1\">z</a></div>",
        "<div><a x=\"1>z</a></div>",
        "<div><a x=`1`>z</a></div>",
        "<div><!--><script>x()</script>--></div>",
        "<div><!---><script>x()</script>--></div>",
        "<div><!-- a --!><script>x()</script>--></div>",
        "<div><!-- a -- b --></div>",
        "<div>x</div><!-- a -- b -->",
        "<div><!- a --></div>",
        "<div><b>x</b x=\"1\"></div>",
        "<div></ div>",
        "<div",
        "<divx>x</divx>",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    for good in [
        "<div><!----></div>",
        "<div><!-- a - b > c <script> \" --></div>",
        "<div>x</div><!-- a -->",
        "<div><b\n>x</b\n></div>",
        "<div\t><a x = \"a>b\">x</a></div>",
        "<div/>",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
}
