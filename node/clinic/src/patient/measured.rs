//! How well registration finds who is here already, measured on made-up people of several regions, beside
//! Jaro–Winkler on the whole name alone.
//!
//! The people, their slips and their order come from a seed. A small draw runs with the other tests; the whole of
//! 10,000 by `cargo test -p chaski-clinic --release -- --ignored --nocapture measured`.

use chaski_fhir::sought::likeness;

use super::{Duplicates, Registration, RegistrationForm};
use crate::Clinic;
use crate::testing::{clinic, clinician};

/// Names of a region: given names of women and of men, family names, villages.
struct Region {
    women: &'static [&'static str],
    men: &'static [&'static str],
    families: &'static [&'static str],
    villages: &'static [&'static str],
    /// People have two family names.
    two_families: bool,
    calling_code: &'static str,
}

#[rustfmt::skip]
const REGIONS: [Region; 6] = [
    Region {
        women: &["Rosa", "Luz", "Nayra", "Elena", "Carmen", "Flor", "Justina", "Maribel", "Yolanda", "Beatriz", "Silvia", "Teodora", "Nélida", "Gloria", "Sabina", "Victoria", "Ofelia", "Zoraida", "Hilda", "Raquel", "Isidora", "Noemí", "Paulina", "Dominga", "Eulalia"],
        men: &["Juan", "Pedro", "Amaru", "Efraín", "Rufino", "Wilber", "Hernán", "Fortunato", "Percy", "Marcelino", "Abel", "Jacinto", "Néstor", "Saturnino", "Óscar", "Gregorio", "Feliciano", "Ubaldo", "Basilio", "Joaquín", "Lucio", "Mateo", "Ramiro", "Valentín", "Zenón"],
        families: &["Quispe", "Mamani", "Condori", "Huamán", "Choque", "Limachi", "Ticona", "Apaza", "Ccama", "Yupanqui", "Vilca", "Jiménez", "Gutiérrez", "Hancco", "Ñaupari", "Paucar", "Sucari", "Turpo", "Zapana", "Layme", "Callo", "Poma", "Cusi", "Aguilar", "Rojas", "Chambi", "Arpasi", "Velarde", "Inca", "Machaca", "de la Cruz", "Sillo"],
        villages: &["Ayaviri", "Lampa", "Pucará", "Santa Rosa", "Macusani", "Crucero", "Ñuñoa", "Asillo"],
        two_families: true, calling_code: "51",
    },
    Region {
        women: &["Fatima", "Aisha", "Khadija", "Zainab", "Maryam", "Huda", "Layla", "Salma", "Nour", "Amina", "Rania", "Samira", "Hanan", "Ibtisam", "Wafa", "Yasmin", "Suad", "Najwa", "Iman", "Karima", "Rahma", "Dalal", "Basma", "Ghada", "Thuraya"],
        men: &["Mohamed", "Ahmad", "Ali", "Hussein", "Hassan", "Omar", "Khalid", "Yusuf", "Ibrahim", "Mustafa", "Samir", "Tariq", "Bilal", "Nasser", "Rashid", "Walid", "Jamal", "Faisal", "Ziad", "Kareem", "Anwar", "Salim", "Hamza", "Idris", "Munir"],
        families: &["Al-Hassan", "El-Sayed", "Haddad", "Mansour", "Abd al-Rahman", "Khalil", "Najjar", "Saleh", "Darwish", "Bakr", "Othman", "Jaber", "Sabbagh", "Qasim", "Hamdan", "Zaydan", "Farouk", "Shahin", "Barakat", "Nasr", "Awad", "Tamimi", "Ghanem", "Habib", "Issa", "Rizk", "Sharif", "Yassin", "Maghribi", "Attar"],
        villages: &["Wadi Halfa", "Beit Nour", "Ain Zarqa", "Tell Abyad", "Deir Samak", "Qasr Hajar", "Kafr Zaman", "Umm Riad"],
        two_families: false, calling_code: "20",
    },
    Region {
        women: &["Almaz", "Tigist", "Hirut", "Selamawit", "Meseret", "Genet", "Aster", "Birtukan", "Lemlem", "Tsehay", "Wubit", "Zenebech", "Yeshi", "Senait", "Mulu", "Rahel", "Bethlehem", "Eden", "Hiwot", "Konjit"],
        men: &["Abebe", "Kebede", "Tesfaye", "Girma", "Haile", "Getachew", "Mulugeta", "Dawit", "Yonas", "Bekele", "Alemu", "Tadesse", "Worku", "Solomon", "Zerihun", "Fikru", "Endale", "Biruk", "Samuel", "Teshome"],
        families: &["Bekele", "Tesfaye", "Haile", "Wolde", "Gebre", "Mengistu", "Desta", "Assefa", "Negash", "Tola", "Ayele", "Demissie", "Lemma", "Shiferaw", "Mekonnen", "Zewde", "Kassa", "Berhanu", "Tilahun", "Eshetu", "Regassa", "Feyisa", "Wakjira", "Dibaba", "Gemechu"],
        villages: &["Debre Zeit", "Mekele", "Adwa", "Sodo", "Dilla", "Gore", "Bonga", "Fiche"],
        two_families: false, calling_code: "251",
    },
    Region {
        women: &["Aminata", "Fatoumata", "Mariam", "Awa", "Ndeye", "Khady", "Oumou", "Rokia", "Coumba", "Adama", "Bintou", "Djeneba", "Sira", "Ramata", "Safiatou", "Nafi", "Astou", "Kadiatou", "Yacine", "Penda"],
        men: &["Mamadou", "Ousmane", "Ibrahima", "Moussa", "Cheikh", "Abdoulaye", "Boubacar", "Modou", "Seydou", "Lamine", "Souleymane", "Alioune", "Bakary", "Demba", "Issa", "Kalilou", "Pape", "Samba", "Tidiane", "Youssouf"],
        families: &["Diallo", "Traoré", "Ndiaye", "N'Diaye", "Diop", "Fall", "Keïta", "Coulibaly", "Cissé", "Sow", "Ba", "Sarr", "Faye", "Touré", "Camara", "Koné", "Sidibé", "Gueye", "Mbaye", "Sy", "Konaté", "Sangaré", "Doumbia", "Thiam", "Kouyaté", "Diarra", "Barry", "Bah", "Seck", "Wade"],
        villages: &["Kaolack", "Podor", "Matam", "Kayes", "Nioro", "Sikasso", "Bakel", "Linguère"],
        two_families: false, calling_code: "221",
    },
    Region {
        women: &["Sita", "Lakshmi", "Priya", "Anjali", "Kamala", "Sunita", "Rekha", "Gita", "Meena", "Radha", "Shanti", "Usha", "Pooja", "Nirmala", "Savitri", "Bimala", "Deepa", "Indira", "Jyoti", "Kalpana", "Maya", "Parvati", "Rupa", "Sarita", "Urmila"],
        men: &["Ram", "Krishna", "Rajesh", "Suresh", "Mohan", "Bishnu", "Dipak", "Ganesh", "Hari", "Kumar", "Lokesh", "Mahesh", "Narayan", "Prakash", "Ramesh", "Shyam", "Tilak", "Umesh", "Vijay", "Yogesh", "Anil", "Bikram", "Dinesh", "Gopal", "Indra"],
        families: &["Gurung", "Tamang", "Thapa", "Shrestha", "Rai", "Limbu", "Magar", "Adhikari", "Bhattarai", "Chaudhary", "Dahal", "Ghimire", "Karki", "Lama", "Maharjan", "Nepali", "Oli", "Pandey", "Rana", "Sharma", "Sherpa", "Subedi", "Tharu", "Upreti", "Yadav", "Basnet", "Khadka", "Regmi", "Poudel", "Acharya"],
        villages: &["Jumla", "Dolpa", "Palpa", "Ilam", "Gorkha", "Bardiya", "Syangja", "Mugu"],
        two_families: false, calling_code: "977",
    },
    Region {
        women: &["Maria", "Jennifer", "Rosalie", "Josephine", "Marites", "Luzviminda", "Corazon", "Imelda", "Rowena", "Divina", "Erlinda", "Grace", "Hazel", "Jocelyn", "Kristine", "Lorna", "Myrna", "Nenita", "Perla", "Remedios", "Shiela", "Teresita", "Vilma", "Wilma", "Analyn"],
        men: &["Jose", "Antonio", "Reynaldo", "Rodrigo", "Eduardo", "Danilo", "Ferdinand", "Gilbert", "Honorio", "Isagani", "Jerome", "Kenneth", "Leandro", "Manuel", "Noel", "Orlando", "Ponciano", "Ricardo", "Sonny", "Teodoro", "Virgilio", "Wilfredo", "Arnel", "Benigno", "Crisanto"],
        families: &["Santos", "Reyes", "Cruz", "Bautista", "Ocampo", "García", "Mendoza", "Torres", "Castillo", "Villanueva", "Dela Cruz", "Aquino", "Salazar", "Mercado", "Navarro", "Dimaculangan", "Pangilinan", "Macaraeg", "Lacson", "Tolentino", "Manalo", "Panganiban", "Abad", "Magsaysay", "Sumulong", "Catacutan", "Dimagiba", "Batungbakal", "Agbayani", "Galang"],
        villages: &["Baler", "Sagada", "Basco", "Coron", "Siquijor", "Tabuk", "Borongan", "Jolo"],
        two_families: false, calling_code: "63",
    },
];

