//! Names of several cultures, drawn part by part: whoever results exists by
//! chance alone.

use super::random::Random;
use chaski_json::{Json, json};

pub(super) struct Culture {
    female: &'static [&'static str],
    male: &'static [&'static str],
    family: &'static [&'static str],
    /// Latin spellings, where the names are written in another script.
    latin: Option<Latin>,
    /// Two family names, father's and mother's.
    two_families: bool,
    pub(super) language: (&'static str, &'static str),
}

struct Latin {
    female: &'static [&'static str],
    male: &'static [&'static str],
    family: &'static [&'static str],
}

const ANDEAN: Culture = Culture {
    female: &[
        "Sisa", "Nayra", "Killa", "Urpi", "Wayra", "Illari", "Chaska", "Rosaura", "Yolanda", "Nélida",
        "Justina", "Maruja", "Saywa", "Sulata", "Dominga", "Eulalia",
    ],
    male: &[
        "Amaru",
        "Wari",
        "Inti",
        "Sayri",
        "Illapa",
        "Kusi",
        "Mayta",
        "Fortunato",
        "Nilo",
        "Teodoro",
        "Zenón",
        "Hilario",
        "Rumi",
        "Apolinar",
        "Severino",
        "Wilber",
    ],
    family: &[
        "Quispe",
        "Mamani",
        "Condori",
        "Huamán",
        "Choque",
        "Ccori",
        "Yupanqui",
        "Apaza",
        "Ticona",
        "Callisaya",
        "Huanca",
        "Cusihuamán",
        "Puma",
        "Sinchi",
        "Llanos",
        "Paucar",
        "Chuquimia",
        "Ñahui",
        "Tupa",
        "Anccasi",
    ],
    latin: None,
    two_families: true,
    language: ("qu", "Quechua"),
};

const SPANISH: Culture = Culture {
    female: &[
        "María José",
        "Luz Marina",
        "Carmen",
        "Pilar",
        "Beatriz",
        "Inés",
        "Adriana",
        "Rocío",
        "Consuelo",
        "Marisol",
        "Graciela",
        "Noemí",
    ],
    male: &[
        "José Luis",
        "Andrés",
        "Rubén",
        "Óscar",
        "Julián",
        "Ramiro",
        "Víctor",
        "Edgardo",
        "Simón",
        "Tomás",
        "Gonzalo",
        "Efraín",
    ],
    family: &[
        "Rojas",
        "Peña",
        "Salazar",
        "Cárdenas",
        "Vargas",
        "Zevallos",
        "Ibáñez",
        "Ocampo",
        "Núñez",
        "Lozano",
        "Benavides",
        "Céspedes",
        "Arias",
        "Montoya",
        "Valdivia",
        "Figueroa",
    ],
    latin: None,
    two_families: true,
    language: ("es", "Spanish"),
};

const ARABIC: Culture = Culture {
    female: &["ليلى", "سلمى", "نور", "هناء", "رانية", "أمل", "زينب", "سعاد"],
    male: &["سامي", "كريم", "يوسف", "طارق", "نبيل", "عماد", "جمال", "رشيد"],
    family: &[
        "الحداد",
        "النجار",
        "الخطيب",
        "العطار",
        "المنصوري",
        "البغدادي",
        "الشامي",
        "القاضي",
    ],
    latin: Some(Latin {
        female: &[
            "Layla", "Salma", "Nour", "Hanaa", "Rania", "Amal", "Zaynab", "Suad",
        ],
        male: &[
            "Sami", "Karim", "Yusuf", "Tariq", "Nabil", "Imad", "Jamal", "Rashid",
        ],
        family: &[
            "al-Haddad",
            "al-Najjar",
            "al-Khatib",
            "al-Attar",
            "al-Mansuri",
            "al-Baghdadi",
            "al-Shami",
            "al-Qadi",
        ],
    }),
    two_families: false,
    language: ("ar", "Arabic"),
};

