//! How a command that calls out is told of its links: by flag, else by a configuration file.

use std::path::Path;

use chaski_node::KeyOptions;
use chaski_node::config::{ConfigFile, LinkProfile, Links, SYSTEM_CONFIG};

use super::ask::{data, key};
use crate::args::{Link, Links as Said, Place};
use crate::output::{Failure, note};

/// What a word of the command line means.
pub fn profile(link: Link) -> LinkProfile {
    match link {
        Link::Lan => LinkProfile::Lan,
        Link::Wan => LinkProfile::Wan,
        Link::Satellite => LinkProfile::Satellite,
        Link::TwoG => LinkProfile::TwoG,
    }
}

/// The directory and its key: by flags and environment, else by the file.
pub fn placed(mut place: Place, file: &ConfigFile) -> Place {
    place.data = place.data.or_else(|| file.data.clone());
    if key(&place.key) == KeyOptions::default() {
        place.key.key_file.clone_from(&file.unlock.key_file);
        place.key.passphrase_file.clone_from(&file.unlock.passphrase_file);
    }
    place
}

/// How the links are, and the directory that the command is about.
///
/// # Errors
/// When the file that is named can't be read.
pub fn links(said: &Said, place: Place) -> Result<(Links, Place), Failure> {
    let (file, place) = match &said.config {
        Some(path) => {
            let file = ConfigFile::read(path)?;
            let place = placed(place, &file);
            (file, place)
        }
        None => {
            let without = "links are taken to be `lan` without --link";
            (of_machine(&place, Path::new(SYSTEM_CONFIG), without)?, place)
        }
    };
    let mut links = file.peers.links();
    if let Some(link) = said.link {
        links.profile = profile(link);
    }
    Ok((links, place))
}

/// The machine's file, where it is about the directory; else what stands where there is none. `without` is told of one
/// that can't be read.
pub fn of_machine(place: &Place, path: &Path, without: &str) -> Result<ConfigFile, Failure> {
    if !path.exists() {
        return Ok(ConfigFile::default());
    }
    let here = data(place)?;
    match ConfigFile::read(path) {
        Ok(file) if file.data.as_deref() == Some(&*here) => Ok(file),
        Ok(_) => Ok(ConfigFile::default()),
        // Another one's file does not end the exchange, and is not passed over in silence either.
        Err(error) => {
            note(format!("{error}; {without}"));
            Ok(ConfigFile::default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(data: &Path) -> Place {
        Place {
            data: Some(data.to_path_buf()),
            ..Place::default()
        }
    }

    #[test]
    fn the_machines_file_counts_for_its_own_directory_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("chaski.toml");
        let told = |data: &Path| of_machine(&place(data), &path, "").unwrap().peers.link;
        let own = home.path().join("own");
        assert_eq!(told(&own), LinkProfile::Lan);
        std::fs::write(&path, format!("data = {own:?}\n[peers]\nlink = \"satellite\"\n")).unwrap();
        assert_eq!(told(&own), LinkProfile::Satellite);
        assert_eq!(told(&home.path().join("other")), LinkProfile::Lan);
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(told(&own), LinkProfile::Lan);
    }

    #[test]
    fn a_flag_beats_the_file_which_also_says_which_directory_and_key() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("chaski.toml");
        std::fs::write(
            &path,
            "data = \"/srv/c\"\n[unlock]\nkey_file = \"/srv/k\"\n[peers]\nlink = \"2g\"\nbbr = true\n",
        )
        .unwrap();
        let said = |link| Said {
            link,
            config: Some(path.clone()),
        };
        let (told, from_file) = links(&said(None), Place::default()).unwrap();
        assert_eq!((told.profile, told.bbr), (LinkProfile::TwoG, true));
        assert_eq!(from_file.data.as_deref(), Some(Path::new("/srv/c")));
        let (told, given) = links(&said(Some(Link::Wan)), place(Path::new("/srv/d"))).unwrap();
        assert_eq!(told.profile, LinkProfile::Wan);
        assert_eq!(given.data.as_deref(), Some(Path::new("/srv/d")));
    }
}
