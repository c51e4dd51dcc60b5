//! What the doors over HTTP share: keeps in files of their own what they read and write alike. Does not know the doors.

pub mod body;
pub mod json_body;
pub mod media;
pub mod problem;
pub mod table_version;
pub mod target;
