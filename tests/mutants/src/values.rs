//! What a function of a given return type could return wrongly.

use syn::{GenericArgument, PathArguments, ReturnType, Type};

/// The expressions to return, as source text; none where no value can be made up.
pub fn of_return(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec!["()".to_owned()],
        ReturnType::Type(_, ty) => of_type(ty, 0),
    }
}

/// Types nested deeper than this get their default only.
const DEPTH_MAX: usize = 3;

fn of_type(ty: &Type, depth: usize) -> Vec<String> {
    if depth > DEPTH_MAX {
        return vec!["Default::default()".to_owned()];
    }
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or_else(Vec::new, |last| of_name(last, depth)),
        Type::Reference(reference) if reference.mutability.is_none() => of_reference(&reference.elem),
        Type::Tuple(tuple) => of_tuple(tuple, depth),
        Type::Paren(inner) => of_type(&inner.elem, depth),
        Type::Array(array) => of_type(&array.elem, depth + 1)
            .into_iter()
            .filter(|value| value.parse::<u64>().is_ok())
            .map(|value| format!("[{value}; _]"))
            .collect(),
        _ => Vec::new(),
    }
}

fn of_name(segment: &syn::PathSegment, depth: usize) -> Vec<String> {
    let inner = || first_argument(segment).map_or_else(Vec::new, |ty| of_type(ty, depth + 1));
    let wrapped = |with: &str| {
        inner()
            .into_iter()
            .map(|value| format!("{with}({value})"))
            .collect::<Vec<_>>()
    };
    let name = segment.ident.to_string();
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    match name.as_str() {
        "bool" => texts(&["true", "false"]),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => texts(&["0", "1"]),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => texts(&["0", "1", "-1"]),
        "f32" | "f64" => texts(&["0.0", "1.0"]),
        "String" => texts(&["String::new()", "\"xyzzy\".to_owned()"]),
        "Option" => {
            let mut values = wrapped("Some");
            values.push("None".to_owned());
            values
        }
        "Result" | "LocalResult" => wrapped("Ok"),
        "Box" | "Arc" | "Rc" => wrapped(&format!("{name}::new")),
        "Vec" => {
            let mut values = texts(&["Vec::new()"]);
            values.extend(inner().into_iter().map(|value| format!("vec![{value}]")));
            values
        }
        "Self" => texts(&["Default::default()"]),
        _ => texts(&["Default::default()"]),
    }
}

fn of_reference(elem: &Type) -> Vec<String> {
    match elem {
        Type::Path(path) if path.path.is_ident("str") => vec!["\"\"".to_owned(), "\"xyzzy\"".to_owned()],
        Type::Slice(_) => vec!["&[]".to_owned()],
        _ => Vec::new(),
    }
}

/// Of each member its first values; not every combination.
fn of_tuple(tuple: &syn::TypeTuple, depth: usize) -> Vec<String> {
    if tuple.elems.is_empty() {
        return vec!["()".to_owned()];
    }
    let members: Vec<Vec<String>> = tuple.elems.iter().map(|ty| of_type(ty, depth + 1)).collect();
    let most = members.iter().map(Vec::len).max().unwrap_or(0);
    (0..most)
        .filter_map(|nth| {
            let values: Option<Vec<&str>> = members
                .iter()
                .map(|values| values.get(nth).or_else(|| values.last()).map(String::as_str))
                .collect();
            values.map(|values| format!("({})", values.join(", ")))
        })
        .collect()
}

fn first_argument(segment: &syn::PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