const NEPALI: Culture = Culture {
    female: &["सीता", "माया", "कमला", "सुनिता", "अनिता", "गीता"],
    male: &["राम", "विकास", "प्रकाश", "हरि", "सुरेश", "दीपक"],
    family: &["गुरुङ", "तामाङ", "श्रेष्ठ", "थापा", "राई", "शेर्पा"],
    latin: Some(Latin {
        female: &["Sita", "Maya", "Kamala", "Sunita", "Anita", "Gita"],
        male: &["Ram", "Bikash", "Prakash", "Hari", "Suresh", "Dipak"],
        family: &["Gurung", "Tamang", "Shrestha", "Thapa", "Rai", "Sherpa"],
    }),
    two_families: false,
    language: ("ne", "Nepali"),
};

const WEST_AFRICAN: Culture = Culture {
    female: &[
        "Adaeze",
        "Folake",
        "Ngozi",
        "Aïssatou",
        "Mariama",
        "Yetunde",
        "Amara",
        "Khady",
    ],
    male: &[
        "Chidi",
        "Babatunde",
        "Emeka",
        "Ousmane",
        "Mamadou",
        "Kofi",
        "Sékou",
        "Ifeanyi",
    ],
    family: &[
        "Okonjo",
        "Adébáyọ̀",
        "Diallo",
        "Mensah",
        "Traoré",
        "Nwosu",
        "Sow",
        "Owusu",
        "Bâ",
        "Keïta",
    ],
    latin: None,
    two_families: false,
    language: ("fr", "French"),
};

const VIETNAMESE: Culture = Culture {
    female: &[
        "Thị Hương",
        "Ngọc Lan",
        "Thu Hà",
        "Minh Châu",
        "Bích Thủy",
        "Kim Liên",
    ],
    male: &[
        "Văn Dũng",
        "Quốc Bảo",
        "Minh Đức",
        "Hữu Phước",
        "Anh Tuấn",
        "Đình Nam",
    ],
    family: &["Nguyễn", "Trần", "Phạm", "Đặng", "Võ", "Bùi", "Đỗ", "Hồ"],
    latin: None,
    two_families: false,
    language: ("vi", "Vietnamese"),
};

/// A drawn name: as FHIR has it, and as a line of text.
pub(super) struct Name {
    pub(super) human_names: Vec<Json>,
    pub(super) text: String,
}

/// Mostly people of the place.
pub(super) fn culture(random: &mut Random) -> &'static Culture {
    match random.below(100) {
        0..=54 => &ANDEAN,
        55..=76 => &SPANISH,
        77..=84 => &ARABIC,
        85..=90 => &WEST_AFRICAN,
        91..=95 => &NEPALI,
        _ => &VIETNAMESE,
    }
}

/// Draws a name of this culture.
pub(super) fn name(random: &mut Random, culture: &Culture, female: bool, prefix: &'static str) -> Name {
    let given_from = if female { culture.female } else { culture.male };
    let at = |index: u64, from: &[&'static str]| -> &'static str {
        usize::try_from(index)
            .ok()
            .and_then(|index| from.get(index))
            .copied()
            .unwrap_or_default()
    };
    let given_at = random.below(u64::try_from(given_from.len()).unwrap_or(1));
    let family_at = random.below(u64::try_from(culture.family.len()).unwrap_or(1));
    let given = at(given_at, given_from);
    let mut family = at(family_at, culture.family).to_owned();
    if culture.two_families {
        family = format!("{family} {}", random.text(culture.family));
    }
    let text = format!("{given} {family}");
    let mut official = json!({"use": "official", "text": (&text), "family": (&family), "given": [given]});
    if !prefix.is_empty() {
        super::parts::put(&mut official, "prefix", json!([prefix]));
    }
    let mut human_names = vec![official];
    if let Some(latin) = &culture.latin {
        let given = at(given_at, if female { latin.female } else { latin.male });
        let family = at(family_at, latin.family);
        human_names.push(json!({"use": "usual", "family": family, "given": [given]}));
    }
    Name { human_names, text }
}