/// Numbers by a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Somebody, as a careful clerk would write it down.
#[derive(Clone)]
struct Person {
    form: RegistrationForm,
    birth: (i16, i8, i8),
    calling_code: &'static str,
}

fn family(draw: &mut Draw, region: &Region) -> String {
    let first = draw.of(region.families);
    match region.two_families {
        true => format!("{first} {}", draw.of(region.families)),
        false => first.to_owned(),
    }
}

fn given(draw: &mut Draw, names: &[&'static str]) -> String {
    let first = draw.of(names);
    match draw.percent(45) {
        true => format!("{first} {}", draw.of(names)),
        false => first.to_owned(),
    }
}

fn person(draw: &mut Draw) -> Person {
    let region = &REGIONS[draw.below(REGIONS.len())];
    let is_woman = draw.percent(52);
    let names = if is_woman { region.women } else { region.men };
    let year = 2025 - draw.below(80) as i16;
    let birth = (year, 1 + draw.below(12) as i8, 1 + draw.below(28) as i8);
    let mut form = RegistrationForm {
        given: given(draw, names),
        family: family(draw, region),
        sex: if is_woman { "female" } else { "male" }.to_owned(),
        village: draw.of(region.villages).to_owned(),
        mother_name: format!("{} {}", draw.of(region.women), draw.of(region.families)),
        ..RegistrationForm::default()
    };
    if draw.percent(60) {
        form.phone = format!("+{} 9{:08}", region.calling_code, draw.below(100_000_000));
    }
    if draw.percent(50) {
        form.identifier_value = format!("ID-{:08}", draw.below(100_000_000));
    }
    let person = Person {
        form,
        birth,
        calling_code: region.calling_code,
    };
    let knows = draw.below(100);
    born(person, knows, 0)
}

/// With a birth date, of 70 in 100, an estimated age, or neither.
fn born(mut person: Person, knows: usize, years_off: i16) -> Person {
    let (year, month, day) = person.birth;
    (person.form.birth_date, person.form.age_years) = Default::default();
    match knows {
        0..70 => person.form.birth_date = format!("{year:04}-{month:02}-{day:02}"),
        70..95 => person.form.age_years = (2026 - year + years_off).clamp(0, 120).to_string(),
        _ => {}
    }
    person
}

/// A brother or sister of the same day.
fn twin(draw: &mut Draw, of: &Person) -> Person {
    let region = REGIONS
        .iter()
        .find(|region| region.calling_code == of.calling_code)
        .expect("a region");
    let mut twin = of.clone();
    let names = if of.form.sex == "female" {
        region.women
    } else {
        region.men
    };
    while twin
        .form
        .given
        .split(' ')
        .any(|name| of.form.given.contains(name))
    {
        twin.form.given = given(draw, names);
    }
    twin.form.identifier_value.clear();
    twin
}

/// One letter left out, doubled, swapped with the next, or another.
fn slip(draw: &mut Draw, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 4 {
        return text.to_owned();
    }
    let at = 1 + draw.below(letters.len() - 2);
    match draw.below(4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letters[at]),
        2 => letters.swap(at, at + 1),
        _ => letters[at] = draw.of(&['a', 'e', 'i', 'n', 'r', 's', 't', 'l']),
    }
    letters.into_iter().collect()
}

