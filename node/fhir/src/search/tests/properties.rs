//! Nothing written in a query panics.

use super::*;

proptest::proptest! {
    #[test]
    fn no_query_panics(code in "[a-z:._-]{0,24}", value in "\\PC{0,40}", at in 0usize..200) {
        let record = pressure();
        let values = extract(&record);
        let known = params("Observation");
        let name = known.get(at).map_or(code.as_str(), |param| param.code);
        for name in [name.to_owned(), format!("{name}:{code}"), code.clone()] {
            if let Ok(query) = parse("Observation", &[(name, value.clone())], &Options::default()) {
                query.matches(&values);
                query.sort_keys(&values);
            }
        }
    }

    #[test]
    fn no_date_number_or_text_panics(text in "\\PC{0,40}", number in "-?[0-9]{1,45}(\\.[0-9]{1,45})?([eE][+-]?[0-9]{1,4})?") {
        date_range(&text);
        Decimal::parse_with_range(&text);
        Decimal::parse_with_range(&number);
        proptest::prop_assert_eq!(fold(&fold(&text)), fold(&text));
    }

    #[test]
    fn decimals_order_as_numbers_do(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000, p in 0u32..6, q in 0u32..6) {
        let decimal = |n: i64, places: u32| {
            let sign = if n < 0 { "-" } else { "" };
            let (whole, part) = (n.abs() / 10i64.pow(places), n.abs() % 10i64.pow(places));
            let text = if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:0width$}", width = places as usize) };
            Decimal::parse(&text).unwrap()
        };
        let scaled = |n: i64, places: u32| n * 10i64.pow(6 - places);
        proptest::prop_assert_eq!(decimal(a, p).cmp(&decimal(b, q)), scaled(a, p).cmp(&scaled(b, q)));
    }
}
