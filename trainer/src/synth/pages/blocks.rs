//! Paragraphs from elements.

use super::shape::{is_arranged, is_hidden};
use dom_query::{NodeData, NodeRef};

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Heading,
    Text,
    List,
    Table,
    Code,
}

/// A paragraph of a page, with what tells text from navigation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Letters and digits of it.
    pub(super) letters: usize,
    /// Those of them that stand in links.
    pub(super) linked: usize,
}

/// Elements without a word of the text.
const SILENT: [&str; 20] = [
    "head", "script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas",
    "button", "select", "textarea", "input", "audio", "video", "map", "datalist", "progress", "dialog",
];
/// Elements that end a paragraph where they begin and where they end.
const BLOCKS: [&str; 26] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "details",
    "div",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "main",
    "nav",
    "p",
    "section",
    "summary",
    "caption",
    "title",
    "label",
];

/// The blocks under an element in reading order.
pub(super) fn blocks(root: NodeRef<'_>) -> Vec<Block> {
    let mut writer = Writer::default();
    let mut node = root;
    // Down, else along, else up: no recursion, whatever the depth.
    loop {
        let open = writer.enter(&node, node.id == root.id);
        if let Some(child) = node.first_child().filter(|_| open) {
            node = child;
            continue;
        }
        if open {
            writer.leave(&node);
        }
        while node.id != root.id && node.next_sibling().is_none() {
            match node.parent() {
                Some(parent) => node = parent,
                None => return writer.done(),
            }
            writer.leave(&node);
        }
        match node.next_sibling().filter(|_| node.id != root.id) {
            Some(next) => node = next,
            None => return writer.done(),
        }
    }
}

/// What a list or table inside which the writer stands does with its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Its items are lines of one paragraph; a numbered list counts them.
    Lines(Kind, Option<u32>),
    /// It only arranges the page: its items are blocks of their own.
    Arranges,
}

#[derive(Default)]
struct Writer {
    done: Vec<Block>,
    text: String,
    heading: bool,
    groups: Vec<Group>,
    pre: usize,
    links: usize,
    letters: usize,
    linked: usize,
    space: bool,
}

impl Writer {
    fn enter(&mut self, node: &NodeRef<'_>, root: bool) -> bool {
        if node.is_text() {
            node.query(|n| {
                if let NodeData::Text { contents } = &n.data {
                    self.write(contents);
                }
            });
            return true;
        }
        let Some(name) = name(node) else { return !node.is_comment() && !node.is_doctype() };
        if !root && (SILENT.contains(&&*name) || is_hidden(node)) {
            self.space = true;
            return false;
        }
        self.begin(node, &name);
        true
    }

    fn begin(&mut self, node: &NodeRef<'_>, name: &str) {
        match name {
            "br" => self.line_end(),
            "pre" => {
                self.boundary();
                self.pre += 1;
            }
            "ul" | "ol" | "menu" | "dl" | "table" => {
                let kind = if name == "table" { Kind::Table } else { Kind::List };
                if self.lines().is_none() {
                    self.flush();
                }
                let count = (name == "ol").then_some(0);
                self.groups.push(if is_arranged(node) { Group::Arranges } else { Group::Lines(kind, count) });
            }
            "li" | "dt" | "dd" | "tr" => self.item(name),
            "td" | "th" => match self.lines() {
                Some(_) if !self.text.is_empty() && !self.text.ends_with('\n') => {
                    self.text.push_str(" | ");
                    self.space = false;
                }
                Some(_) => {}
                None => self.flush(),
            },
            "a" => self.links += 1,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.boundary();
                self.heading = self.lines().is_none();
            }
            _ if BLOCKS.contains(&name) => self.boundary(),
            _ => {}
        }
    }

    fn leave(&mut self, node: &NodeRef<'_>) {
        let Some(name) = name(node) else { return };
        match &*name {
            "pre" => {
                self.flush_as(if self.lines().is_none() { Some(Kind::Code) } else { None });
                self.pre = self.pre.saturating_sub(1);
            }
            "ul" | "ol" | "menu" | "dl" | "table" => {
                let left = self.groups.pop();
                if self.lines().is_none() {
                    self.flush_as(left.and_then(|group| match group {
                        Group::Lines(kind, _) => Some(kind),
                        Group::Arranges => None,
                    }));
                }
            }
            "a" => self.links = self.links.saturating_sub(1),
            "li" | "dt" | "dd" | "tr" | "td" | "th" if self.lines().is_none() => self.flush(),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.boundary();
                self.heading = false;
            }
            other if BLOCKS.contains(&other) => self.boundary(),
            _ => {}
        }
    }

    /// The group whose items are lines, when the writer stands in one.
    fn lines(&self) -> Option<Kind> {
        // The outermost decides: a table that arranges a list item does not end the list's paragraph.
        self.groups.iter().find_map(|group| match group {
            Group::Lines(kind, _) => Some(*kind),
            Group::Arranges => None,
        })
    }

    fn item(&mut self, name: &str) {
        if self.lines().is_none() {
            self.flush();
            return;
        }
        self.line_end();
        let depth = self.groups.iter().filter(|g| matches!(g, Group::Lines(Kind::List, _))).count();
        if name == "tr" || depth == 0 {
            return;
        }
        self.text.push_str(&"  ".repeat(depth.min(9) - 1));
        match (name, self.groups.last_mut()) {
            ("li", Some(Group::Lines(_, Some(count)))) => {
                *count = count.saturating_add(1);
                let number = format!("{count}. ");
                self.text.push_str(&number);
            }
            ("li", _) => self.text.push_str("- "),
            ("dd", _) => self.text.push_str("  "),
            _ => {}
        }
    }

    /// The edge of a block: inside a list or table a blank, else the end of the paragraph.
    fn boundary(&mut self) {
        if self.lines().is_some() {
            self.space = true;
        } else {
            self.flush();
        }
    }

    fn line_end(&mut self) {
        self.space = false;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        } else if self.lines().is_none() && self.pre == 0 {
            // Two line breaks stand for a new paragraph.
            self.flush();
        }
    }

    fn write(&mut self, contents: &str) {
        for c in contents.chars() {
            if c == '\n' && self.pre > 0 {
                self.text.push('\n');
                self.space = false;
            } else if c.is_whitespace() && self.pre > 0 {
                self.text.push(if c == '\t' { '\t' } else { ' ' });
            } else if c.is_whitespace() {
                self.space = true;
            } else if !c.is_control() && c != '\u{feff}' {
                if std::mem::take(&mut self.space)
                    && !self.text.is_empty()
                    && !self.text.ends_with(['\n', ' '])
                {
                    self.text.push(' ');
                }
                self.text.push(c);
                if c.is_alphanumeric() {
                    self.letters += 1;
                    self.linked += usize::from(self.links > 0);
                }
            }
        }
    }

    fn flush(&mut self) {
        self.flush_as(None);
    }

    fn flush_as(&mut self, kind: Option<Kind>) {
        let kind = kind.unwrap_or(if self.heading { Kind::Heading } else { Kind::Text });
        let text = std::mem::take(&mut self.text);
        let text = text.trim_matches('\n').trim_end();
        let block = Block { kind, text: text.to_owned(), letters: self.letters, linked: self.linked };
        (self.letters, self.linked, self.space) = (0, 0, false);
        if block.letters > 0 {
            self.done.push(block);
        }
    }

    fn done(mut self) -> Vec<Block> {
        self.flush();
        self.done
    }
}

/// The name of an element.
pub(super) fn name(node: &NodeRef<'_>) -> Option<dom_query::LocalName> {
    node.qual_name_ref().map(|name| name.local.clone())
}
