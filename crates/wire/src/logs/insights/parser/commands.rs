//! The commands of a query.

use std::ops::Range;

use super::{Grouping, Names, Parser, show};
use crate::logs::insights::{
    MalformedQuery,
    expression::Expression,
    extraction::{Extraction, Group},
    lexer::Token,
    query::{Column, Operator, Query, Stats},
};

/// Commands of one query.
const MAX_COMMANDS: usize = 100;
/// Rows that `limit` may ask for.
const MAX_LIMIT: f64 = 10_000.0;

/// What the commands so far make.
#[derive(Default)]
struct Plan {
    operators: Vec<Operator>,
    /// What `fields`, `parse` and `stats` show.
    columns: Vec<Column>,
    /// What the last `display` shows instead.
    displayed: Option<Vec<Column>>,
    /// How many slots the rows of events have, once `stats` has ended them.
    event_slots: Option<usize>,
}

impl Parser<'_> {
    pub(super) fn query(mut self) -> Result<Query, MalformedQuery> {
        let mut plan = Plan::default();
        for _ in 0..MAX_COMMANDS {
            self.command(&mut plan)?;
            if self.token == Token::End {
                return Ok(self.finish(plan));
            }
            self.expect_symbol("|")?;
        }
        Err(self.unexpected())
    }

    fn finish(&self, mut plan: Plan) -> Query {
        self.end_rows(&mut plan);
        let mut columns = plan.displayed.unwrap_or(plan.columns);
        if columns.is_empty() {
            columns.extend(["@timestamp", "@message"].map(event_column));
        }
        // Rows of events tell where they are.
        if !self.names.is_behind_stats {
            show(&mut columns, event_column("@ptr"));
        }
        Query {
            operators: plan.operators,
            columns,
            slots: plan.event_slots.unwrap_or(0),
        }
    }

    /// Notes how many slots the rows have that end here.
    fn end_rows(&self, plan: &mut Plan) {
        let slots = self.names.slots.len();
        let stats = plan.operators.iter_mut().rev();
        let last = stats.into_iter().find_map(|operator| match operator {
            Operator::Stats(stats) => Some(stats),
            _ => None,
        });
        match last {
            Some(stats) => stats.slots = slots,
            None => plan.event_slots = Some(slots),
        }
    }

    fn command(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        let is_deduplicated = matches!(plan.operators.last(), Some(Operator::Dedup(_)));
        if is_deduplicated && !self.token.is("limit") {
            return Err(self.unexpected());
        }
        let keyword = match &self.token {
            Token::Name(name) => name.to_ascii_lowercase(),
            _ => return Err(self.unexpected()),
        };
        match keyword.as_str() {
            "fields" => self.fields(plan),
            "filter" => self.filter(plan),
            "parse" => self.parse(plan),
            "sort" => self.sort(plan),
            "limit" => self.limit(plan),
            "stats" => self.stats(plan),
            "display" => self.display(plan),
            "dedup" => self.dedup(plan),
            _ => Err(self.unexpected()),
        }
    }

    /// `fields a, f(b), c as d`.
    fn fields(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        loop {
            let column = self.column(plan)?;
            show(&mut plan.columns, column);
            if !self.take_symbol(",")? {
                return Ok(());
            }
        }
    }

    /// An expression with the name that it gets: its alias, or its own text.
    fn column(&mut self, plan: &mut Plan) -> Result<Column, MalformedQuery> {
        let (value, name, range) = self.named_expression()?;
        let is_plain = matches!(value, Expression::Field(_) | Expression::Slot(_));
        if is_plain && name == self.lexer.query[range.clone()].trim_matches('`') {
            let name = name.into();
            return Ok(Column { name, value });
        }
        let slot = self.add_slot(&name, range)?;
        plan.operators.push(Operator::Assign(slot, value));
        Ok(slot_column(name, slot))
    }

    fn filter(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        let condition = self.expression()?;
        plan.operators.push(Operator::Filter(condition));
        Ok(())
    }

    fn display(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        let mut columns = Vec::new();
        loop {
            let column = self.column(plan)?;
            show(&mut columns, column);
            if !self.take_symbol(",")? {
                plan.displayed = Some(columns);
                return Ok(());
            }
        }
    }

    /// `sort a desc, b`.
    fn sort(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        let mut keys = Vec::new();
        loop {
            let key = self.expression()?;
            let is_descending = self.take_keyword("desc")?;
            if !is_descending {
                self.take_keyword("asc")?;
            }
            keys.push((key, is_descending));
            if !self.take_symbol(",")? {
                plan.operators.push(Operator::Sort(keys));
                return Ok(());
            }
        }
    }

    fn limit(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        match self.token {
            Token::Number(rows) if (1.0..=MAX_LIMIT).contains(&rows) && rows.fract() == 0.0 => {
                self.advance()?;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is whole and between 1 and 10,000"
                )]
                plan.operators.push(Operator::Limit(rows as usize));
                Ok(())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn dedup(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        let mut keys = Vec::new();
        loop {
            keys.push(self.expression()?);
            if !self.take_symbol(",")? {
                plan.operators.push(Operator::Dedup(keys));
                return Ok(());
            }
        }
    }

    /// `parse @message "[*] *" as level, text`, or `parse @message /(?<level>\w+)/`.
    fn parse(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        // A regular expression may follow each word here, and is no word itself.
        let mut from = None;
        if self.lexer.clone().regex()?.is_none() {
            self.advance()?;
            if let Token::Name(name) | Token::Quoted(name) = &self.token {
                from = Some(self.field(name, self.range.clone())?);
                if self.lexer.clone().regex()?.is_none() {
                    self.advance()?;
                }
            }
        }
        let from = match from {
            Some(from) => from,
            None => self.field("@message", self.range.clone())?,
        };
        let (extraction, slots) = match &self.token {
            Token::Text(glob) => {
                let (glob, range) = (glob.clone(), self.range.clone());
                self.advance()?;
                self.glob(&glob, range)?
            }
            _ => self.regex()?,
        };
        for slot in &slots {
            let column = Column {
                name: self.names.slots[*slot].clone(),
                value: Expression::Slot(*slot),
            };
            show(&mut plan.columns, column);
        }
        plan.operators.push(Operator::Extract {
            from,
            extraction: extraction.into(),
            slots,
        });
        Ok(())
    }

    fn glob(
        &mut self,
        glob: &str,
        range: Range<usize>,
    ) -> Result<(Extraction, Vec<usize>), MalformedQuery> {
        let slots = self.aliases()?;
        if slots.is_empty() || slots.len() != glob.matches('*').count() {
            let message = format!(
                "the glob has {} `*` and {} names behind `as`: each needs one",
                glob.matches('*').count(),
                slots.len()
            );
            return Err(self.lexer.malformed(message, range));
        }
        Ok((Extraction::glob(glob), slots))
    }

    fn regex(&mut self) -> Result<(Extraction, Vec<usize>), MalformedQuery> {
        let Some((source, range)) = self.lexer.regex()? else {
            return Err(self.unexpected());
        };
        self.advance()?;
        let (regex, names) =
            Extraction::regex(&source).map_err(|error| self.regex_error(&error, range.clone()))?;
        let aliases = self.aliases()?;
        let (groups, slots): (Vec<Group>, Vec<usize>) = if aliases.is_empty() {
            let mut slots = Vec::with_capacity(names.len());
            for (name, _) in &names {
                slots.push(self.add_slot(name, range.clone())?);
            }
            let groups = names.into_iter().map(|(_, own)| Group::Named(own));
            (groups.collect(), slots)
        } else {
            let groups = (1..=aliases.len()).map(Group::Numbered);
            (groups.collect(), aliases)
        };
        if slots.is_empty() || slots.len() >= regex.group_count() {
            let message = "each name behind `as` needs a group `(…)`, and without names \
                           the groups are named: `(?<name>…)`";
            return Err(self.lexer.malformed(message, range));
        }
        Ok((Extraction::Regex(regex, groups), slots))
    }

    /// `as a, b`, or nothing.
    fn aliases(&mut self) -> Result<Vec<usize>, MalformedQuery> {
        let mut slots = Vec::new();
        if !self.take_keyword("as")? {
            return Ok(slots);
        }
        loop {
            let range = self.range.clone();
            let name = self.new_name()?;
            slots.push(self.add_slot(&name, range)?);
            if !self.take_symbol(",")? {
                return Ok(slots);
            }
        }
    }

    /// `stats count(*) as n, avg(a) / 1000 by b, bin(5m)`.
    fn stats(&mut self, plan: &mut Plan) -> Result<(), MalformedQuery> {
        self.advance()?;
        let row_names = std::mem::replace(&mut self.names, Names::behind_stats());
        self.grouping = Some(Grouping {
            aggregates: Vec::new(),
            row_names,
        });
        let mut shown = Vec::new();
        let mut columns = Vec::new();
        loop {
            let (value, name, range) = self.named_expression()?;
            let slot = self.add_slot(&name, range)?;
            shown.push(value);
            columns.push(slot_column(name, slot));
            if !self.take_symbol(",")? {
                break;
            }
        }
        let Some(Grouping {
            aggregates,
            row_names,
        }) = self.grouping.take()
        else {
            return Err(self.unexpected());
        };
        // What rows are grouped by is of the rows; its names are of the groups.
        let names = std::mem::replace(&mut self.names, row_names);
        self.end_rows(plan);
        let mut keys = Vec::new();
        if self.take_keyword("by")? {
            loop {
                keys.push(self.named_expression()?);
                if !self.take_symbol(",")? {
                    break;
                }
            }
        }
        self.names = names;
        let mut key_columns = Vec::with_capacity(keys.len());
        let mut by = Vec::with_capacity(keys.len());
        for (key, name, range) in keys {
            let slot = self.add_slot(&name, range)?;
            key_columns.push(slot_column(name, slot));
            by.push(key);
        }
        // Keys are shown first.
        key_columns.extend(columns);
        (plan.columns, plan.displayed) = (key_columns, None);
        plan.operators.push(Operator::Stats(Stats {
            aggregates,
            shown,
            keys: by,
            slots: 0,
        }));
        Ok(())
    }

    /// An expression with its alias, or else its text, for a name.
    fn named_expression(&mut self) -> Result<(Expression, String, Range<usize>), MalformedQuery> {
        let start = self.range.start;
        let value = self.expression()?;
        let range = start..self.end;
        let name = if self.take_keyword("as")? {
            self.new_name()?
        } else {
            let text = &self.lexer.query[range.clone()];
            let is_plain = matches!(value, Expression::Field(_) | Expression::Slot(_));
            let text = if is_plain {
                text.trim_matches('`')
            } else {
                text
            };
            text.to_owned()
        };
        Ok((value, name, range))
    }
}

fn slot_column(name: String, slot: usize) -> Column {
    Column {
        name: name.into(),
        value: Expression::Slot(slot),
    }
}

fn event_column(name: &str) -> Column {
    Column {
        name: name.into(),
        value: Expression::Field(name.into()),
    }
}
