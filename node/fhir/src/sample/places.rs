//! Where the population lives: towns of the southern Andes with rough
//! coordinates; streets and communities are made up.

pub(super) struct Place {
    pub(super) town: &'static str,
    pub(super) region: &'static str,
    pub(super) country: &'static str,
    pub(super) postal: &'static str,
    /// Hundredths of a degree south and west.
    pub(super) south: i64,
    pub(super) west: i64,
}

const fn place(
    town: &'static str,
    region: &'static str,
    country: &'static str,
    postal: &'static str,
    south: i64,
    west: i64,
) -> Place {
    Place {
        town,
        region,
        country,
        postal,
        south,
        west,
    }
}

static FIRST: Place = place("Pisac", "Cusco", "PE", "08106", 1342, 7184);

/// The place of the site with this number; they come round again.
pub(super) fn nth(index: u32) -> &'static Place {
    let at = usize::try_from(index)
        .ok()
        .and_then(|index| index.checked_rem(PLACES.len()));
    at.and_then(|at| PLACES.get(at)).unwrap_or(&FIRST)
}

pub(super) static PLACES: &[Place] = &[
    place("Pisac", "Cusco", "PE", "08106", 1342, 7184),
    place("Ollantaytambo", "Cusco", "PE", "08676", 1325, 7226),
    place("Chinchero", "Cusco", "PE", "08655", 1338, 7204),
    place("Sicuani", "Cusco", "PE", "08258", 1427, 7122),
    place("Paucartambo", "Cusco", "PE", "08180", 1331, 7159),
    place("Urcos", "Cusco", "PE", "08225", 1369, 7162),
    place("Santo Tomás", "Cusco", "PE", "08430", 1445, 7208),
    place("Ayaviri", "Puno", "PE", "21450", 1488, 7059),
    place("Azángaro", "Puno", "PE", "21230", 1490, 7019),
    place("Huancané", "Puno", "PE", "21140", 1520, 6976),
    place("Ilave", "Puno", "PE", "21505", 1608, 6963),
    place("Lampa", "Puno", "PE", "21430", 1536, 7036),
    place("Macusani", "Puno", "PE", "21480", 1406, 7043),
    place("Chivay", "Arequipa", "PE", "04140", 1563, 7160),
    place("Cotahuasi", "Arequipa", "PE", "04310", 1521, 7289),
    place("Abancay", "Apurímac", "PE", "03001", 1363, 7288),
    place("Chalhuanca", "Apurímac", "PE", "03315", 1429, 7324),
    place("Huanta", "Ayacucho", "PE", "05121", 1293, 7425),
    place("Vilcas Huamán", "Ayacucho", "PE", "05650", 1365, 7395),
    place("Puquio", "Ayacucho", "PE", "05500", 1469, 7412),
    place("Lircay", "Huancavelica", "PE", "09405", 1298, 7472),
    place("Copacabana", "La Paz", "BO", "00000", 1616, 6908),
    place("Achacachi", "La Paz", "BO", "00000", 1604, 6868),
    place("Charazani", "La Paz", "BO", "00000", 1518, 6899),
    place("Sorata", "La Paz", "BO", "00000", 1577, 6864),
    place("Potosí", "Potosí", "BO", "00000", 1958, 6575),
];

pub(super) const STREETS: &[&str] = &[
    "Jirón Los Cedros",
    "Calle Comercio",
    "Avenida Los Incas",
    "Pasaje Las Retamas",
    "Jirón Dos de Mayo",
    "Calle Plateros",
    "Avenida El Sol",
    "Camino al Puente",
    "Comunidad Wayllapata",
    "Comunidad Qolqepampa",
    "Anexo Rumichaka",
    "Sector Ch'akipampa",
    "Barrio San Isidro",
    "Centro Poblado Yanaqocha",
    "Parcialidad Sillustani",
    "Ayllu Kuntur Wasi",
];

pub(super) const SITE_NAMES: &[&str] = &[
    "Puesto de Salud",
    "Centro de Salud",
    "Posta Médica",
    "Clínica Rural",
    "Hospital de Apoyo",
    "Brigada Itinerante",
];
