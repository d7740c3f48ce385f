//! What an element's own tag and neighbourhood say of it, before its text is read.

use super::blocks::name;
use dom_query::NodeRef;

/// Words in an element's class, id or role that mark what surrounds a text on most pages of a site. The lists of
/// Readability and of trafilatura were looked at for the idea; the words are ours.
const AROUND: [&str; 43] = [
    "nav",
    "navbar",
    "navigation",
    "menu",
    "submenu",
    "footer",
    "sidebar",
    "breadcrumb",
    "breadcrumbs",
    "banner",
    "share",
    "sharing",
    "social",
    "related",
    "recommended",
    "recommendations",
    "newsletter",
    "subscribe",
    "subscription",
    "promo",
    "promotion",
    "advert",
    "advertisement",
    "ad",
    "ads",
    "sponsored",
    "pagination",
    "pager",
    "toolbar",
    "popup",
    "modal",
    "overlay",
    "copyright",
    "login",
    "signin",
    "signup",
    "complementary",
    "contentinfo",
    "search",
    "topbar",
    "masthead",
    "trending",
    "skip",
];
/// Words that mark what is never the text, however long it is: notices about cookies can be longer than the page.
const NEVER: [&str; 2] = ["consent", "gdpr"];
/// The word of such notices, which is also one of recipes: it counts beside one of the next list.
const COOKIE: [&str; 2] = ["cookie", "cookies"];
const NOTICE: [&str; 9] = ["banner", "notice", "bar", "law", "policy", "popup", "modal", "overlay", "dialog"];

/// Whether an element belongs to the text of a page, by its tag, class, id and role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It may be the text.
    Inside,
    /// It surrounds the text, unless it holds most of the page.
    Around,
    /// It is never the text.
    Never,
}

/// Whether the element is shown to nobody.
pub(super) fn is_hidden(node: &NodeRef<'_>) -> bool {
    node.element_ref().is_some_and(|element| {
        element.attrs.iter().any(|attr| match &*attr.name.local {
            "hidden" => true,
            "aria-hidden" => attr.value.eq_ignore_ascii_case("true"),
            "style" => {
                let style: String = attr.value.chars().filter(|c| !c.is_whitespace()).collect();
                style.contains("display:none") || style.contains("visibility:hidden")
            }
            _ => false,
        })
    })
}

/// Where an element belongs.
pub(super) fn place(node: &NodeRef<'_>) -> Place {
    let Some(element) = node.element_ref() else { return Place::Inside };
    match &*element.name.local {
        "nav" | "footer" => return Place::Never,
        "aside" => return Place::Around,
        // What is inside these is the text, whatever they are called.
        "body" | "main" | "article" | "html" => return Place::Inside,
        _ => {}
    }
    let named = |list: &[&str]| {
        let marks = element.attrs.iter().filter(|attr| matches!(&*attr.name.local, "class" | "id" | "role"));
        let mut words = marks.flat_map(|attr| attr.value.split(|c: char| !c.is_ascii_alphanumeric()));
        words.any(|word| list.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    if named(&NEVER) || named(&COOKIE) && named(&NOTICE) {
        Place::Never
    } else if named(&AROUND) {
        Place::Around
    } else {
        Place::Inside
    }
}

/// Takes what surrounds the text out of a page. What holds half of the page's letters stays, whatever it is called:
/// some sites put their text into a `div` of class `search` or `has-sidebar`.
pub(super) fn prune(body: &NodeRef<'_>) {
    let mut total = body.normalized_char_count();
    let mut node = body.first_child();
    while let Some(here) = node {
        let place = place(&here);
        let length = if place == Place::Inside { 0 } else { here.normalized_char_count() };
        let goes = place == Place::Never || place == Place::Around && length * 2 < total;
        // Into what stays and behind what goes.
        let next = if goes { None } else { here.first_child() };
        node = next.or_else(|| behind(&here, body));
        if goes {
            total = total.saturating_sub(length);
            here.remove_from_parent();
        }
    }
}

/// The next node in the order of the page that is not under this one.
fn behind<'a>(node: &NodeRef<'a>, root: &NodeRef<'a>) -> Option<NodeRef<'a>> {
    let mut here = *node;
    loop {
        if here.id == root.id {
            return None;
        }
        if let Some(next) = here.next_sibling() {
            return Some(next);
        }
        here = here.parent()?;
    }
}

/// Whether a list or table only arranges the page: it holds headings, code or whole articles, or its items hold several
/// paragraphs each.
pub(super) fn is_arranged(group: &NodeRef<'_>) -> bool {
    let (mut items, mut paragraphs) = (0_usize, 0_usize);
    for node in group.descendants_it() {
        let Some(name) = name(&node) else { continue };
        match &*name {
            "h1" | "h2" | "h3" | "h4" | "pre" | "article" | "table" | "form" => return true,
            "li" | "td" | "th" | "dd" => items += 1,
            "p" => paragraphs += 1,
            _ => {}
        }
    }
    paragraphs > items
}
