//! The answers of introspection as JSON: owns what each field of each type of the introspection schema says. The
//! fields are those of the specification of October 2021. Does not read documents.

use apollo_compiler::Schema;
use apollo_compiler::ast::DirectiveList;
use apollo_compiler::schema::{
    DirectiveDefinition, EnumValueDefinition, ExtendedType, FieldDefinition, InputValueDefinition, Type,
};

use super::Picked;

/// Writes into a buffer that does not grow past a limit.
pub(super) struct Writer<'a> {
    pub(super) schema: &'a Schema,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) bytes_max: usize,
}

/// What an object describes.
#[derive(Clone, Copy)]
pub(super) enum Described<'a> {
    Schema,
    Type(&'a ExtendedType),
    /// A type that is a list or not null; what is not null may have been told already.
    Wrapped(&'a Type, bool),
    Field(&'a FieldDefinition),
    Input(&'a InputValueDefinition),
    EnumValue(&'a EnumValueDefinition),
    Directive(&'a DirectiveDefinition),
}

/// The answer would be too long.
pub(super) struct TooLong;

type Written = Result<(), TooLong>;

impl<'a> Writer<'a> {
    /// The object that describes it, or null.
    pub(super) fn object(&mut self, described: Option<Described<'a>>, picked: &[Picked<'_>]) -> Written {
        let Some(described) = described else { return self.null() };
        self.out.push(b'{');
        for (at, field) in picked.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.text(Some(field.key))?;
            self.out.push(b':');
            self.field(described, field)?;
        }
        self.out.push(b'}');
        self.check()
    }

    fn field(&mut self, of: Described<'a>, field: &Picked<'_>) -> Written {
        match (of, field.name) {
            (_, "__typename") => self.text(Some(of.type_name())),
            (Described::Schema, name) => self.schema_field(name, field),
            (Described::Type(of), name) => self.type_field(of, name, field),
            (Described::Wrapped(of, told), name) => self.wrapped_field(of, told, name, field),
            (Described::Field(of), "args") => self.inputs(of.arguments.iter().map(|one| &**one), field),
            (Described::Field(of), "type") => self.object(self.of(&of.ty), &field.below),
            (Described::Field(of), name) => {
                self.common_field(&of.name, of.description.as_deref(), Some(&of.directives), name)
            }
            (Described::Input(of), "type") => self.object(self.of(&of.ty), &field.below),
            (Described::Input(of), "defaultValue") => {
                let value = of.default_value.as_ref().map(|value| value.serialize().no_indent().to_string());
                self.text(value.as_deref())
            }
            (Described::Input(of), name) => {
                self.common_field(&of.name, of.description.as_deref(), Some(&of.directives), name)
            }
            (Described::EnumValue(of), name) => {
                self.common_field(&of.value, of.description.as_deref(), Some(&of.directives), name)
            }
            (Described::Directive(of), "args") => self.inputs(of.arguments.iter().map(|one| &**one), field),
            (Described::Directive(of), "locations") => {
                self.list(of.locations.iter(), |writer, one| writer.text(Some(one.name())))
            }
            (Described::Directive(of), "isRepeatable") => self.flag(of.repeatable),
            (Described::Directive(of), name) => {
                self.common_field(&of.name, of.description.as_deref(), None, name)
            }
        }
    }

    fn schema_field(&mut self, name: &str, field: &Picked<'_>) -> Written {
        let schema = self.schema;
        let definition = &schema.schema_definition;
        let root = |name: Option<&str>| name.and_then(|name| schema.types.get(name)).map(Described::Type);
        match name {
            "types" => self.list(schema.types.values(), |writer, one| {
                writer.object(Some(Described::Type(one)), &field.below)
            }),
            "directives" => self.list(schema.directive_definitions.values(), |writer, one| {
                writer.object(Some(Described::Directive(one)), &field.below)
            }),
            "queryType" => self.object(root(definition.query.as_ref().map(|n| n.as_str())), &field.below),
            "mutationType" => {
                self.object(root(definition.mutation.as_ref().map(|n| n.as_str())), &field.below)
            }
            "subscriptionType" => {
                self.object(root(definition.subscription.as_ref().map(|n| n.as_str())), &field.below)
            }
            "description" => self.text(definition.description.as_deref()),
            _ => self.null(),
        }
    }

    fn type_field(&mut self, of: &'a ExtendedType, name: &str, field: &Picked<'_>) -> Written {
        match (name, of) {
            ("kind", _) => self.text(Some(kind(of))),
            ("name", _) => self.text(Some(of.name())),
            ("description", _) => self.text(of.description().map(|text| text.as_str())),
            ("fields", ExtendedType::Object(of)) => {
                let fields = of.fields.values().filter(|one| field.takes(&one.directives));
                self.list(fields, |writer, one| writer.object(Some(Described::Field(one)), &field.below))
            }
            // No schema of ours has interfaces.
            ("interfaces", ExtendedType::Object(_)) => self.list(std::iter::empty::<()>(), |_, ()| Ok(())),
            ("enumValues", ExtendedType::Enum(of)) => {
                let values = of.values.values().filter(|one| field.takes(&one.directives));
                self.list(values, |writer, one| writer.object(Some(Described::EnumValue(one)), &field.below))
            }
            ("inputFields", ExtendedType::InputObject(of)) => {
                self.inputs(of.fields.values().map(|one| &***one), field)
            }
            _ => self.null(),
        }
    }

    fn wrapped_field(&mut self, of: &'a Type, told: bool, name: &str, field: &Picked<'_>) -> Written {
        match (name, of) {
            ("kind", Type::List(_)) => self.text(Some("LIST")),
            ("kind", Type::NonNullList(_)) if told => self.text(Some("LIST")),
            ("kind", _) => self.text(Some("NON_NULL")),
            ("ofType", Type::NonNullList(_)) if !told => {
                self.object(Some(Described::Wrapped(of, true)), &field.below)
            }
            ("ofType", Type::List(inner) | Type::NonNullList(inner)) => {
                self.object(self.of(inner), &field.below)
            }
            ("ofType", Type::Named(name) | Type::NonNullNamed(name)) => {
                let inner = self.schema.types.get(name).map(Described::Type);
                self.object(inner, &field.below)
            }
            _ => self.null(),
        }
    }

    /// What fields, inputs, values and directives have alike. Directives are never deprecated.
    fn common_field(
        &mut self,
        own_name: &str,
        description: Option<&str>,
        directives: Option<&DirectiveList>,
        name: &str,
    ) -> Written {
        let deprecated = directives.and_then(|directives| directives.get("deprecated"));
        match name {
            "name" => self.text(Some(own_name)),
            "description" => self.text(description),
            "isDeprecated" => self.flag(deprecated.is_some()),
            "deprecationReason" => {
                let reason = deprecated.and_then(|one| one.argument_by_name("reason", self.schema).ok());
                self.text(reason.and_then(|value| value.as_str()))
            }
            _ => self.null(),
        }
    }

    fn of(&self, of: &'a Type) -> Option<Described<'a>> {
        match of {
            Type::Named(name) => self.schema.types.get(name).map(Described::Type),
            wrapped => Some(Described::Wrapped(wrapped, false)),
        }
    }

    fn inputs(
        &mut self,
        inputs: impl Iterator<Item = &'a InputValueDefinition>,
        field: &Picked<'_>,
    ) -> Written {
        let inputs = inputs.filter(|one| field.takes(&one.directives));
        self.list(inputs, |writer, one| writer.object(Some(Described::Input(one)), &field.below))
    }

    fn list<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Written,
    ) -> Written {
        self.out.push(b'[');
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            write(self, item)?;
        }
        self.out.push(b']');
        self.check()
    }

    fn text(&mut self, text: Option<&str>) -> Written {
        let Some(text) = text else { return self.null() };
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, text);
        self.check()
    }

    fn flag(&mut self, value: bool) -> Written {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self.check()
    }

    fn null(&mut self) -> Written {
        self.out.extend_from_slice(b"null");
        self.check()
    }

    fn check(&self) -> Written {
        if self.out.len() > self.bytes_max { Err(TooLong) } else { Ok(()) }
    }
}

impl Picked<'_> {
    fn takes(&self, directives: &DirectiveList) -> bool {
        self.deprecated || !directives.has("deprecated")
    }
}

impl Described<'_> {
    const fn type_name(self) -> &'static str {
        match self {
            Self::Schema => "__Schema",
            Self::Type(_) | Self::Wrapped(..) => "__Type",
            Self::Field(_) => "__Field",
            Self::Input(_) => "__InputValue",
            Self::EnumValue(_) => "__EnumValue",
            Self::Directive(_) => "__Directive",
        }
    }
}

const fn kind(of: &ExtendedType) -> &'static str {
    match of {
        ExtendedType::Scalar(_) => "SCALAR",
        ExtendedType::Object(_) => "OBJECT",
        ExtendedType::Interface(_) => "INTERFACE",
        ExtendedType::Union(_) => "UNION",
        ExtendedType::Enum(_) => "ENUM",
        ExtendedType::InputObject(_) => "INPUT_OBJECT",
    }
}
