use chaski_crdt::authority::NodeRole;

use super::*;

fn ticket() -> (Ticket, String) {
    let ticket = Ticket {
        secret: [7; 16],
        issuer: [8; 16],
        network: [9; 8],
        expires_s: 1_800_000_000,
        role: NodeRole::Clinic,
        addresses: vec!["192.0.2.7:8031".to_owned()],
    };
    let text = format!("{PREFIX}-{}", ticket.to_text().unwrap());
    (ticket, text)
}

#[test]
fn what_is_wrapped_around_a_ticket_is_left_out() {
    let (ticket, text) = ticket();
    let (half, rest) = text.split_at(text.len() / 2);
    let spaced = text.replace('-', " ");
    let without = text.replace('-', "");
    let bare = text.strip_prefix("chaski1-").unwrap();
    let pasted = [
        text.clone(),
        text.to_lowercase(),
        text.to_uppercase(),
        bare.to_owned(),
        bare.replace('-', ""),
        format!("'{text}'"),
        format!("\"{text}\""),
        format!("“{text}”"),
        format!("„{text}“"),
        format!("«{text}»"),
        format!("»{text}«"),
        format!("`{text}`"),
        format!("```\n{text}\n```"),
        format!("**{text}**"),
        format!("<{text}>"),
        format!("({text})."),
        format!("\u{feff}{text}\r\n"),
        format!("\u{200b}{half}\u{200b}{rest}\u{200e}"),
        format!("{half}\u{ad}{rest}"),
        format!("\u{2068}{text}\u{2069}"),
        text.replace('-', "–"),
        text.replace('-', "—"),
        text.replace('-', "\u{2011}"),
        text.replace('-', "\u{2212}"),
        format!("{text}."),
        format!("{text},"),
        format!("> {text}"),
        format!(">> {half}\n>> {rest}"),
        format!("| {half}\n| {rest}"),
        format!("Ticket: {text}"),
        format!("El billete es: {text}."),
        format!("{{\"ticket\":\"{text}\",\"expires\":\"2027-01-15T08:00:00Z\",\"addresses\":[]}}\n"),
        format!("Ticket \"{text}\" is good for one node until tomorrow."),
        spaced,
        without,
    ];
    for pasted in pasted {
        assert_eq!(ticket_parse(&pasted), Ok(ticket.clone()), "{pasted:?}");
    }
}

#[test]
fn the_checksum_stays_the_judge_and_what_is_no_ticket_is_none() {
    let (_, text) = ticket();
    let cut = &text[..text.len() - 14];
    let other = match text.ends_with('0') {
        true => "1",
        false => "0",
    };
    let mistyped = format!("\"{}{other}\"", &text[..text.len() - 1]);
    for (pasted, error) in [
        (String::new(), TicketError::Empty),
        ("\"\"".to_owned(), TicketError::Empty),
        ("> \u{feff}".to_owned(), TicketError::Empty),
        (format!("'{cut}'"), TicketError::Truncated),
        (text.replacen('-', "-U", 1), TicketError::Character('U')),
        (format!("{text} {text}"), TicketError::TooLong),
    ] {
        let refused = ticket_parse(&pasted).unwrap_err();
        let is_expected = refused == error || pasted.matches("chaski1").count() > 1;
        assert!(is_expected, "{pasted:?}: {refused:?}");
    }
    assert!(
        matches!(ticket_parse(&mistyped), Err(TicketError::Group(_))),
        "{mistyped}"
    );
    // What stands within a group and is no wrapping is told.
    let (half, rest) = text.split_at(text.len() / 2);
    for (character, shown) in [
        ('€', "'€'"),
        ('\u{3164}', "U+3164"),
        ('\u{7}', "U+0007"),
        ('"', "'\"'"),
    ] {
        let refused = ticket_parse(&format!("{half}{character}{rest}"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains(shown), "{refused}");
    }
}