/// As somebody writes it who heard it.
fn heard(draw: &mut Draw, text: &str) -> String {
    const PAIRS: [(&str, &str); 12] = [
        ("qu", "k"),
        ("ss", "s"),
        ("ou", "u"),
        ("ch", "sh"),
        ("z", "s"),
        ("v", "b"),
        ("ph", "f"),
        ("y", "i"),
        ("kh", "k"),
        ("é", "e"),
        ("-", " "),
        ("oo", "u"),
    ];
    let begin = draw.below(PAIRS.len());
    let pairs = (0..PAIRS.len()).map(|at| PAIRS[(begin + at) % PAIRS.len()]);
    let found = pairs.into_iter().find(|(from, _)| text.contains(from));
    found.map_or_else(|| text.to_owned(), |(from, to)| text.replacen(from, to, 1))
}

/// The same person as another clerk writes it on another day.
fn again(draw: &mut Draw, of: &Person) -> RegistrationForm {
    let knows = match draw.below(100) {
        // Whoever knows the day knows it again, mostly.
        0..75 if !of.form.birth_date.is_empty() => 0,
        other => 70 + other * 30 / 100,
    };
    let years_off = draw.below(7) as i16 - 3;
    let mut form = born(of.clone(), knows, years_off).form;
    if !form.birth_date.is_empty() && draw.percent(5) {
        let (year, month, day) = of.birth;
        form.birth_date = format!("{year:04}-{month:02}-{:02}", (day % 28) + 1);
    }
    if draw.percent(30)
        && let Some((first, _)) = form.given.split_once(' ')
    {
        form.given = first.to_owned();
    }
    if draw.percent(30) && form.family.split(' ').count() == 2 && of.calling_code == "51" {
        form.family = form.family.split(' ').next().unwrap_or_default().to_owned();
    }
    match draw.below(100) {
        0..15 => form.given = slip(draw, &form.given),
        15..30 => form.family = slip(draw, &form.family),
        30..38 => form.given = heard(draw, &form.given),
        38..46 => form.family = heard(draw, &form.family),
        46..50 => (form.given, form.family) = (slip(draw, &form.given), slip(draw, &form.family)),
        _ => {}
    }
    if draw.percent(10) {
        (form.given, form.family) = (form.family, form.given);
    }
    form.phone = match draw.below(100) {
        0..35 => String::new(),
        35..50 => format!("+{} 9{:08}", of.calling_code, draw.below(100_000_000)),
        50..75 => form.phone.split(' ').nth(1).unwrap_or_default().to_owned(),
        75..85 => form
            .phone
            .replace(['+', ' '], "")
            .replacen("", "00", usize::from(!form.phone.is_empty())),
        _ => form.phone,
    };
    if draw.percent(60) {
        form.identifier_value.clear();
    } else {
        form.identifier_value = form.identifier_value.replace('-', " ").to_lowercase();
    }
    if draw.percent(40) {
        form.mother_name.clear();
    } else if draw.percent(30) {
        form.mother_name = form.mother_name.split(' ').next().unwrap_or_default().to_owned();
    }
    if draw.percent(20) {
        form.village.clear();
    }
    form
}

