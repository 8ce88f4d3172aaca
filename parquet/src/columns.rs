//! The columns of a table: made from the type of its row, so that there is no second list of them.

/// A table of a scan.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Table {
    /// Its name: that of its file, without ending.
    pub name: &'static str,
    /// Its columns, in their order.
    pub columns: fn() -> Vec<Column>,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Its name: the key in JSON.
    pub name: &'static str,
    /// What is in it.
    pub ty: ColumnType,
    /// Whether it can be null.
    pub is_nullable: bool,
    /// What it says, and its unit; the lines of a comment.
    pub doc: &'static [&'static str],
}

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A whole number of 64 bits, not negative.
    Number,
    /// A whole number up to 255.
    Small,
    /// A whole number of 32 bits with a sign.
    Signed,
    /// A number.
    Real,
    /// Yes or no.
    Flag,
    /// A failure: `kind` and `text`.
    Failure,
}

impl ColumnType {
    /// What it is called in `docs/scan.md`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Texts => "list of text",
            Self::Number | Self::Small | Self::Signed | Self::Real => "number",
            Self::Flag => "flag",
            Self::Failure => "object",
        }
    }
}

impl Column {
    /// A row of the table in `docs/scan.md`.
    pub fn to_markdown(&self) -> String {
        let or_null = if self.is_nullable { " or null" } else { "" };
        let lines: Vec<_> = self.doc.iter().map(|line| line.trim()).collect();
        let text = lines.join(" ");
        format!("| `{}` | {}{or_null} | {} |", self.name, self.ty.name(), text.replace('|', "\\|"))
    }
}

/// What a field of a row adds to the columns of its table.
pub trait Field {
    /// The columns of a field of this name.
    fn columns(name: &'static str, doc: &'static [&'static str]) -> Vec<Column>;
}

macro_rules! fields {
    ($($ty:ty => $column:ident,)*) => {$(
        impl Field for $ty {
            fn columns(name: &'static str, doc: &'static [&'static str]) -> Vec<Column> {
                vec![Column { name, ty: ColumnType::$column, is_nullable: false, doc }]
            }
        }
    )*};
}

fields! {
    String => Text,
    Vec<String> => Texts,
    u64 => Number,
    u32 => Number,
    u8 => Small,
    i32 => Signed,
    f64 => Real,
    bool => Flag,
    crate::rows::Failure => Failure,
    crate::rows::ClusterKind => Text,
}

impl<T: Field> Field for Option<T> {
    fn columns(name: &'static str, doc: &'static [&'static str]) -> Vec<Column> {
        let nullable = |column| Column { is_nullable: true, ..column };
        T::columns(name, doc).into_iter().map(nullable).collect()
    }
}

/// Defines rows: the type that is written as a line of JSON, and the columns of its table.
macro_rules! rows {
    ($(
        $(#[doc = $table_doc:expr])+
        $(#[derive($($derived:ident),*)])?
        pub struct $row:ident {$(
            $(#[doc = $doc:expr])+
            $(#[serde($($serde:tt)*)])?
            pub $field:ident: $type:ty,
        )+}
    )*) => {$(
        $(#[doc = $table_doc])+
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        $(#[derive($($derived),*)])?
        pub struct $row {$(
            $(#[doc = $doc])+
            $(#[serde($($serde)*)])?
            pub $field: $type,
        )+}

        impl $row {
            /// The columns, in the order of the fields.
            pub fn columns() -> Vec<crate::columns::Column> {
                let mut columns = Vec::new();
                $(columns.extend(<$type as crate::columns::Field>::columns(stringify!($field), &[$($doc),+]));)+
                columns
            }
        }
    )*};
}
pub(crate) use rows;
