//! The room in a file, as other apps keep theirs in a table: events run in several processes at once.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::PathBuf,
};

use super::room::Room;

/// Where the room is kept.
pub struct RoomFile {
    path: PathBuf,
}

impl RoomFile {
    /// The room in this file, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Lets nobody else in, changes the room, and keeps it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Room) -> T) -> io::Result<T> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)?;
        // Given back when the file is closed, however this ends.
        file.lock()?;
        let mut room = read(&mut file)?;
        let outcome = change(&mut room);
        let text = serde_json::to_vec(&room)?;
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(&text)?;
        Ok(outcome)
    }
}

/// What a process that was killed half-way wrote is an empty room.
fn read(file: &mut File) -> io::Result<Room> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use serde_json::json;

    use super::{super::room::Event, *};

    #[test]
    fn everyone_who_joins_at_the_same_time_is_in_the_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = &RoomFile::new(folder.path().join("room.json"));
        let join = json!({ "action": "join", "name": "Ann" });
        thread::scope(|scope| {
            for number in 0..8 {
                let event = Event::message(&format!("{number}=="), &join);
                scope.spawn(move || file.change(|room| room.handle(&event)).unwrap());
            }
        });
        let left = |id: &str| file.change(|room| room.leave(id)).unwrap();
        // The seven who stay are told of each who leaves.
        assert_eq!(left("0==").len(), 7);
        assert_eq!(left("7==").len(), 6);
    }

    #[test]
    fn a_damaged_file_is_an_empty_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("room.json");
        std::fs::write(&path, r#"{"people":{"a=="#).unwrap();
        let file = RoomFile::new(path);
        assert!(file.change(|room| room.leave("a==")).unwrap().is_empty());
    }
}