/// What came of registrations: of people who were here, and of people who weren't.
#[derive(Debug, Default)]
struct Measured {
    known: usize,
    known_shown: usize,
    known_probable: usize,
    registrations: usize,
    false_probable: usize,
    false_possible: usize,
    /// By the likeness of whole names alone, at each threshold: who was found, and false alarms.
    by_name: [(usize, usize); NAME_LIKENESS.len()],
}

/// Thresholds of Jaro–Winkler on the whole name.
const NAME_LIKENESS: [f64; 3] = [0.85, 0.90, 0.95];

fn whole_name(form: &RegistrationForm) -> String {
    format!("{} {}", form.given, form.family).to_lowercase()
}

impl Measured {
    /// Registers, and counts who is shown. `known` is the village and the place of who it is.
    fn register(
        &mut self,
        clinic: &Clinic,
        ids: &[String],
        people: &[Person],
        form: &RegistrationForm,
        known: Option<usize>,
    ) {
        self.registrations += 1;
        self.known += usize::from(known.is_some());
        let done = clinic
            .patient_register(&clinician(), form, Duplicates::Check)
            .expect("a registration");
        let shown = match done {
            Registration::PossibleDuplicates { people, .. } => people,
            Registration::Registered(_) => Vec::new(),
        };
        for one in shown {
            let is_known = known.and_then(|known| ids.get(known)) == Some(&one.row.id);
            let (is_right, is_probable) = (usize::from(is_known), usize::from(one.probable));
            self.known_shown += is_right;
            self.known_probable += is_right * is_probable;
            self.false_probable += (1 - is_right) * is_probable;
            self.false_possible += (1 - is_right) * (1 - is_probable);
        }
        let name = whole_name(form);
        for (at, person) in people
            .iter()
            .enumerate()
            .filter(|(_, person)| person.form.sex == form.sex)
        {
            let likeness = likeness(&name, &whole_name(&person.form));
            for (threshold, (found, wrong)) in NAME_LIKENESS.iter().zip(&mut self.by_name) {
                if likeness >= *threshold {
                    *(if known == Some(at) { found } else { wrong }) += 1;
                }
            }
        }
    }

