//! The form of an answer: owns what stands in it under which key, once it is known which rows there are. Does not know
//! documents, statements or JSON.

/// An object: its members in the order of the answer.
#[derive(Debug, Clone)]
pub(super) struct Object<M> {
    /// Name of its type.
    pub type_name: String,
    /// What stands under which key.
    pub members: Vec<(String, M)>,
}

/// A member of a connection.
#[derive(Debug, Clone)]
pub(super) enum ConnectionMember {
    /// Name of the type.
    TypeName,
    /// The rows, each with its cursor.
    Edges(Object<EdgeMember>),
    /// The rows.
    Nodes(Object<RowMember>),
    /// Where the page stands.
    PageInfo(Object<PageMember>),
    /// Rows of all pages.
    TotalCount,
}

/// A member of what is told of a change.
#[derive(Debug, Clone)]
pub(super) enum ChangeMember {
    /// Name of the type.
    TypeName,
    /// The version that a commit made.
    Version,
    /// When it did.
    CommittedAt,
    /// Further rows of it come.
    More,
    /// The rows that it added, or null.
    Rows(Object<RowMember>),
}

/// A member of an edge.
#[derive(Debug, Clone)]
pub(super) enum EdgeMember {
    /// Name of the type.
    TypeName,
    /// The row's cursor.
    Cursor,
    /// The row.
    Node(Object<RowMember>),
}

/// A member of what is said of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageMember {
    /// Name of the type.
    TypeName,
    /// There are rows after the page.
    HasNextPage,
    /// There are rows before the page.
    HasPreviousPage,
    /// Cursor of the first row.
    StartCursor,
    /// Cursor of the last row.
    EndCursor,
    /// The cursor that leads on, where there is no cursor of each row; null after the last row.
    NextCursor,
    /// Null: there is no way back.
    NoCursor,
}

/// A member of a row.
#[derive(Debug, Clone)]
pub(super) enum RowMember {
    /// Name of the type.
    TypeName,
    /// The value of a column of that name.
    Column(String, Value),
    /// Members of the same row in an object of their own.
    Inside(Object<Self>),
    /// The row that it belongs to, or null; found by that one of the plans below.
    One(usize, Object<Self>),
    /// A page of the rows that belong to it; found by that one of the plans below.
    Many(usize, Object<ConnectionMember>),
}

/// What of a value is written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// All of it.
    Whole,
    /// The same of each item.
    List(Box<Self>),
    /// Fields of a struct.
    Struct(Object<StructMember>),
}

/// A member of a struct.
#[derive(Debug, Clone)]
pub(super) enum StructMember {
    /// Name of the type.
    TypeName,
    /// The value of a field of that name.
    Field(String, Value),
}

impl Object<ConnectionMember> {
    /// Whether the number of all rows is asked for.
    pub(super) fn wants_count(&self) -> bool {
        self.members.iter().any(|(_, member)| matches!(member, ConnectionMember::TotalCount))
    }

    /// Whether rows are asked for, or cursors of them.
    pub(super) fn wants_rows(&self) -> bool {
        self.members
            .iter()
            .any(|(_, member)| !matches!(member, ConnectionMember::TypeName | ConnectionMember::TotalCount))
    }

    /// Whether a cursor of a single row is asked for.
    pub(super) fn wants_row_cursors(&self) -> bool {
        self.members.iter().any(|(_, member)| match member {
            ConnectionMember::Edges(edge) => {
                edge.members.iter().any(|(_, member)| matches!(member, EdgeMember::Cursor))
            }
            ConnectionMember::PageInfo(page) => page
                .members
                .iter()
                .any(|(_, member)| matches!(member, PageMember::StartCursor | PageMember::EndCursor)),
            ConnectionMember::TypeName | ConnectionMember::Nodes(_) | ConnectionMember::TotalCount => false,
        })
    }
}