    fn per_cent(part: usize, of: usize) -> f64 {
        100.0 * part as f64 / of.max(1) as f64
    }

    fn recall(&self) -> f64 {
        Measured::per_cent(self.known_shown, self.known)
    }

    fn false_probable(&self) -> f64 {
        Measured::per_cent(self.false_probable, self.registrations)
    }

    fn print(&self, people: usize) {
        println!(
            "{people} people, {} registrations, {} of them of people who were here:",
            self.registrations, self.known
        );
        println!(
            "  found {:.1} % ({:.1} % as probable); per 100 registrations {:.2} false probable, {:.1} false possible",
            self.recall(),
            Measured::per_cent(self.known_probable, self.known),
            self.false_probable(),
            Measured::per_cent(self.false_possible, self.registrations),
        );
        for (threshold, (found, wrong)) in NAME_LIKENESS.iter().zip(&self.by_name) {
            println!(
                "  Jaro–Winkler alone from {threshold}: found {:.1} %; {:.1} false per 100 registrations",
                Measured::per_cent(*found, self.known),
                Measured::per_cent(*wrong, self.registrations),
            );
        }
    }
}

fn registered(clinic: &Clinic, people: &[Person]) -> Vec<String> {
    let mut ids = Vec::with_capacity(people.len());
    for (number, person) in people.iter().enumerate() {
        let draft_id = format!("0190a000-0000-7000-8000-{number:012}");
        let form = RegistrationForm {
            draft_id: draft_id.clone(),
            ..person.form.clone()
        };
        clinic
            .patient_register(&clinician(), &form, Duplicates::Accept)
            .expect("registered");
        ids.push(draft_id);
    }
    ids
}

fn measure(count: usize, registrations: usize) -> Measured {
    let mut draw = Draw(2026);
    let mut people: Vec<Person> = Vec::with_capacity(count);
    while people.len() < count {
        let one = person(&mut draw);
        if draw.percent(2) {
            people.push(twin(&mut draw, &one));
        }
        people.push(one);
    }
    let clinic = clinic();
    let ids = registered(&clinic, &people);
    let mut measured = Measured::default();
    for number in 0..registrations {
        let known = (number % 2 == 0).then(|| draw.below(people.len()));
        let form = match known {
            Some(known) => again(&mut draw, &people[known]),
            None if draw.percent(4) => {
                let one = draw.below(people.len());
                twin(&mut draw, &people[one]).form
            }
            None => person(&mut draw).form,
        };
        measured.register(&clinic, &ids, &people, &form, known);
    }
    measured.print(people.len());
    measured
}

#[test]
fn who_is_here_is_found_and_strangers_are_let_through() {
    let measured = measure(400, 120);
    assert!(measured.recall() >= 95.0, "{measured:?}");
    assert!(measured.false_probable() <= 2.0, "{measured:?}");
}

#[test]
#[ignore = "takes minutes: the whole measurement"]
fn of_ten_thousand_people_who_is_here_is_found() {
    let measured = measure(10_000, 1_000);
    assert!(measured.recall() >= 95.0, "{measured:?}");
    assert!(measured.false_probable() <= 2.0, "{measured:?}");
    // Names alone either miss more or cry wolf.
    for (found, wrong) in measured.by_name {
        let is_worse = Measured::per_cent(found, measured.known) < measured.recall()
            || Measured::per_cent(wrong, measured.registrations) > measured.false_probable();
        assert!(is_worse, "{measured:?}");
    }
}
